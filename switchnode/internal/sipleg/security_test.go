package sipleg

import (
	"testing"

	"strowger/pkg/sdp"
	"strowger/pkg/srtp"
)

// TestRolesStay: who began a handshake is who begins it in later descriptions, as far as the other side lets that be.
func TestRolesStay(t *testing.T) {
	us, them, other := identity(t), identity(t), identity(t)
	for name, c := range map[string]struct {
		began bool
		by    *srtp.Identity
		offer sdp.Setup
		want  sdp.Setup
	}{
		"either, and they began":     {false, them, sdp.ActPass, sdp.Passive},
		"either, and we began":       {true, them, sdp.ActPass, sdp.Active},
		"nothing said, and we began": {true, them, "", sdp.Passive}, // RFC 4145, 4: active
		"they want to begin":         {true, them, sdp.Active, sdp.Passive},
		"we are to begin":            {false, them, sdp.Passive, sdp.Active},
		"somebody else":              {true, other, sdp.ActPass, sdp.Passive},
	} {
		k := cipher{Security: Security{Need: Preferred, DTLS: us}, means: dtls, begins: c.began, theirs: sdp.Session{Fingerprints: []string{them.Fingerprint()}}}
		if err := k.answer(sdp.NewWriter(), sdp.Session{Fingerprints: []string{c.by.Fingerprint()}, Setup: c.offer}); err != nil || k.setup != c.want {
			t.Errorf("%s: %q, %v, want %q", name, k.setup, err, c.want)
		}
	}
}

func identity(t *testing.T) *srtp.Identity {
	t.Helper()
	i, err := srtp.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return i
}
