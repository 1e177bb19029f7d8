package sipside

import (
	"context"
	"sync"

	"strowger/pkg/fabric"

	"strowger/switchnode/internal/alarm"
)

// maxLearners is how many REGISTERs may wait at a time for the cloud to say which push services there are; one more is answered by what
// is known.
const maxLearners = 64

// services is which push services bridges reach, as far as the cloud has said.
type services struct {
	mu       sync.Mutex
	all      []fabric.PushService
	known    bool
	learners int
}

// withServices calls use with the push services that there are, at once if the contacts name none that is not known, and says whether one
// of them is not served. Nobody is refused while the cloud has not said.
func (p *Phones) withServices(wakes []*pns, use func(all []fabric.PushService, refused bool)) {
	k := &p.services
	k.mu.Lock()
	all, missing := k.all, len(wakes) > 0 && (!k.known || unserved(wakes, k.all))
	if !missing || p.cfg.Pushes.Services == nil || k.learners == maxLearners {
		known := k.known
		k.mu.Unlock()
		use(all, missing && known)
		return
	}
	k.learners++
	k.mu.Unlock()
	p.work.Go(func() {
		all, known := p.learn() // a bridge may have come since
		use(all, known && unserved(wakes, all))
	})
}

// learn asks the cloud.
func (p *Phones) learn() ([]fabric.PushService, bool) {
	<-p.ready
	ctx, cancel := context.WithTimeout(p.ctx, alarm.AskTime)
	defer cancel()
	r, err := p.cfg.Pushes.Services(ctx)
	k := &p.services
	k.mu.Lock()
	defer k.mu.Unlock()
	k.learners--
	if err != nil {
		p.cfg.Logger.Info("which push services there are is not known", "error", err)
		return nil, false // what was known may be old
	}
	k.all, k.known = r.Services, true
	return k.all, true
}
