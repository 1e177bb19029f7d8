package switchnode

import (
	"strowger/switchnode/internal/sipleg"
)

// securities are what an administrator says of the encryption of a phone's audio (package sitecopy).
var securities = map[string]sipleg.Need{"": sipleg.Preferred, "off": sipleg.Off, "required": sipleg.Required}

// security is how the media of a phone of this switch are encrypted. Of a word that this release does not know the strictest is made.
func (n *node) security(device string) sipleg.Security {
	d, _ := n.copy.Snapshot().Device(device)
	need, ok := securities[d.SRTP]
	if !ok {
		need = sipleg.Required
	}
	return sipleg.Security{Need: need, DTLS: n.dtls}
}
