package channel

import (
	"slices"

	"strowger/pkg/errs"
)

// Session is what one side remembers of a session between connections: pure, and safe for one goroutine at a time. The zero
// value is a new one.
type Session struct {
	sent     uint64   // number of the last frame
	unacked  [][]byte // the last of those sent
	received uint64
}

// Put numbers a frame and keeps it until it is acked. When too many are kept it is errs.Congested.
func (s *Session) Put(typ string, re uint64, body any) (seq uint64, err error) {
	if len(s.unacked) >= MaxUnacked {
		return 0, errs.New(errs.Congested, "%d frames are not acknowledged, no more are sent", len(s.unacked))
	}
	frame, err := Encode(Head{Seq: s.sent + 1, Type: typ, Re: re}, body)
	if err != nil {
		return 0, err
	}
	s.sent++
	s.unacked = append(s.unacked, frame)
	return s.sent, nil
}

// After returns the first kept frame with a number above seq, and its number; nil if there is none.
func (s *Session) After(seq uint64) ([]byte, uint64) {
	first := s.sent - uint64(len(s.unacked)) // its frames have numbers above
	seq = max(seq, first)
	if seq >= s.sent {
		return nil, 0
	}
	return s.unacked[seq-first], seq + 1
}

// Acked takes what the other side received. A number that was never sent is errs.Invalid.
func (s *Session) Acked(received uint64) error {
	if received > s.sent {
		return errs.New(errs.Invalid, "frame %d is acknowledged, %d were sent", received, s.sent)
	}
	if first := s.sent - uint64(len(s.unacked)); received > first {
		s.unacked = slices.Delete(s.unacked, 0, int(received-first))
		if len(s.unacked) == 0 {
			s.unacked = nil // an idle session is small
		}
	}
	return nil
}

// Delivered says whether a frame that was sent is acked.
func (s *Session) Delivered(seq uint64) bool { return seq <= s.sent-uint64(len(s.unacked)) }

// Take notes that a numbered frame came, and says whether it is a new one. After a gap it is errs.Invalid.
func (s *Session) Take(seq uint64) (fresh bool, err error) {
	switch {
	case seq <= s.received:
		return false, nil
	case seq > s.received+1:
		return false, errs.New(errs.Invalid, "frame %d follows frame %d", seq, s.received)
	}
	s.received = seq
	return true, nil
}

// Received is the number up to which all was taken.
func (s *Session) Received() uint64 { return s.received }
