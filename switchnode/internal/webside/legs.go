package webside

import (
	"sync"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/proof"
	"strowger/pkg/sessionkey"
)

// Limits of what is remembered.
const (
	maxProofs = 16   // connections for one leg
	maxOver   = 8192 // legs that are over, and whose devices may still come
)

// legs is the legs that devices may come to, by the id that their session keys name, and for those that are over the reason.
type legs struct {
	now func() time.Time

	mu      sync.Mutex
	waiting map[string]*waiting
	over    map[string]ended
	sweep   time.Time
}

// waiting is a leg whose device may come.
type waiting struct {
	epoch  int    // of the ring attempt
	device string // thumbprint of its key
	post   func(any) bool
	proofs map[string]struct{} // that were shown
}

// ended is why a leg is over, until nobody can have a key for it any more.
type ended struct {
	cause ledger.Cause
	until time.Time
}

// wait enters a leg. One that is there already is another call's: a plan came twice.
func (l *legs) wait(leg string, epoch int, device string, post func(any) bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting[leg] != nil {
		return errs.New(errs.Replayed, "the leg %s is at this switch already", leg)
	}
	if l.waiting == nil {
		l.waiting, l.over = map[string]*waiting{}, map[string]ended{}
	}
	l.waiting[leg] = &waiting{epoch: epoch, device: device, post: post, proofs: map[string]struct{}{}}
	return nil
}

// end remembers why a leg is over. It may be called more than once; the first cause stays.
func (l *legs) end(leg string, cause ledger.Cause) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting[leg] == nil {
		return
	}
	delete(l.waiting, leg)
	now := l.now()
	if now.After(l.sweep) {
		l.sweep = now.Add(time.Minute)
		for id, e := range l.over {
			if now.After(e.until) {
				delete(l.over, id)
			}
		}
	}
	if len(l.over) < maxOver { // else its device hears that this switch does not know the call
		l.over[leg] = ended{cause, now.Add(sessionkey.MaxLifetime + sessionkey.Leeway)}
	}
}

// answered forgets a leg that its device answered: from here on its key is a replay.
func (l *legs) answered(leg string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waiting, leg)
}

// why returns why a leg is over, if it is.
func (l *legs) why(leg string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.over[leg]
	if !ok {
		return nil
	}
	return errs.New(errs.Gone, "%s", e.cause.Words)
}

// take returns the post of the leg that a proof opens, once for each proof.
func (l *legs) take(leg string, p proof.Call) (func(any) bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.waiting[leg]
	if w == nil {
		return nil, errs.New(errs.Gone, "this switch knows no such call")
	}
	_, shown := w.proofs[p.ID]
	switch {
	case p.Epoch != w.epoch:
		return nil, errs.New(errs.Ghost, "the proof is of ring attempt %d, the call is at %d", p.Epoch, w.epoch)
	case p.ID == "" || shown:
		return nil, errs.New(errs.Replayed, "the proof was shown before")
	case len(w.proofs) >= maxProofs:
		return nil, errs.New(errs.Congested, "the device came to this call %d times, the most it may", maxProofs)
	}
	w.proofs[p.ID] = struct{}{}
	return w.post, nil
}
