package rtp

import "testing"

func TestRescale(t *testing.T) {
	for _, c := range []struct {
		duration uint16
		from, to int
		want     uint16
	}{{160, 8000, 48000, 960}, {960, 48000, 8000, 160}, {10922, 8000, 48000, 65532}, {10923, 8000, 48000, 65535}, {7, 0, 8000, 7}} {
		b := Event{Code: 5, End: true, Volume: 10, Duration: c.duration}.Append(nil)
		Rescale(b, c.from, c.to)
		if got, err := ParseEvent(b); err != nil || got != (Event{Code: 5, End: true, Volume: 10, Duration: c.want}) {
			t.Errorf("%d of %d Hz in %d Hz is %+v, %v", c.duration, c.from, c.to, got, err)
		}
	}
	Rescale([]byte{1, 2, 3}, 8000, 48000) // nothing to change
}
