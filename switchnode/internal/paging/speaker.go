package paging

import (
	"strowger/pkg/sdp"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/media"
	"strowger/switchnode/internal/voice"
)

// speaker is the caller of the call to one phone. But for what the clock says by its end it belongs to the goroutine of that call.
type speaker struct {
	page *Page
	end  *voice.End
	post func(any) bool
	up   bool
	over bool
}

// Inputs of a speaker.
type (
	ends   struct{}                   // the page
	closes struct{}                   // the call has ended it
	tells  struct{ event call.Event } // what was asked for
)

// Port is the leg's media.
func (l *speaker) Port() *media.Port { return l.end.Port() }

// Do carries out an action of the call.
func (l *speaker) Do(a call.LegAction) {
	switch a := a.(type) {
	case call.Accept:
		l.up = true
		l.page.heardAt(l)
	case call.Refuse, call.HangUp:
		l.post(closes{})
	case call.Offer:
		l.post(tells{answer(a.Description)})
	}
}

// answer is what becomes of an offer of the phone: a hold, say. Nothing is received from it, whatever it offers.
func answer(offer sdp.Description) call.Event {
	d, err := voice.Answer(offer)
	if err != nil {
		return call.OfferRefused{Leg: call.Caller, Status: 488}
	}
	if d.Direction.Sends() {
		d.Direction = sdp.SendOnly
	} else {
		d.Direction = sdp.Inactive
	}
	return call.OfferAccepted{Leg: call.Caller, Description: d}
}

// Handle turns an input into events of the call.
func (l *speaker) Handle(input any) []call.Event {
	if l.over {
		return nil
	}
	switch in := input.(type) {
	case tells:
		return []call.Event{in.event}
	case closes:
		l.leave()
		return []call.Event{call.Closed{Leg: call.Caller}}
	case ends:
		l.leave()
		if l.up {
			return []call.Event{call.HungUp{Leg: call.Caller, Cause: voice.Done()}, call.Closed{Leg: call.Caller}}
		}
		return []call.Event{call.Cancelled{}, call.Closed{Leg: call.Caller}}
	}
	return nil
}

// leave frees what the leg has.
func (l *speaker) leave() {
	l.over = true
	l.page.left(l)
	l.end.Close()
}
