package threeway

import (
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"strowger/pkg/ledger"
	"strowger/pkg/sdp"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/media"
	"strowger/switchnode/internal/voice"
)

// party is a leg of a meeting without a call around it.
type party struct {
	call.Leg
	inputs []any
}

// enter dials a target and has the leg begin with an offer.
func enter(t *testing.T, to call.Target, offer sdp.Description) *party {
	t.Helper()
	p := &party{}
	leg, err := to.Dial(call.Setup{Post: func(in any) bool { p.inputs = append(p.inputs, in); return true }})
	if err != nil {
		t.Fatal(err)
	}
	p.Leg = leg
	leg.Do(call.Start{Offer: offer})
	p.run()
	return p
}

// run handles what was posted.
func (p *party) run() (evs []call.Event) {
	all := p.inputs
	p.inputs = nil
	for _, in := range all {
		evs = append(evs, p.Handle(in)...)
	}
	return evs
}

func (p *party) hangUp() {
	p.Do(call.HangUp{Cause: ledger.Cause{}})
	p.run()
}

func newMeeting(t *testing.T) (*Meeting, *voice.Clock, *media.Relay) {
	t.Helper()
	relay, err := media.NewRelay(media.Config{Bind: netip.MustParseAddr("127.0.0.1"), Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(relay.Close)
	clock := voice.NewClock()
	return New(clock, relay), clock, relay
}

// nothing says that a meeting that is over holds nothing.
func nothing(t *testing.T, clock *voice.Clock, relay *media.Relay) {
	t.Helper()
	if n := clock.Moved(); n != 0 {
		t.Errorf("the clock moves %d rooms", n)
	}
	if n := relay.Counters().Ports; n != 0 {
		t.Errorf("%d ports are open", n)
	}
}

// TestNobodyCame closes a meeting whose only guest speaks nothing that the switch does.
func TestNobodyCame(t *testing.T) {
	m, clock, relay := newMeeting(t)
	enter(t, m.Guest(), sdp.Description{})
	if n := m.There(); n != 0 {
		t.Errorf("%d are there", n)
	}
	m.Close()
	nothing(t, clock, relay)
}

// TestHostComesToNobody has the guests leave before the host comes: the host is not left alone.
func TestHostComesToNobody(t *testing.T) {
	m, clock, relay := newMeeting(t)
	guests := []*party{enter(t, m.Guest(), voice.Offered()), enter(t, m.Guest(), voice.Offered())}
	m.Begin()
	for _, g := range guests {
		g.hangUp()
	}
	p := &party{}
	l, err := m.Host().Dial(call.Setup{Post: func(in any) bool { p.inputs = append(p.inputs, in); return true }})
	if err == nil {
		p.Leg = l
		l.Do(call.Start{Offer: voice.Offered()})
		p.run()
		p.run()
		if !l.(*leg).over {
			t.Error("the host is alone, and stays")
			p.hangUp()
		}
	}
	nothing(t, clock, relay)
}

// TestTwoStay has one of three leave, and then another: who is left is hung up on.
func TestTwoStay(t *testing.T) {
	m, clock, relay := newMeeting(t)
	a, b := enter(t, m.Guest(), voice.Offered()), enter(t, m.Guest(), voice.Offered())
	m.Begin()
	host := enter(t, m.Host(), voice.Offered())
	a.hangUp()
	if len(b.inputs)+len(host.inputs) != 0 || m.There() != 2 {
		t.Error("two of three do not stay")
	}
	b.hangUp()
	if evs := host.run(); len(evs) != 2 {
		t.Errorf("who is left alone has %v", evs)
	}
	nothing(t, clock, relay)
}
