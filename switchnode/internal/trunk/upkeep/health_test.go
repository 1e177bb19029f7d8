package upkeep

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestHealth has a server answer and keep silent at random: one question at a time, always one more to come, down after three losses in
// a row and not before, up with the next answer.
func TestHealth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1e9, 0)
		h := NewHealth(now, 30*time.Second, func() float64 { return rapid.Float64Range(0, 0.999).Draw(t, "chance") })
		lost, want := 0, Unknown
		for range rapid.IntRange(1, 30).Draw(t, "questions") {
			if got := h.Step(now, Due{}); len(got) != 1 || got[0] != (Send{}) {
				t.Fatalf("%v, want a question", got)
			}
			if got := h.Step(now, Due{}); got != nil {
				t.Fatalf("%v while a question is open", got)
			}
			ev := rapid.SampledFrom([]Event{Answer{Code: 200}, Answer{Code: 404}, Answer{Code: 503}, Answer{Code: 408}, Silence{"no answer"}}).Draw(t, "answer")
			if ev == (Answer{Code: 200}) || ev == (Answer{Code: 404}) {
				lost, want = 0, Up
			} else if lost++; lost >= 3 {
				want = Down
			}
			got := h.Step(now, ev)
			w, ok := got[0].(Wait)
			if len(got) != 1 || !ok || w.Until.Before(now.Add(6*time.Second)) || w.Until.After(now.Add(33*time.Second)) {
				t.Fatalf("%v after %+v", got, ev)
			}
			if short := w.Until.Before(now.Add(20 * time.Second)); short != (lost > 0 && want != Down) {
				t.Fatalf("waits %v after %d losses", w.Until.Sub(now), lost)
			}
			if h.Status().State != want {
				t.Fatalf("%+v after %d losses", h.Status(), lost)
			}
			now = w.Until
		}
		asks := rapid.Bool().Draw(t, "asks")
		if asks {
			h.Step(now, Due{})
		}
		if got := h.Step(now, Stop{}); (got == nil) != asks {
			t.Fatalf("stopped: %v", got)
		}
		if got := h.Step(now, Silence{}); asks && (len(got) != 1 || got[0] != (Ended{})) || !asks && got != nil {
			t.Fatalf("after the stop: %v", got)
		}
	})
}
