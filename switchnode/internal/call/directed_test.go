package call

import (
	"context"
	"testing"
	"testing/synctest"

	"strowger/pkg/ledger"
)

// TestDirectedIsAlwaysTold: whoever has a phone's call transferred by a code is told how that ended, when the phone leaves, or the call ends,
// while it is asked for as well.
func TestDirectedIsAlwaysTold(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(*scene)
		want      int
	}{
		"refused":                  {func(*scene) {}, 403},
		"the phone hangs up":       {func(s *scene) { s.say(1, HungUp{1, normal}); s.close(1) }, 481},
		"the other phone hangs up": {func(s *scene) { s.say(Caller, HungUp{Caller, normal}); s.close(1, Caller) }, 487},
		"the switch stops":         {func(s *scene) { s.stop(); synctest.Wait(); s.close(1, Caller) }, 487},
	} {
		t.Run(name, func(t *testing.T) {
			perform(t, func(s *scene) {
				s.say(1, Answered{1, speech, "ca11ee", nil})
				asked, goOn := make(chan struct{}), make(chan struct{})
				s.mu.Lock()
				s.transfer = func(ctx context.Context, _ Transferring) Event {
					close(asked)
					select {
					case <-goOn:
					case <-ctx.Done():
					}
					return Stuck{Cause: CauseOf("forbidden", "not there")}
				}
				s.mu.Unlock()
				told := make(chan ledger.Cause, 1)
				s.session.Post(Directed{Leg: "branch1", To: "*85", Told: told})
				<-asked
				c.meanwhile(s)
				close(goOn)
				synctest.Wait()
				select {
				case how := <-told:
					if how.SIP != c.want {
						t.Errorf("told %+v, want %d", how, c.want)
					}
				default:
					t.Error("nobody is told")
				}
				if !s.session.over() {
					s.session.Post(Stop{})
					synctest.Wait()
					s.close(1, Caller)
				}
			}, 0)
		})
	}
}
