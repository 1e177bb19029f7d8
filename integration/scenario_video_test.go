package integration

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"strowger/integration/phone"
	"strowger/mobile-bridge/sdk"
)

// screen is a Video that remembers.
type screen struct {
	mu    sync.Mutex
	shown []*sdk.Picture
}

// ShowPicture takes a picture.
func (s *screen) ShowPicture(p *sdk.Picture) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown = append(s.shown, p)
}

// has says whether a picture was shown as it is, after so many others, and as which of all.
func (s *screen) has(data []byte, after int) (at int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range slices.Backward(s.shown) {
		if i >= after && bytes.Equal(s.shown[i].Data, data) {
			return i, true
		}
	}
	return 0, false
}

// len is how many pictures were shown.
func (s *screen) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.shown)
}

// vp8 is a picture as an encoder of VP8 makes it, as far as the way is concerned: RFC 6386, 9.1.
func vp8(n int, key bool) []byte {
	head := []byte{0x11, 2, 0}
	if key {
		head = []byte{0x10, 2, 0, 0x9d, 1, 0x2a, 64, 0, 48, 0}
	}
	return append(head, bytes.Repeat([]byte(fmt.Sprintf("picture %d ", n)), 10+33*n)...) // up to 4 packets
}

// films sends pictures, each of which must be seen as it is and in its turn. What is lost on the way is sent again after a key picture.
func films(t *testing.T, c *sdk.Call, to *screen) {
	t.Helper()
	begun, before := time.Now(), to.len() // the same pictures may have come before
	last := before - 1
	send := func(picture []byte) { c.SendPicture(picture, time.Since(begun).Microseconds()) }
	for n := range 12 {
		p := vp8(n, n == 0)
		send(p)
		until(t, func() string {
			if at, ok := to.has(p, before); ok {
				if at <= last {
					t.Errorf("picture %d came as the %dth, after the %dth", n, at, last)
				}
				last = at
				return ""
			}
			send(vp8(12, true))
			send(p)
			return fmt.Sprintf("picture %d does not come", n)
		})
	}
}

// changes waits for what changes of the video; that a key picture is wanted may come at any time.
func (a *app) changes(t *testing.T, words string) {
	t.Helper()
	for {
		select {
		case e := <-a.events:
			switch {
			case e.Kind == sdk.KeyframeWanted:
			case e.Kind != sdk.VideoChanged || e.Words != words:
				t.Fatalf("the app saw %s (%s), want video that changes: %s", e.Kind, e.Words, words)
			default:
				return
			}
		case <-soon(t).Done():
			t.Fatalf("the video does not change: %s", words)
		}
	}
}

// TestVideoBetweenApps has an app call another with video: pictures and audio go from one to the other, cameras go off and on, and a
// screen that lost its way gets a key picture.
func TestVideoBetweenApps(t *testing.T) {
	t.Parallel()
	w := together(t)
	eve, _ := w.roamer(t, "Eve")
	joe, other := w.roamer(t, "Joe")
	caller, callee := w.app(t, eve, "apns"), w.app(t, joe, "fcm")
	caller.SetVideo(true, true)
	callee.SetVideo(true, false)
	begun := time.Now()

	v, back := phone.NewVoice(speech(1)), phone.NewVoice(speech(2))
	here, there := new(screen), new(screen)
	call, err := caller.Dial(other.Dial, &sdk.DialOptions{Audio: v, Video: here})
	if err != nil {
		t.Fatal(err)
	}
	callee.sees(t, sdk.Woken)
	in := callee.sees(t, sdk.Ringing).Call
	if !in.OffersVideo() {
		t.Error("the callee is not told that the caller's camera is on")
	}
	in.StartVideo(there, true)
	in.Answer(back)
	callee.sees(t, sdk.Connected)
	callee.changes(t, "both see each other")
	for _, kind := range []string{sdk.Trying, sdk.Waking, sdk.Ringing, sdk.Connected} {
		caller.sees(t, kind)
	}
	caller.changes(t, "both see each other")
	films(t, call, there)
	films(t, in, here)
	heard(t, 1, back.Heard, begun)
	heard(t, 2, v.Heard, begun)

	in.WantKeyframe()
	until(t, func() string {
		if call.VideoStatistics().KeysWanted == 0 {
			return "nobody asked for a key picture"
		}
		return ""
	})
	call.StartVideo(here, false)
	caller.changes(t, "this side sees the other")
	callee.changes(t, "the other side sees this one")
	call.SendPicture(vp8(30, true), 0)
	films(t, in, here)
	if _, ok := there.has(vp8(30, true), 0); ok || call.VideoCodec() != "" {
		t.Error("a camera that is off is seen")
	}
	call.StartVideo(here, true)
	caller.changes(t, "both see each other")
	callee.changes(t, "both see each other")
	films(t, call, there)
	call.Hold()
	caller.changes(t, "nobody sees the other")
	caller.sees(t, sdk.Held)
	call.Hangup()
	if s := call.VideoStatistics(); s.Sent == 0 || s.SentPackets < s.Sent || s.Shown == 0 || s.Received < s.Shown {
		t.Errorf("statistics %+v", s)
	}
}

// TestVideoBegunInACall has one of two apps turn its camera on in the call, and then the other.
func TestVideoBegunInACall(t *testing.T) {
	t.Parallel()
	w := together(t)
	eve, _ := w.roamer(t, "Eve")
	joe, other := w.roamer(t, "Joe")
	caller, callee := w.app(t, eve, "apns"), w.app(t, joe, "fcm")
	caller.SetVideo(true, false)
	callee.SetVideo(true, false)
	begun := time.Now()
	v, back := phone.NewVoice(speech(1)), phone.NewVoice(speech(2))
	call := caller.calls(t, other.Dial, v)
	callee.sees(t, sdk.Woken)
	in := callee.sees(t, sdk.Ringing).Call
	in.Answer(back)
	callee.sees(t, sdk.Connected)
	for _, kind := range []string{sdk.Waking, sdk.Ringing, sdk.Connected} {
		caller.sees(t, kind)
	}
	here, there := new(screen), new(screen)
	in.StartVideo(there, true)
	callee.changes(t, "nobody sees the other")
	caller.changes(t, "the other side's camera is on, and is not shown")
	call.StartVideo(here, true)
	caller.changes(t, "both see each other")
	callee.changes(t, "both see each other")
	films(t, in, here)
	films(t, call, there)
	heard(t, 1, back.Heard, begun)
	heard(t, 2, v.Heard, begun)
	call.StopVideo()
	caller.changes(t, "nobody sees the other")
	callee.changes(t, "nobody sees the other")
	in.Hangup()
	callee.sees(t, sdk.Ended)
	caller.sees(t, sdk.Ended)
}

// TestVideoToWhoHasNone has an app call a desk phone with video, which is refused, and an app without.
func TestVideoToWhoHasNone(t *testing.T) {
	t.Parallel()
	w := together(t)
	bob, desk := w.person(t, 1, "Bob", says(2))
	eve, _ := w.roamer(t, "Eve")
	joe, other := w.roamer(t, "Joe")
	caller, callee := w.app(t, eve, "apns"), w.app(t, joe, "fcm")
	caller.SetVideo(true, true)
	for _, number := range []string{bob.number.Dial, other.Dial} {
		begun := time.Now()
		v := phone.NewVoice(speech(1))
		call, err := caller.Dial(number, &sdk.DialOptions{Audio: v, Video: new(screen)})
		if err != nil {
			t.Fatal(err)
		}
		caller.sees(t, sdk.Trying)
		if number == other.Dial {
			callee.sees(t, sdk.Woken)
			back := phone.NewVoice(speech(2))
			callee.sees(t, sdk.Ringing).Call.Answer(back)
			caller.sees(t, sdk.Waking)
			caller.sees(t, sdk.Ringing)
			caller.sees(t, sdk.Connected)
			callee.sees(t, sdk.Connected)
			caller.changes(t, "nobody sees the other")
			heard(t, 1, back.Heard, begun)
		} else {
			in := comes(t, desk)
			caller.sees(t, sdk.Ringing)
			in.Answer()
			caller.sees(t, sdk.Connected)
			caller.changes(t, "there is video between apps only")
			hears(t, in, 1)
		}
		heard(t, 2, v.Heard, begun)
		call.Hold()
		caller.sees(t, sdk.Held)
		call.Resume()
		caller.sees(t, sdk.Resumed)
		call.Hangup()
		caller.sees(t, sdk.Ended)
	}
}
