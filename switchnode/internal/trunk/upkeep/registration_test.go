package upkeep

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// registrar does what it likes; what a registration must not do is judged by what it saw.
type registrar struct {
	reg   *Registration
	now   time.Time
	asked *Send      // that has no answer yet
	wait  *time.Time // that is not over yet
	until time.Time  // of what was granted
	ended bool
}

func (r *registrar) step(t *rapid.T, ev Event) {
	switch ev.(type) {
	case Due:
		r.wait = nil
	case Answer, Silence:
		r.asked = nil
	case Stop:
		r.wait = nil
	}
	for _, a := range r.reg.Step(r.now, ev) {
		if r.asked != nil || r.wait != nil || r.ended {
			t.Fatalf("%T besides asked %v, wait %v, ended %v", a, r.asked, r.wait, r.ended)
		}
		switch a := a.(type) {
		case Send:
			r.asked = &a
		case Wait:
			if !a.Until.After(r.now) {
				t.Fatalf("waits until %v, and it is %v", a.Until, r.now)
			}
			r.wait = &a.Until
		case Ended:
			r.ended = true
		}
	}
}

// TestRegistration has a registrar grant, refuse and keep silent at random: one REGISTER at a time, always one more to come, none
// sooner than a pause after a failure, what is registered is what was granted, and a stop ends it.
func TestRegistration(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := time.Unix(1e9, 0)
		r := &registrar{now: start, wait: &start}
		r.reg = NewRegistration(start, func() float64 { return rapid.Float64Range(0, 0.999).Draw(t, "chance") })
		r.step(t, Due{})
		stopped := false
		for range rapid.IntRange(0, 40).Draw(t, "steps") {
			if r.ended {
				break
			}
			switch {
			case r.asked != nil && rapid.IntRange(0, 9).Draw(t, "stop") == 0:
				r.step(t, Stop{})
				stopped = true
			case r.asked != nil:
				r.now = r.now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "seconds")) * time.Second)
				expires, failed := r.asked.Expires, true
				ev := rapid.SampledFrom([]Event{
					Answer{Code: 200, Granted: time.Duration(rapid.IntRange(1, 7200).Draw(t, "granted")) * time.Second},
					Answer{Code: 200}, Answer{Code: 403, Words: "Forbidden"}, Silence{"no answer"},
					Answer{Code: 503, RetryAfter: time.Duration(rapid.IntRange(0, 1e6).Draw(t, "retry")) * time.Second},
					Answer{Code: 423, Least: time.Duration(rapid.IntRange(0, 1e6).Draw(t, "least")) * time.Second},
				}).Draw(t, "answer")
				if a, ok := ev.(Answer); ok && a.Granted > 0 && expires > 0 {
					r.until, failed = r.now.Add(a.Granted), false
				}
				r.step(t, ev)
				if a, ok := ev.(Answer); failed && r.asked != nil && r.asked.Expires > 0 && !(ok && a.Code == 423 && r.asked.Expires == a.Least && a.Least > expires) {
					t.Fatalf("asks again at once after %+v", ev)
				}
				if failed && r.wait != nil && (r.wait.Before(r.now.Add(pause)) && !r.wait.Equal(r.until) || r.wait.After(r.now.Add(retry*5/4))) {
					t.Fatalf("waits %v after %+v", r.wait.Sub(r.now), ev)
				}
			case r.wait != nil && rapid.IntRange(0, 9).Draw(t, "stop") == 0:
				r.step(t, Stop{})
				stopped = true
			case r.wait != nil:
				r.now = *r.wait
				r.step(t, Due{})
			}
			if !r.ended && r.asked == nil && r.wait == nil {
				t.Fatal("nothing more would ever happen")
			}
			if s := r.reg.Status(); r.asked == nil && !r.ended && (s.State == Registered) != r.until.After(r.now) {
				t.Fatalf("%+v at %v, granted until %v", s, r.now, r.until)
			}
		}
		if stopped {
			for range 3 {
				if r.asked != nil {
					r.step(t, Silence{})
				}
			}
			if !r.ended {
				t.Fatal("it goes on after the stop")
			}
		}
	})
}

// TestRegistrationWords is how single registrations go, in the middle of all chances.
func TestRegistrationWords(t *testing.T) {
	forbidden := Answer{Code: 403, Words: "Forbidden"}
	for _, c := range []struct {
		name   string
		events []Event
		want   string
		state  State
	}{
		{"refreshed", []Event{Due{}, Answer{Code: 200, Granted: 400 * time.Second}, Due{}, Answer{Code: 200, Granted: 4 * time.Second}},
			"ask 10m0s, wait 4m10s, ask 10m0s, wait 2.5s", Registered},
		{"too brief", []Event{Due{}, Answer{Code: 423, Least: time.Hour}, Answer{Code: 200, Granted: time.Hour}}, "ask 10m0s, ask 1h0m0s, wait 37m30s", Registered},
		{"for ever", []Event{Due{}, Answer{Code: 200, Granted: 1 << 32 * time.Second}}, "ask 10m0s, wait 15h0m0s", Registered},
		{"too brief for ever", []Event{Due{}, Answer{Code: 423, Least: time.Minute}}, "ask 10m0s, wait 45s", Refused},
		{"refused for an hour", []Event{Due{}, forbidden, Due{}, forbidden, Due{}, forbidden, Due{}, forbidden, Due{}, forbidden, Due{}, forbidden, Due{}, forbidden},
			"ask 10m0s, wait 45s, ask 10m0s, wait 1m30s, ask 10m0s, wait 3m0s, ask 10m0s, wait 6m0s, ask 10m0s, wait 12m0s, ask 10m0s, wait 22m30s, ask 10m0s, wait 22m30s", Refused},
		{"told when", []Event{Due{}, Answer{Code: 503, RetryAfter: 100 * time.Second}, Due{}, Answer{Code: 503, RetryAfter: 1000 * time.Hour}},
			"ask 10m0s, wait 1m45s, ask 10m0s, wait 1h3m0s", Refused},
		{"lost", []Event{Due{}, Answer{Code: 200, Granted: 100 * time.Second}, Due{}, Silence{}, Due{}, Due{}}, "ask 10m0s, wait 1m2.5s, ask 10m0s, wait 37.5s, wait 7.5s, ask 10m0s", Unreachable},
		{"stopped", []Event{Due{}, Answer{Code: 200, Granted: time.Minute}, Stop{}, Answer{Code: 200}, Due{}}, "ask 10m0s, wait 37.5s, ask 0s, end", Registered},
		{"stopped while it asks", []Event{Due{}, Stop{}, forbidden, Silence{}}, "ask 10m0s, ask 0s, end", Trying},
		{"never begun", []Event{Stop{}, Due{}}, "end", Trying},
	} {
		now := time.Unix(1e9, 0)
		r := NewRegistration(now, func() float64 { return 0.5 })
		got, next := "", now
		for _, ev := range c.events {
			if _, due := ev.(Due); due {
				now = next
			}
			for _, a := range r.Step(now, ev) {
				if got != "" {
					got += ", "
				}
				switch a := a.(type) {
				case Send:
					got += fmt.Sprint("ask ", a.Expires)
				case Wait:
					got, next = got+fmt.Sprint("wait ", a.Until.Sub(now)), a.Until
				case Ended:
					got += "end"
				}
			}
		}
		if got != c.want || r.Status().State != c.state {
			t.Errorf("%s: %s, %s; want %s, %s", c.name, got, r.Status().State, c.want, c.state)
		}
	}
}
