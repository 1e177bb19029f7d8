package srtp

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"strowger/pkg/errs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shaken is what came of one side's handshake.
type shaken struct {
	mine, theirs Key
	err          error
}

// shake has two sides shake hands by what passes between them, each with the fingerprints that it was told of the other.
func shake(t *testing.T, client, server *Identity, ofServer, ofClient []string, passes func(packet []byte) bool) (c, s shaken) {
	t.Helper()
	var a, b *Association
	ready := make(chan struct{})
	results := [2]chan shaken{make(chan shaken, 1), make(chan shaken, 1)}
	done := func(i int) func(Key, Key, error) {
		return func(mine, theirs Key, err error) { results[i] <- shaken{mine, theirs, err} }
	}
	to := func(other **Association) func([]byte) error {
		return func(packet []byte) error {
			if <-ready; !IsHandshake(packet) {
				t.Errorf("% x is not of a handshake", packet[:1])
			}
			if passes(packet) {
				(*other).Take(packet)
			}
			return nil
		}
	}
	var err error
	if b, err = Shake(Shaking{Identity: server, Fingerprints: ofClient, Send: to(&a), Done: done(1)}); err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if a, err = Shake(Shaking{Identity: client, Fingerprints: ofServer, Begins: true, Send: to(&b), Done: done(0)}); err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	close(ready)
	c = <-results[0]
	if c.err != nil {
		b.Close()
	}
	s = <-results[1]
	return c, s
}

func identity(t *testing.T) *Identity {
	t.Helper()
	i, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func all([]byte) bool { return true }

// TestHandshake has two sides agree on keys, by certificates whose fingerprints they were told, though a packet is lost.
func TestHandshake(t *testing.T) {
	a, b := identity(t), identity(t)
	lost := false
	c, s := shake(t, a, b, Known([]string{b.Fingerprint()}), Known([]string{"sha-1 00", a.Fingerprint()}), func([]byte) bool {
		was := lost
		lost = true
		return was
	})
	if c.err != nil || s.err != nil {
		t.Fatal(c.err, s.err)
	}
	if c.mine != s.theirs || c.theirs != s.mine || c.mine == c.theirs || c.mine.Suite() != suite80 {
		t.Error("the two have other keys")
	}
	seal, err := NewSealer(c.mine)
	if err != nil {
		t.Fatal(err)
	}
	open, err := NewOpener(s.theirs)
	if err != nil {
		t.Fatal(err)
	}
	packet := append([]byte{0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1}, "speech"...)
	sealed, err := seal.RTP(packet)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := open.RTP(sealed); err != nil || !bytes.Equal(plain, packet) {
		t.Errorf("%q, %v", plain, err)
	}
}

// TestImpostor shows a certificate that the description did not name.
func TestImpostor(t *testing.T) {
	a, b, other := identity(t), identity(t), identity(t)
	for _, told := range [][]string{{other.Fingerprint()}, nil, {"sha-256 00"}, {"md5 00"}} {
		c, s := shake(t, a, b, Known(told), Known([]string{a.Fingerprint()}), all)
		if errs.CodeOf(c.err) != errs.WrongPresenter || s.err == nil {
			t.Errorf("told %q: the client says %v, the server %v", told, c.err, s.err)
		}
	}
}

// TestFingerprints takes those of good hashes, however they are written.
func TestFingerprints(t *testing.T) {
	f := identity(t).Fingerprint()
	for text, taken := range map[string]bool{
		f: true, strings.ToLower(f): true, strings.Replace(f, "sha-256", "SHA-256", 1): true, "sha-256": false, f[:len(f)-3]: false,
		strings.Replace(f, "sha-256", "sha-1", 1): false, f + ":00": false, strings.Replace(f, ":", "x", 1): false,
	} {
		if known := Known([]string{text}); (len(known) == 1) != taken || taken && known[0] != f {
			t.Errorf("%q: %q", text, known)
		}
	}
	other := identity(t).Fingerprint()
	one, same := Known([]string{f, other}), Known([]string{other, f, strings.ToLower(f)}) // of the session, and of the medium again
	if len(one) != 2 || !slices.Equal(one, same) {
		t.Errorf("%q and %q, want one set", one, same)
	}
}

// TestClosedEarly ends an association that nobody answered.
func TestClosedEarly(t *testing.T) {
	for _, begins := range []bool{true, false} {
		told := make(chan error, 1)
		a, err := Shake(Shaking{Identity: identity(t), Begins: begins, Send: func([]byte) error { return nil }, Done: func(_, _ Key, err error) { told <- err }})
		if err != nil {
			t.Fatal(err)
		}
		a.Take([]byte{22, 1, 2, 3})
		a.Close()
		if <-told == nil {
			t.Error("it was agreed with nobody")
		}
	}
}

// FuzzFingerprint reads fingerprints.
func FuzzFingerprint(f *testing.F) {
	f.Add("sha-256 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB:4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF")
	f.Add("SHA-512 00")
	f.Fuzz(func(t *testing.T, text string) {
		known := Known([]string{text})
		if again := Known(known); len(again) != len(known) || len(known) == 1 && again[0] != known[0] {
			t.Errorf("%q became %q", text, again)
		}
	})
}
