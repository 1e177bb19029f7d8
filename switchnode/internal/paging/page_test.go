package paging

import (
	"testing"

	"strowger/pkg/sdp"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/voice"
)

// TestSayIsBounded drops the oldest of what nobody comes to hear.
func TestSayIsBounded(t *testing.T) {
	p := New(nil, nil)
	for i := range 3 * held {
		var frame [voice.Frame]int16
		frame[0] = int16(i)
		p.Say(frame[:])
	}
	if len(p.said) != held || p.said[0][0] != 2*held || p.said[held-1][0] != 3*held-1 {
		t.Errorf("%d frames are held, from %d", len(p.said), p.said[0][0])
	}
}

// TestNothingIsReceived answers what a phone offers: it may hold, and resume, and is never heard.
func TestNothingIsReceived(t *testing.T) {
	for offered, want := range map[sdp.Direction]sdp.Direction{
		sdp.SendRecv: sdp.SendOnly, sdp.RecvOnly: sdp.SendOnly, sdp.SendOnly: sdp.Inactive, sdp.Inactive: sdp.Inactive,
	} {
		d := voice.Offered()
		d.Direction = offered
		a, ok := answer(d).(call.OfferAccepted)
		if !ok || a.Description.Direction != want {
			t.Errorf("%v is answered %+v, want %v", offered, a, want)
		}
	}
	if _, ok := answer(sdp.Description{}).(call.OfferRefused); !ok {
		t.Error("an offer without a codec is accepted")
	}
}
