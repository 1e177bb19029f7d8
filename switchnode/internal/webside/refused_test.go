package webside

import (
	"testing"

	"strowger/pkg/errs"
	"strowger/pkg/proof"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
)

// away is a desk phone that is not registered.
type away struct{ desk }

func (a *away) Dial(s call.Setup) (call.Leg, error) {
	_, err := a.desk.Dial(s)
	return a, err
}

func (a *away) Do(act call.LegAction) {
	if _, ok := act.(call.Start); ok {
		a.setup.Post(call.Refused{Leg: a.setup.Leg, Cause: call.CauseOf(errs.Offline, "")})
		a.setup.Post(call.Closed{Leg: a.setup.Leg})
	}
}

// An app whose call is refused at once reads why before its stream ends, whichever way it came; then it leaves.
func TestCallingAppIsRefusedAtOnce(t *testing.T) {
	for name, way := range map[string]func(*app, *office, proof.Entry) (sip.Peer, func()){
		"straight":           (*app).straight,
		"by way of a bridge": (*app).spliced,
	} {
		t.Run(name, func(t *testing.T) {
			o, d := newOffice(t), newDevice(t)
			p := o.plan()
			w := o.promises(d, p, call.Branch{Leg: "desk", Target: &away{*o.desk()}})
			a, fingerprint := newApp(t)
			at, leave := way(a, o, proof.Entry{Key: w.Key, Proof: d.proves(t, w, fingerprint, nil)})
			a.calls(at)
			if r := sees[sip.Refused](a); r.Code != 480 || r.Refusal != string(errs.Offline) {
				t.Errorf("refused by %+v", r)
			}
			o.placedAs(p.Call).ends("desk")
			if n := o.web.Counters(); n.Connections+n.Spliced != 1 {
				t.Errorf("the switch did not wait until the app leaves: %+v", n)
			}
			leave()
			eventually(t, "the switch forgets the app", func() bool { n := o.web.Counters(); return n.Connections+n.Spliced == 0 })
		})
	}
}

// straight brings an app to its node, and returns how it leaves.
func (a *app) straight(o *office, e proof.Entry) (sip.Peer, func()) {
	session, s := dial(a.t, o.node)
	v, r := enter(a.t, s, lineOf(a.t, e))
	if !v.OK {
		a.t.Fatal(v.Error)
	}
	served, err := a.sip.ServeStream(a.t.Context(), buffered{newStream(s, 1), r})
	if err != nil {
		a.t.Fatal(err)
	}
	return served.Peer(), func() { _ = session.CloseWithError(0, "") }
}

// spliced brings an app to its node by way of a bridge.
func (a *app) spliced(o *office, e proof.Entry) (sip.Peer, func()) {
	c := (&splicer{}).splice(o)
	if v := o.shows(c, lineOf(a.t, e)); !v.OK {
		a.t.Fatal(v.Error)
	}
	served, err := a.sip.ServeStream(a.t.Context(), spliced{c, streamAddr(1), streamAddr(2)})
	if err != nil {
		a.t.Fatal(err)
	}
	return served.Peer(), func() { _ = c.Close() }
}
