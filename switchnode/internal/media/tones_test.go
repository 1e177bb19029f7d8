package media

import (
	"bytes"
	"testing"
	"time"

	"strowger/pkg/rtp"
	"strowger/pkg/rtp/dtmf"
	"strowger/pkg/rtp/g711"
	"strowger/pkg/sdp"
)

// tone has a phone press a key in its speech, 20 ms in each packet, and be silent for as long.
func tone(p *phone, key byte, packets int, each func(i int)) {
	for i := range 2 * packets {
		p.say(0, string(g711.Mu.Encode(nil, dtmf.Append(nil, key, 160*i, 160, 160*packets))))
		each(i)
	}
}

// TestTonesBecomeEvents has a phone that has no telephone events press keys, for one that has them: it gets each once, and the tone no
// more once it is known.
func TestTonesBecomeEvents(t *testing.T) {
	c := newCall(t)
	c.pa.SetLocal([]sdp.Format{pcmu})
	c.pa.SetTones(true)
	d := dtmf.NewDetector()
	for _, key := range []byte("5#D") {
		begins, code := 0, uint8(255)
		tone(c.a, key, 6, func(int) {
			h, payload, err := rtp.Parse(c.b.read(media))
			if err != nil {
				t.Fatal(err)
			}
			if h.PT == 0 {
				if k, ok := d.Feed(g711.Mu.Decode(nil, payload)); ok {
					t.Errorf("%c is heard as a tone as well", k)
				}
				return
			}
			if e, _ := rtp.ParseEvent(payload); h.Marker {
				begins, code = begins+1, e.Code
			}
		})
		if want, _ := rtp.DigitCode(key); begins != 1 || code != want {
			t.Errorf("%c became %d events, the last %d", key, begins, code)
		}
	}
	c.pa.Informed() // this phone sends both
	tone(c.a, '7', 6, func(int) {
		if h, _, _ := rtp.Parse(c.b.read(media)); h.PT != 0 {
			t.Error("a key that came as INFO comes as an event too")
		}
	})
}

// TestTonesAreNotLookedAt: nobody takes another form, or the leg has events of its own.
func TestTonesAreNotLookedAt(t *testing.T) {
	c := newCall(t)
	same := func() {
		t.Helper()
		tone(c.a, '7', 6, func(i int) {
			want := g711.Mu.Encode(nil, dtmf.Append(nil, '7', 160*i, 160, 160*6))
			if _, payload, _ := rtp.Parse(c.b.read(media)); !bytes.Equal(payload, want) {
				t.Error("the tone was changed")
			}
		})
	}
	same()
	c.pb.SetRemote(c.b.session("", pcmu), loopback)
	c.pa.SetTones(true)
	same()
}

// TestTonesAreTold: a leg without another side, as who waits in a queue, and one whose other side takes INFO.
func TestTonesAreTold(t *testing.T) {
	c := newCall(t)
	c.pa.SetTones(true)
	c.pb.SetRemote(c.b.session("", pcmu), loopback)
	told := make(chan byte, 8)
	c.pb.OnPeerKey(func(digit byte, _ time.Duration) { told <- digit })
	tone(c.a, '9', 6, func(int) { c.b.read(media) })
	c.pa.Unbridge()
	c.pa.OnKey(func(digit byte) { told <- digit })
	tone(c.a, '1', 6, func(int) {})
	if k := <-told; k != '9' {
		t.Errorf("told %c", k)
	}
	if k := <-told; k != '1' || len(told) != 0 {
		t.Errorf("told %c, and %d more", k, len(told))
	}
}

// TestEventsBecomeTones has a phone press keys, as events and as INFO, for one that has neither: it hears them in the speech.
func TestEventsBecomeTones(t *testing.T) {
	c := newCall(t)
	c.pb.SetRemote(c.b.session("", pcmu), loopback)
	c.pb.SetTones(true)
	d := dtmf.NewDetector()
	var heard []byte
	speak := func() {
		c.a.say(0, string(bytes.Repeat([]byte{0xff}, 160)))
		_, payload, err := rtp.Parse(c.b.read(media))
		if err != nil {
			t.Fatal(err)
		}
		if k, ok := d.Feed(g711.Mu.Decode(nil, payload)); ok {
			heard = append(heard, k)
		}
	}
	speak()
	at := c.a.h.Timestamp
	for range 3 {
		c.a.say(event.PT, string(rtp.Event{Code: 7, End: true, Duration: 800}.Append(nil)))
		c.a.h.Timestamp = at
	}
	c.a.h.Timestamp += 960
	c.pb.Hear('*', 60*time.Millisecond)
	for range 30 {
		speak()
	}
	if string(heard) != "7*" && string(heard) != "*7" {
		t.Errorf("heard %q", heard)
	}
	if c.pa.quality.keys.types.Load() {
		t.Error("each packet is looked at for keys that have gone")
	}
}
