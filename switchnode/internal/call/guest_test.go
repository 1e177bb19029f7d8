package call

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
)

// TestGuestOfACallThatEnds hears that there is no leg for it, however late its question was.
func TestGuestOfACallThatEnds(t *testing.T) {
	newSession := func() *Session {
		return NewSession(SessionConfig{
			Record: func(ledger.Event) {}, Count: func(string) {}, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		}, New("caller", "dv_a", speech), designation.Party{})
	}
	end := func(s *Session) { // without reading what waits
		s.finished = true
		s.Run(t.Context(), &fakeLeg{}, func(context.Context) Event { return nil })
	}
	for name, ask := range map[string]func(from *Session, l Leg){
		"before": func(from *Session, l Leg) { l.Do(Start{}); end(from) },
		"after":  func(from *Session, l Leg) { end(from); l.Do(Start{}) },
	} {
		t.Run(name, func(t *testing.T) {
			var posted []any
			from := newSession()
			l, err := NewGuest(from, newSession(), CauseOf(errs.Crossing, "")).Dial(Setup{Leg: 1, Post: func(in any) bool {
				posted = append(posted, in)
				return true
			}})
			if err != nil {
				t.Fatal(err)
			}
			ask(from, l)
			if !slices.Equal(posted, []any{spurned{}}) {
				t.Fatalf("the guest is told %v", posted)
			}
			if got := l.Handle(spurned{}); len(got) != 2 || got[1] != (Closed{1}) {
				t.Errorf("of that comes %v", got)
			}
			if got := l.Handle(spurned{}); got != nil { // two may have told it
				t.Errorf("of hearing it twice comes %v", got)
			}
		})
	}
}
