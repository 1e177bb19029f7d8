package voice

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// heard is what a leg says, in frames: those that speak have numbers of their own, the others are silent.
func heard(speaks []bool) (all []int16) {
	for i, speaks := range speaks {
		frame := make([]int16, Frame)
		if speaks {
			for j := range frame {
				frame[j] = int16(1000 + i*7 + j%5)
			}
		}
		all = append(all, frame...)
	}
	return all
}

// stretches draws who speaks when: some silence, some speech, and so on.
func stretches(t *rapid.T) (speaks []bool) {
	for i, n := range rapid.SliceOfN(rapid.IntRange(0, 80), 1, 7).Draw(t, "stretches") {
		speaks = append(speaks, slices.Repeat([]bool{i%2 == 1}, n)...)
	}
	return speaks
}

// taped records frames, and ends with a key where the limit and the silence did not end it.
func taped(t *testing.T, all []int16, limit, quiet time.Duration) (r Taped, kept []int16) {
	synctest.Test(t, func(t *testing.T) {
		c := &Conversation{end: &End{keys: make(chan byte, 1)}, notice: make(chan struct{}, 1)}
		done := make(chan struct{})
		go func() {
			defer close(done)
			var err error
			if r, err = c.Tape(context.WithoutCancel(t.Context()), limit, quiet, func(s []int16) error {
				kept = append(kept, s...)
				return nil
			}); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		for frame := range slices.Chunk(all, Frame) {
			c.record(frame, true)
			synctest.Wait()
		}
		c.end.keys <- '#'
		<-done
	})
	return r, kept
}

// TestTapeTrimsSilence records whatever is said: all of the speech until the recording ended is kept, in order, and of the silence that between
// it, and a little of that before; nothing of that behind it.
func TestTapeTrimsSilence(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		speaks := stretches(rt)
		all := heard(speaks)
		limit := rapid.IntRange(lead+Frame, 4*Rate).Draw(rt, "limit")
		quiet := rapid.IntRange(1, 60).Draw(rt, "frames of silence that end it") * Frame
		r, kept := taped(t, all, time.Duration(limit)*time.Second/Rate, time.Duration(quiet)*time.Second/Rate)
		limit = samples(time.Duration(limit) * time.Second / Rate)

		first := slices.Index(speaks, true)
		if run := slices.Index(speaks, true); run < 0 || run*Frame >= quiet { // it ended before anybody spoke
			if r.Spoken || r.Length != 0 || len(kept) != 0 {
				rt.Fatalf("nobody speaks: %+v, kept %d", r, len(kept))
			}
			return
		}
		begin := max(0, first*Frame-lead)
		end, silent := first*Frame, 0
		for i := first; i < len(speaks) && silent < quiet && i*Frame < begin+limit; i++ {
			if silent += Frame; speaks[i] {
				end, silent = (i+1)*Frame, 0
			}
		}
		want := all[begin:min(end, begin+limit)]
		if !r.Spoken || r.Length > len(kept) || !slices.Equal(kept[:r.Length], want) {
			rt.Fatalf("kept %d of %d, want %d: %+v", r.Length, len(kept), len(want), r)
		}
	})
}
