package sdk

import (
	"strings"
	"testing"

	"strowger/pkg/errs"
	"strowger/pkg/rtp"
	"strowger/pkg/sip"
)

// TestDTMF: keys go out as telephone events, and come in as events of the call.
func TestDTMF(t *testing.T) {
	w := newWorld(t)
	c, in := w.ring("leg_1")
	c.Answer(NewEcho())
	in.connect()
	w.seen.want(Woken, Ringing, Connected)
	if err := c.SendDTMF("1x"); errs.CodeOf(err) != errs.Invalid {
		t.Errorf("a key that there is none of: %v", err)
	}
	if err := c.SendDTMF("5#"); err != nil {
		t.Fatal(err)
	}
	for _, key := range []byte("5#") {
		var stamp uint32
		for ends := 0; ends < 3; {
			h, payload := in.media.hear(func(h rtp.Header, _ []byte) bool { return h.PT == 101 })
			e, err := rtp.ParseEvent(payload)
			if digit, _ := e.Digit(); err != nil || digit != key {
				t.Fatalf("heard %c %+v, %v, want %c", digit, e, err, key)
			}
			if stamp == 0 {
				stamp = h.Timestamp
				if !h.Marker {
					t.Error("the first packet of a key has no marker")
				}
			}
			if h.Timestamp != stamp {
				t.Errorf("the packets of one key are of %d and %d", stamp, h.Timestamp)
			}
			if e.End {
				ends++
				if e.Duration != 1280 {
					t.Errorf("a key of %d samples, want 160 ms", e.Duration)
				}
			}
		}
	}
	in.do(func() { in.dialog.SendDTMF('7', toneLength) })
	if e := w.seen.want(Woken, Ringing, Connected, Digit); e.Words != "7" {
		t.Errorf("told %+v", e)
	}
	in.leave()
	w.seen.want(Woken, Ringing, Connected, Digit, Ended)
}

// TestKeysWait: keys that are pressed while the call lacks its connection or its way of media are sent when it has both, in order, and no
// more of them than may wait.
func TestKeysWait(t *testing.T) {
	w := newWorld(t)
	c, in := w.ringWith("leg_1", webrtcOffer[:1]) // without telephone events, so that they go by INFO
	c.Answer(NewEcho())
	in.connect()
	w.seen.want(Woken, Ringing, Connected)
	c.do(func() { c.lacking = true })
	keys := strings.Repeat("12", maxTones/2)
	if err := c.SendDTMF(keys + "3"); err != nil {
		t.Fatal(err)
	}
	c.do(func() {
		if string(c.keys) != keys {
			t.Errorf("%q wait, want %q", c.keys, keys)
		}
		c.whole()
	})
	for i, key := range []byte(keys) {
		if e := want[sip.DTMF](in); e.Digit != key {
			t.Errorf("key %d is %c, want %c", i, e.Digit, key)
		}
	}
	w.seen.want(Woken, Ringing, Connected, Reconnected)
	c.Hangup()
	want[sip.HungUp](in)
	in.leave()
	<-c.done
}
