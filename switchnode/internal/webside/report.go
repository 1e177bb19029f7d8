package webside

import (
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/proof"
	"strowger/pkg/sessionkey"
	"strowger/switchnode/internal/call"
)

// reported tells a leg what its device says by its channel.
type reported struct{ step string }

// thumbprintOf is the key of the device that a session key is for; "" if the session key cannot be read.
func (w *Web) thumbprintOf(key string) string {
	c, err := sessionkey.Open(key, w.cfg.Verifier.Keys)
	if err != nil {
		return ""
	}
	return c.Confirm.Thumbprint
}

// Report takes what a device says of its leg before it is at the call. Whoever carries it cannot make it up, change it, or say
// it twice.
func (w *Web) Report(d fabric.Dev) {
	if err := w.report(d); err != nil {
		w.count(err)
		if code := errs.CodeOf(err); w.told.Take(string(code)) { // who sent it is not known
			w.cfg.Logger.Info("refused a report of a device", "code", code, "error", err)
		}
	}
}

func (w *Web) report(d fabric.Dev) error {
	var r proof.Report
	thumbprint, err := proof.Open(d.Report, proof.TypeReport, &r)
	switch {
	case err != nil:
		return err
	case r.Node != w.cfg.Node:
		return errs.New(errs.WrongAudience, "the report is for node %.40s, this is %s", r.Node, w.cfg.Node)
	}
	if err := proof.Fresh(r.IssuedAt, w.cfg.Now()); err != nil {
		return err
	}
	post, err := w.legs.hear(r, thumbprint)
	if err != nil {
		return err
	}
	post(reported{r.Step}) // a call that is over takes no more
	return nil
}

// hear returns the post of the leg that a report is of, once for each report.
func (l *legs) hear(r proof.Report, thumbprint string) (func(any) bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.waiting[r.Leg]
	switch {
	case w == nil || w.answered:
		return nil, errs.New(errs.Gone, "this switch knows no such call")
	case thumbprint != w.device:
		return nil, errs.New(errs.WrongPresenter, "the report is by another device than that of the leg")
	}
	return w.post, w.once(r.ID, l.now())
}

// reported takes what the device says. What it says on its connection counts more.
func (l *leg) reported(in reported) []call.Event {
	if l.state != waking {
		return nil
	}
	switch in.step {
	case proof.ChannelOpen:
		return l.summons.reported("channel opened")
	case proof.Ringing:
		return l.summons.reported("rings by its channel")
	case proof.Declined:
		evs := l.summons.reported("declined by its channel")
		l.declined = true
		return append(evs, l.refused(call.CauseOf(errs.Declined, ""))...)
	}
	return nil
}
