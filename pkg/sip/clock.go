package sip

import "time"

// clock moves the transactions on with the time until stop.
func (e *Endpoint) clock(stop <-chan struct{}) {
	x := e.transactions
	timer := time.NewTimer(0)
	defer timer.Stop()
	var due []overdue
	for {
		select {
		case <-stop:
			return
		case <-timer.C:
		case <-x.wake:
		}
		due = x.expired(time.Now(), due[:0])
		for _, d := range due {
			e.perform(d)
		}
		x.mu.Lock()
		if x.alarm = (time.Time{}); len(x.agenda) > 0 {
			x.alarm = x.agenda[0].due
		}
		timer.Stop()
		if !x.alarm.IsZero() {
			timer.Reset(time.Until(x.alarm))
		}
		x.mu.Unlock()
	}
}

// overdue is what a timer of a transaction asks for.
type overdue struct {
	t      *txn
	action action
	bytes  []byte
	tell   func(*Response, error)
}

// expired steps every transaction whose time has come, and appends what that asks for to all.
func (x *transactions) expired(now time.Time, all []overdue) []overdue {
	x.mu.Lock()
	defer x.mu.Unlock()
	for len(x.agenda) > 0 && !now.Before(x.agenda[0].due) {
		t := x.agenda[0]
		d := overdue{t: t, bytes: t.bytes, tell: t.tell}
		d.action = t.machine.tick(now)
		x.settle(t)
		if d.action != 0 {
			all = append(all, d)
		}
	}
	return all
}

func (e *Endpoint) perform(d overdue) {
	switch {
	case d.action&lapse == 0:
		if err := e.send(d.t.peer, d.bytes); err != nil && d.t.machine.client {
			e.transactions.fail(d.t, err)
		}
	case d.tell != nil:
		d.tell(nil, ErrTimeout)
	}
}
