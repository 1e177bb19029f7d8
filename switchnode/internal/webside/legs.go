package webside

import (
	"crypto/rand"
	"crypto/subtle"
	"sync"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/proof"
	"strowger/pkg/sessionkey"
)

// Limits of what is remembered.
const (
	maxProofs = 16   // connections for one leg, while their proofs count
	maxOver   = 8192 // legs that are over, and whose devices may still come
)

// legs is the legs that devices may come to, by the id that their session keys name, and for those that are over the reason.
type legs struct {
	now func() time.Time

	mu      sync.Mutex
	waiting map[string]*waiting
	over    map[string]ended
	coming  map[string]chan struct{} // legs whose devices are here before them; closed when they are entered
	sweep   time.Time
}

// waiting is a leg whose device may come, or come back.
type waiting struct {
	epoch    int    // of the ring attempt
	device   string // thumbprint of its key; empty if the bridge has nothing to report of it
	post     func(any) bool
	proofs   map[string]time.Time // that were shown, until they are too old anyway
	token    string               // takes the leg up once it is answered
	calls    bool                 // the device does: its key opens one connection
	answered bool
	dtls     string             // the certificate of the device that answered, or calls
	relay    *designation.Relay // for its media; nil: none
}

// ended is why a leg is over, until nobody can have a key for it any more.
type ended struct {
	cause ledger.Cause
	until time.Time
	token string // if its key alone is a replay: who shows it may know
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
	if here := l.coming[leg]; here != nil {
		close(here)
		delete(l.coming, leg)
	}
	l.waiting[leg] = &waiting{epoch: epoch, device: device, post: post, proofs: map[string]time.Time{}, token: rand.Text()}
	return nil
}

// await waits for a leg whose device is here already: two apps that call each other may come in any order.
func (l *legs) await(leg string, patience time.Duration) {
	l.mu.Lock()
	_, over := l.over[leg]
	here := l.coming[leg]
	switch {
	case over || l.waiting[leg] != nil:
		l.mu.Unlock()
		return
	case l.coming == nil:
		l.coming = map[string]chan struct{}{}
		fallthrough
	case here == nil:
		here = make(chan struct{})
		l.coming[leg] = here
	}
	l.mu.Unlock()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-here:
		return
	case <-late.C:
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.coming[leg] == here {
		delete(l.coming, leg)
	}
}

// visit enters the leg of a device that calls, and returns its token.
func (l *legs) visit(leg string, p proof.Call, post func(any) bool) (token string, err error) {
	if err := l.wait(leg, p.Epoch, "", post); err != nil {
		return "", err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.waiting[leg]
	w.calls, w.dtls = true, p.DTLS
	if err := w.shown(p, l.now()); err != nil {
		delete(l.waiting, leg) // nobody will end it
		return "", err
	}
	return w.token, nil
}

// lend notes the relay that a leg may use.
func (l *legs) lend(leg string, relay *designation.Relay) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w := l.waiting[leg]; w != nil {
		w.relay = relay
	}
}

// lent is the relay that a leg may use, nil without one.
func (l *legs) lent(leg string) *designation.Relay {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w := l.waiting[leg]; w != nil {
		return w.relay
	}
	return nil
}

// end remembers why a leg is over. It may be called more than once; the first cause stays.
func (l *legs) end(leg string, cause ledger.Cause) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.waiting[leg]
	if w == nil {
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
		e := ended{cause: cause, until: now.Add(sessionkey.MaxLifetime + sessionkey.Leeway)}
		if w.answered || w.calls {
			e.token = w.token
		}
		l.over[leg] = e
	}
}

// answered notes that a device with a certificate answered a leg: from here on its key alone is a replay.
func (l *legs) answered(leg, dtls string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w := l.waiting[leg]; w != nil {
		w.answered, w.dtls = true, dtls
	}
}

// resumable says whether a leg goes on to which a device may come back by its token: it was answered, or the device calls.
func (l *legs) resumable(leg string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.waiting[leg]
	return w != nil && (w.answered || w.calls)
}

// why returns why a leg is over, if it is, to who may know: of one that was answered the one with its token.
func (l *legs) why(leg, token string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.over[leg]
	if !ok || e.token != "" && subtle.ConstantTimeCompare([]byte(token), []byte(e.token)) == 0 {
		return nil
	}
	return errs.New(errs.Gone, "%s", e.cause.Words)
}

// take opens a leg that is not answered to a proof, once for each, and returns its post and its token.
func (l *legs) take(leg string, p proof.Call) (post func(any) bool, token string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.waiting[leg]
	if w == nil {
		return nil, "", errs.New(errs.Gone, "this switch knows no such call")
	}
	return w.post, w.token, w.shown(p, l.now())
}

// resume opens a resumable leg to who has its token and the certificate that its media go on with. One that is not answered is of
// a device that calls.
func (l *legs) resume(leg, token string, p proof.Call) (post func(any) bool, answered bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.waiting[leg]
	switch {
	case w == nil:
		return nil, false, errs.New(errs.Gone, "this switch knows no such call")
	case subtle.ConstantTimeCompare([]byte(token), []byte(w.token)) == 0:
		return nil, false, errs.New(errs.Replayed, "the leg %s was answered, or called by, and this is not the token that takes it up", leg)
	case p.DTLS != w.dtls:
		return nil, false, errs.New(errs.WrongPresenter, "a call goes on with the certificate that it began with")
	}
	return w.post, w.answered, w.shown(p, l.now())
}

// shown takes a proof once.
func (w *waiting) shown(p proof.Call, now time.Time) error {
	if p.Epoch != w.epoch {
		return errs.New(errs.Ghost, "the proof is of ring attempt %d, the call is at %d", p.Epoch, w.epoch)
	}
	return w.once(p.ID, now)
}

// once takes the id of a proof, or of a report. One that is forgotten is no longer fresh.
func (w *waiting) once(id string, now time.Time) error {
	for id, until := range w.proofs {
		if now.After(until) {
			delete(w.proofs, id)
		}
	}
	_, again := w.proofs[id]
	switch {
	case id == "" || again:
		return errs.New(errs.Replayed, "this was shown before")
	case len(w.proofs) >= maxProofs:
		return errs.New(errs.Congested, "the device came to this call, or told of it, %d times of late, the most it may", maxProofs)
	}
	w.proofs[id] = now.Add(proof.MaxAge + 2*sessionkey.Leeway) // it may be from the future, by Leeway
	return nil
}
