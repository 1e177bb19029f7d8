package media

import (
	"errors"
	"sync"

	"strowger/pkg/srtp"
)

// secrets are the keys of a leg whose media are encrypted. Without those of a direction nothing passes in it.
type secrets struct {
	halves [kinds]cipher
	shakes *shakes // nil: the keys come with descriptions
}

// cipher is what one half of a port is encrypted with. With keys in descriptions both have the same.
type cipher struct {
	mine, theirs srtp.Key
	sealer       *sealer // nil: none yet
	opener       *opener
}

type sealer struct {
	mu sync.Mutex
	srtp.Sealer
}

type opener struct {
	mu sync.Mutex
	srtp.Opener
}

var errNoKey = errors.New("there is no key yet")

// Plain has the leg's media pass as they are.
func (p *Port) Plain() { p.encrypt(nil) }

// Encrypt has the leg's media be encrypted: nothing passes before Keys, or a handshake.
func (p *Port) Encrypt() { p.encrypt(&secrets{}) }

// encrypt puts secrets in the place of those that there were.
func (p *Port) encrypt(s *secrets) {
	p.relay.mu.Lock()
	was := p.secrets.Swap(s)
	p.relay.mu.Unlock()
	if was != nil && was.shakes != nil && (s == nil || s.shakes != was.shakes) {
		was.shakes.close()
	}
}

// Keys sets the keys of what the leg gets, and of what it sends. Keys that are in use go on: what came before cannot come again. One
// that cannot be used is an error, and the keys stay as they were.
func (p *Port) Keys(mine, theirs srtp.Key) error {
	var had cipher
	if was := p.secrets.Load(); was != nil && was.shakes == nil {
		had = was.halves[media]
	}
	c, err := had.change(mine, theirs)
	if err == nil {
		p.encrypt(&secrets{halves: [kinds]cipher{c, c}})
	}
	return err
}

// change returns the cipher of keys. RFC 3711, 3.3.1: the index goes on with the key.
func (c cipher) change(mine, theirs srtp.Key) (cipher, error) {
	next := cipher{mine: mine, theirs: theirs, sealer: c.sealer, opener: c.opener}
	if c.sealer == nil || c.mine != mine {
		s, err := srtp.NewSealer(mine)
		if err != nil {
			return c, err
		}
		next.sealer = &sealer{Sealer: s}
	}
	if c.opener == nil || c.theirs != theirs {
		o, err := srtp.NewOpener(theirs)
		if err != nil {
			return c, err
		}
		next.opener = &opener{Opener: o}
	}
	return next, nil
}

// open decrypts a packet of the leg, in place where it can.
func (s *secrets) open(k kind, packet []byte) ([]byte, error) {
	o := s.halves[k].opener
	if o == nil {
		return nil, errNoKey
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if k == control {
		return o.RTCP(packet)
	}
	return o.RTP(packet)
}

// seal encrypts a packet for the leg into a new buffer.
func (s *secrets) seal(k kind, packet []byte) ([]byte, error) {
	c := s.halves[k].sealer
	if c == nil {
		return nil, errNoKey
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if k == control {
		return c.RTCP(packet)
	}
	return c.RTP(packet)
}

// How the media of a leg are encrypted, in the words of the ledger.
const (
	unencrypted = "none"
	byLink      = "QUIC"
	bySDES      = "SDES"
	byHandshake = "DTLS-SRTP"
)

// WebRTC is what carries the media of apps, in the words of the ledger.
const WebRTC = "WebRTC"

// Encryption is how the leg's media are encrypted, in the words of the ledger; "" if what carries them is not known to be a network.
func (p *Port) Encryption() string {
	s := p.secrets.Load()
	switch {
	case p.end == WebRTC:
		return byHandshake
	case p.end != "":
		return ""
	case p.trusted:
		return byLink
	case s == nil:
		return unencrypted
	case s.shakes != nil:
		return s.shakes.words(s.halves[media].mine)
	case s.halves[media].sealer == nil:
		return bySDES + ": no keys"
	}
	return bySDES + " " + s.halves[media].mine.Suite()
}
