package srtp

import (
	"encoding/binary"
	"fmt"

	"github.com/pion/srtp/v3"

	"strowger/pkg/errs"
)

const (
	window     = 128 // packets that may come late: RFC 3711, 3.3.2, wants 64 at least
	maxSources = 64  // that one side of a call may have in all
)

// context is the cryptographic context of one direction (RFC 3711, 3.2.3). It is not safe for concurrent use.
type context struct {
	of      *srtp.Context
	sources map[uint32]bool
}

func newContext(k Key) (context, error) {
	profile := srtp.ProtectionProfileAes128CmHmacSha1_80
	if k.suite == suite32 {
		profile = srtp.ProtectionProfileAes128CmHmacSha1_32
	}
	c, err := srtp.CreateContext(k.secret[:keySize], k.secret[keySize:], profile, srtp.SRTPReplayProtection(window), srtp.SRTCPReplayProtection(window))
	if err != nil {
		return context{}, fmt.Errorf("set up SRTP for %s: %w", k.suite, err)
	}
	return context{c, map[uint32]bool{}}, nil
}

// know bounds the sources: there is state for each.
func (c context) know(source uint32) error {
	if !c.sources[source] {
		if len(c.sources) == maxSources {
			return errs.New(errs.Congested, "SRTP: more than %d sources in one call", maxSources)
		}
		c.sources[source] = true
	}
	return nil
}

// Sealer encrypts what one side sends. It is not safe for concurrent use.
type Sealer struct{ context }

// NewSealer encrypts with a key.
func NewSealer(k Key) (Sealer, error) {
	c, err := newContext(k)
	return Sealer{c}, err
}

// RTP encrypts a packet of at least 12 bytes into a new buffer.
func (s Sealer) RTP(packet []byte) ([]byte, error) {
	if err := s.know(binary.BigEndian.Uint32(packet[8:])); err != nil {
		return nil, err
	}
	return s.of.EncryptRTP(nil, packet, nil)
}

// RTCP encrypts a compound into a new buffer.
func (s Sealer) RTCP(packet []byte) ([]byte, error) {
	if len(packet) < 8 {
		return nil, errs.New(errs.Invalid, "SRTP: a report of %d bytes names no source", len(packet))
	}
	if err := s.know(binary.BigEndian.Uint32(packet[4:])); err != nil {
		return nil, err
	}
	return s.of.EncryptRTCP(nil, packet, nil)
}

// Opener decrypts what the other side sends, if it is authentic and did not come before. It is not safe for concurrent use.
type Opener struct{ context }

// NewOpener decrypts with a key.
func NewOpener(k Key) (Opener, error) {
	c, err := newContext(k)
	return Opener{c}, err
}

// RTP decrypts a packet in place.
func (o Opener) RTP(packet []byte) ([]byte, error) {
	plain, err := o.of.DecryptRTP(packet[:0], packet, nil)
	if err != nil {
		return nil, err
	}
	return plain, o.know(binary.BigEndian.Uint32(plain[8:]))
}

// RTCP decrypts a compound into a new buffer.
func (o Opener) RTCP(packet []byte) ([]byte, error) { return o.of.DecryptRTCP(nil, packet, nil) }
