package sipside

import (
	"log/slog"
	"sync"
	"time"
)

// refusals tells the log of refused sign-ins, one a second at most: whoever tries passwords by the thousand does not fill
// the disk as well.
type refusals struct {
	log *slog.Logger
	now func() time.Time

	mu     sync.Mutex
	last   time.Time // told
	untold int       // since then
}

func (r *refusals) tell(what, user, source string) {
	r.mu.Lock()
	now := r.now()
	if now.Sub(r.last).Abs() < time.Second { // a clock that was set back holds it up no longer
		r.untold++
		r.mu.Unlock()
		return
	}
	untold := r.untold
	r.last, r.untold = now, 0
	r.mu.Unlock()
	r.log.Warn(what, "user", user, "source", source, "untold", untold)
}
