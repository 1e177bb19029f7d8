package media

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"strowger/pkg/srtp"
)

// hands is the handshake of a phone on one of its sockets, from another address if asked.
type hands struct {
	association *srtp.Association
	keys        chan [2]srtp.Key
	failed      chan error
}

// shakes begins the handshake of a phone with a port whose certificate it knows, and takes what comes until the test ends.
func (p *phone) shakes(k kind, with srtp.Shaking) *hands {
	p.t.Helper()
	h := &hands{keys: make(chan [2]srtp.Key, 1), failed: make(chan error, 1)}
	conn, to := p.conns[k], net.UDPAddrFromAddrPort(p.towards[k])
	with.Send = func(packet []byte) error {
		_, err := conn.WriteTo(packet, to)
		return err
	}
	with.Done = func(mine, theirs srtp.Key, err error) {
		if err != nil {
			h.failed <- err
			return
		}
		h.keys <- [2]srtp.Key{mine, theirs}
	}
	a, err := srtp.Shake(with)
	if err != nil {
		p.t.Fatal(err)
	}
	h.association = a
	read := make(chan struct{})
	go func() {
		defer close(read)
		for b := make([]byte, maxPacket); ; {
			n, _, err := conn.ReadFromUDP(b)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if n > 0 && srtp.IsHandshake(b[:n]) {
				a.Take(b[:n])
			}
		}
	}()
	p.t.Cleanup(func() {
		a.Close()
		conn.Close()
		<-read
	})
	return h
}

func identity(t *testing.T) *srtp.Identity {
	t.Helper()
	i, err := srtp.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// TestHandshake agrees on keys on the port of a leg, though the phone begins before its description has come; what others send is not heard.
func TestHandshake(t *testing.T) {
	c := newCall(t)
	ours, theirs, others := identity(t), identity(t), identity(t)
	c.pb.Expect()
	h := c.b.shakes(media, srtp.Shaking{Identity: theirs, Fingerprints: srtp.Known([]string{ours.Fingerprint()}), Begins: true})
	thief := newPhone(t, netip.MustParseAddr("127.0.0.2")).to(c.pb)
	stolen := thief.shakes(media, srtp.Shaking{Identity: others, Fingerprints: srtp.Known([]string{ours.Fingerprint()}), Begins: true})
	if got := c.pb.Encryption(); got != "DTLS-SRTP: no keys" {
		t.Errorf("before the description: %s", got)
	}
	shake := Shake{Identity: ours, Fingerprints: srtp.Known([]string{theirs.Fingerprint()})}
	c.pb.Shake(shake)
	keys := <-h.keys
	pollDrops(t, c.pb, Stranger, 1)

	seal, err := srtp.NewSealer(keys[0])
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return c.pb.Encryption() == "DTLS-SRTP AES_CM_128_HMAC_SHA1_80" }, "it is %s", c.pb.Encryption())
	again := theirs.Fingerprint()
	shake.Fingerprints = srtp.Known([]string{again, again}) // the same certificate in a later description, of session and medium
	c.pb.Shake(shake)
	sealed, err := seal.RTP(c.b.h.Append(nil, []byte("hello")))
	if err != nil {
		t.Fatal(err)
	}
	c.b.write(media, sealed)
	c.a.hears(0, "hello")
	c.b.say(0, "in the clear")
	pollDrops(t, c.pb, Unauthentic, 1)
	c.a.say(0, "secret")
	eventually(t, func() bool { return c.pb.Stats().PacketsSent == 1 }, "it is %s", c.pb.Encryption())
	select {
	case <-stolen.keys:
		t.Error("somebody elsewhere has keys")
	default:
	}
}

// TestWrongCertificate does not talk to who shows another certificate than the description names.
func TestWrongCertificate(t *testing.T) {
	c := newCall(t)
	ours, theirs, others := identity(t), identity(t), identity(t)
	c.pb.Shake(Shake{Identity: ours, Fingerprints: srtp.Known([]string{others.Fingerprint()})})
	h := c.b.shakes(media, srtp.Shaking{Identity: theirs, Fingerprints: srtp.Known([]string{ours.Fingerprint()}), Begins: true})
	<-h.failed
	eventually(t, func() bool { return strings.Contains(c.pb.Encryption(), "not the one of the description") }, "it is %s", c.pb.Encryption())
	c.a.say(0, "secret")
	pollDrops(t, c.pa, Unsent, 1)
}

// TestBegun begins the handshake, with a phone that waits for it.
func TestBegun(t *testing.T) {
	c := newCall(t)
	ours, theirs := identity(t), identity(t)
	h := c.b.shakes(media, srtp.Shaking{Identity: theirs, Fingerprints: srtp.Known([]string{ours.Fingerprint()})})
	c.pb.Shake(Shake{Identity: ours, Fingerprints: srtp.Known([]string{theirs.Fingerprint()}), Begins: true})
	<-h.keys
	eventually(t, func() bool { return strings.HasPrefix(c.pb.Encryption(), "DTLS-SRTP AES") }, "it is %s", c.pb.Encryption())
	c.pb.Plain() // ends it
	if got := c.pb.Encryption(); got != "none" {
		t.Errorf("at last: %s", got)
	}
}

// TestHandshakeAgain: after a handshake that failed there is another, in the same description and in the next.
func TestHandshakeAgain(t *testing.T) {
	c := newCall(t)
	ours, theirs, others := identity(t), identity(t), identity(t)
	known := srtp.Known([]string{ours.Fingerprint()})
	shake := Shake{Identity: ours, Fingerprints: srtp.Known([]string{theirs.Fingerprint()})}
	c.pb.Shake(shake)
	wrong := newPhone(t, netip.MustParseAddr("127.0.0.1")).to(c.pb).shakes(media, srtp.Shaking{Identity: others, Fingerprints: known, Begins: true})
	<-wrong.failed
	eventually(t, func() bool { return strings.Contains(c.pb.Encryption(), "not the one") }, "it is %s", c.pb.Encryption())
	<-c.b.shakes(media, srtp.Shaking{Identity: theirs, Fingerprints: known, Begins: true}).keys
	eventually(t, func() bool { return strings.HasPrefix(c.pb.Encryption(), "DTLS-SRTP AES") }, "it is %s", c.pb.Encryption())

	shake.Begins = true // another role: another association
	c.pb.Shake(shake)
	if got := c.pb.Encryption(); strings.Contains(got, "AES") {
		t.Errorf("with another role the old keys go on: %s", got)
	}
}

// TestHandshakeAgainByDescription: who waited for us, and was somebody else, is asked again when the description comes again.
func TestHandshakeAgainByDescription(t *testing.T) {
	c := newCall(t)
	ours, theirs, others := identity(t), identity(t), identity(t)
	h := c.b.shakes(media, srtp.Shaking{Identity: theirs, Fingerprints: srtp.Known([]string{others.Fingerprint()})})
	shake := Shake{Identity: ours, Fingerprints: srtp.Known([]string{theirs.Fingerprint()}), Begins: true}
	c.pb.Shake(shake)
	<-h.failed // it wants others
	eventually(t, func() bool { return strings.Contains(c.pb.Encryption(), "no keys: ") }, "it is %s", c.pb.Encryption())
	was := c.pb.secrets.Load().shakes
	c.pb.Shake(shake)
	if c.pb.secrets.Load().shakes == was {
		t.Error("there is no other handshake")
	}
}

// TestHandshakeFromElsewhere: who shows the certificate of the description is the leg, wherever it is; who does not is nobody, and keeps nobody waiting.
func TestHandshakeFromElsewhere(t *testing.T) {
	c := newCall(t)
	ours, theirs, others := identity(t), identity(t), identity(t)
	known := srtp.Known([]string{ours.Fingerprint()})
	c.pb.Shake(Shake{Identity: ours, Fingerprints: srtp.Known([]string{theirs.Fingerprint()})})
	<-newPhone(t, netip.MustParseAddr("127.0.0.2")).to(c.pb).shakes(media, srtp.Shaking{Identity: others, Fingerprints: known, Begins: true}).failed
	far := newPhone(t, netip.MustParseAddr("127.0.0.3")).to(c.pb)
	keys := <-far.shakes(media, srtp.Shaking{Identity: theirs, Fingerprints: known, Begins: true}).keys
	eventually(t, func() bool { return strings.HasPrefix(c.pb.Encryption(), "DTLS-SRTP AES") }, "it is %s", c.pb.Encryption())
	seal, err := srtp.NewSealer(keys[0])
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := seal.RTP(far.h.Append(nil, []byte("hello")))
	if err != nil {
		t.Fatal(err)
	}
	far.write(media, sealed)
	c.a.hears(0, "hello")
	c.a.say(0, "secret")
	eventually(t, func() bool {
		return c.pb.Stats().PacketsSent == 1 && c.pb.targets[media].Load().addr.Addr() == netip.MustParseAddr("127.0.0.3")
	}, "they go to %v", c.pb.targets[media].Load())
}

// TestHandshakeOfTheKnown: who is where the leg's media may come from takes the place of who is elsewhere and has shown nothing.
func TestHandshakeOfTheKnown(t *testing.T) {
	c := newCall(t)
	ours, theirs := identity(t), identity(t)
	known := srtp.Known([]string{ours.Fingerprint()})
	c.pb.Shake(Shake{Identity: ours, Fingerprints: srtp.Known([]string{theirs.Fingerprint()})})
	thief := newPhone(t, netip.MustParseAddr("127.0.0.2")).to(c.pb)
	thief.write(media, append([]byte{22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 1)) // it begins, and no more
	eventually(t, func() bool {
		s := c.pb.secrets.Load().shakes
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.halves[media].elsewhere
	}, "it is not heard")
	<-c.b.shakes(media, srtp.Shaking{Identity: theirs, Fingerprints: known, Begins: true}).keys
	eventually(t, func() bool { return strings.HasPrefix(c.pb.Encryption(), "DTLS-SRTP AES") }, "it is %s", c.pb.Encryption())
}
