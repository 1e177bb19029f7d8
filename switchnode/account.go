package switchnode

import (
	"strowger/pkg/sip/digest"
	"strowger/pkg/sitecopy"
	"strowger/pkg/trust"
	"strowger/switchnode/internal/sipside"
)

// account finds a phone of this switch by its SIP user name.
func (n *node) account(username string) (sipside.Account, bool) {
	s := n.copy.Snapshot()
	d, secret, ok := s.Account(username)
	if !ok {
		return sipside.Account{}, false
	}
	party, enabled := s.Party(d)
	return sipside.Account{
		Device: d.ID, Party: party, Enabled: enabled, SignIn: signIn(d), HA1: digest.HA1{MD5: secret.MD5, SHA256: secret.SHA256},
	}, true
}

// keyHash is the pin of this switch's node key.
func (n *node) keyHash() string {
	return trust.CertKeyHash(n.identity.Load().Chain[0].RawSubjectPublicKeyInfo)
}

// signIn is what a phone has to show. Of a word that this release does not know the strictest is made.
func signIn(d sitecopy.Device) sipside.SignIn {
	switch s := sipside.SignIn(d.SignIn); {
	case d.Certificate == "":
		return sipside.Either
	case s == sipside.Either, s == sipside.Certificate:
		return s
	}
	return sipside.Both
}
