package webside

import (
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/sipleg"
)

// referred takes the REFER of an app (RFC 3515), which asks that the other party call somebody else. The switch may not speak for an app:
// the cloud, or the other call, judges what the app shows.
func (l *leg) referred(ev sip.Referred) []call.Event {
	r := sipleg.Referred(l.setup.Leg, ev.To)
	r.App = &call.App{Key: l.branch.App.Key, Proof: ev.Proof}
	return []call.Event{r}
}

// sought has somebody take the app's place in the call, which may still ring for it.
func (l *leg) sought(ev sip.Sought) []call.Event {
	if ev := sipleg.Sought(l.setup.Leg, ev); ev != nil {
		return []call.Event{ev}
	}
	return nil
}

// refer tells the app what becomes of its REFER.
func (l *leg) refer(a call.LegAction) {
	if l.dialog == nil {
		return
	}
	switch a := a.(type) {
	case call.AcceptRefer:
		l.dialog.AcceptRefer()
	case call.RefuseRefer:
		sipleg.RefuseRefer(l.dialog, a.Cause)
	case call.Report:
		l.dialog.Report(a.Code, a.Words)
	}
}

// Seek has the owner of the dialog of an app that has those names take a guest in; false: there is none.
func (w *Web) Seek(n call.Named, g *call.Guest) bool { return sipleg.Seek(w.sip, n, g) }
