package media

import (
	"errors"
	"sync"

	"strowger/pkg/srtp"
)

// secrets are the keys of a leg whose media are encrypted. Without those of a direction nothing passes in it.
type secrets struct {
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
func (p *Port) Plain() { p.secrets.Store(nil) }

// Encrypt has the leg's media be encrypted: nothing passes before Keys.
func (p *Port) Encrypt() { p.secrets.Store(&secrets{}) }

// Keys sets the keys of what the leg gets, and of what it sends. Keys that are in use go on: what came before cannot come again. One
// that cannot be used is an error, and the keys stay as they were.
func (p *Port) Keys(mine, theirs srtp.Key) error {
	p.relay.mu.Lock()
	defer p.relay.mu.Unlock()
	was := p.secrets.Load()
	if was == nil {
		was = &secrets{}
	}
	next := &secrets{mine: mine, theirs: theirs, sealer: was.sealer, opener: was.opener} // RFC 3711, 3.3.1: the index goes on with the key
	if was.sealer == nil || was.mine != mine {
		s, err := srtp.NewSealer(mine)
		if err != nil {
			return err
		}
		next.sealer = &sealer{Sealer: s}
	}
	if was.opener == nil || was.theirs != theirs {
		o, err := srtp.NewOpener(theirs)
		if err != nil {
			return err
		}
		next.opener = &opener{Opener: o}
	}
	p.secrets.Store(next)
	return nil
}

// open decrypts a packet of the leg, in place where it can.
func (s *secrets) open(k kind, packet []byte) ([]byte, error) {
	if s.opener == nil {
		return nil, errNoKey
	}
	s.opener.mu.Lock()
	defer s.opener.mu.Unlock()
	if k == control {
		return s.opener.RTCP(packet)
	}
	return s.opener.RTP(packet)
}

// seal encrypts a packet for the leg into a new buffer.
func (s *secrets) seal(k kind, packet []byte) ([]byte, error) {
	if s.sealer == nil {
		return nil, errNoKey
	}
	s.sealer.mu.Lock()
	defer s.sealer.mu.Unlock()
	if k == control {
		return s.sealer.RTCP(packet)
	}
	return s.sealer.RTP(packet)
}
