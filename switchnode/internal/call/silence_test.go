package call

import (
	"testing"
	"time"

	"strowger/pkg/ledger"
	"strowger/pkg/rtp"
	"strowger/pkg/sdp"
	"strowger/switchnode/internal/media"
)

// wire is a link whose packets a test brings.
type wire struct {
	fakeLink
	receive func([]byte)
}

func (w *wire) NewFlow(receive func([]byte)) (media.Flow, error) {
	w.receive = receive
	return fakeFlow(1), nil
}

// ended makes the leg of a target, or of the caller, one of an app, whose media end here, and returns what brings its packets.
func (s *scene) ended() (open func() *media.Port, speak func()) {
	w := &wire{}
	open = func() *media.Port {
		p, err := s.relay.OpenEnd(w, "WebRTC")
		if err != nil {
			s.t.Fatal(err)
		}
		p.SetLocal([]sdp.Format{{Codec: pcma, PT: 8}})
		return p
	}
	return open, func() { w.receive(rtp.Header{PT: 8}.Append(nil, []byte("speech"))) }
}

// silences is what the ledger has of them.
func (s *scene) silences() (all []string) {
	for _, e := range s.ledger() {
		if e.Kind == ledger.Silent {
			all = append(all, e.Leg+" "+e.By+" "+e.Text)
		}
	}
	return all
}

// A side that sends nothing is noted once, within 5 s; one that is on hold is not, until the hold is over.
func TestOneWayAudio(t *testing.T) {
	var speak func()
	play(t, []time.Duration{0}, func(s *scene) Admission {
		s.targets[0].open, speak = s.ended()
		return plan(0, 0)(s)
	}, func(s *scene) {
		s.say(1, Answered{1, speech, "", nil})
		s.pass(firstSound - time.Second)
		if got := s.silences(); len(got) > 0 {
			t.Errorf("too early: %q", got)
		}
		s.say(Caller, Offered{Leg: Caller, Description: holding})
		s.say(1, OfferAccepted{1, speech})
		s.pass(time.Minute)
		if got := s.silences(); len(got) > 0 {
			t.Errorf("on hold: %q", got)
		}
		s.say(Caller, Offered{Leg: Caller, Description: speech})
		s.say(1, OfferAccepted{1, speech})
		s.pass(5 * time.Second)
		if got := s.silences(); len(got) != 1 || got[0] != "branch1 callee no audio from 301001's phone" {
			t.Errorf("the ledger has %q", got)
		}
		speak()
		s.pass(time.Minute)
		if got := s.silences(); len(got) != 1 {
			t.Errorf("again: %q", got)
		}
		s.say(Caller, HungUp{Caller, normal})
		s.close(Caller, 1)
	})
}

func TestAudioFromBothSides(t *testing.T) {
	var speak func()
	play(t, []time.Duration{0}, func(s *scene) Admission {
		s.targets[0].open, speak = s.ended()
		return plan(0, 0)(s)
	}, func(s *scene) {
		s.say(1, Answered{1, speech, "", nil})
		speak()
		s.pass(time.Minute)
		if got := s.silences(); len(got) > 0 {
			t.Errorf("the ledger has %q", got)
		}
		s.say(Caller, HungUp{Caller, normal})
		s.close(Caller, 1)
	})
}
