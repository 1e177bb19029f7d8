package webside

import (
	"crypto/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/proof"
	"strowger/switchnode/internal/call"
)

// tells is what a device reports of its leg, by whatever bridge; change makes it another report.
func (d *device) tells(t *testing.T, o *office, leg, step string, change func(*proof.Report)) string {
	t.Helper()
	r := proof.Report{Node: o.node.ID, Device: d.id, Leg: leg, Step: step, ID: rand.Text(), IssuedAt: time.Now().Unix()}
	if change != nil {
		change(&r)
	}
	signed, err := proof.Sign(proof.TypeReport, d.signing, r)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// A device that has no connection to the switch yet tells that it has its channel and that it rings, and then that its user
// declines: the caller hears so at once.
func TestDeviceDeclinesByItsChannel(t *testing.T) {
	o, d := newOffice(t), newDevice(t)
	p := o.plan(d)
	s, leg := o.call(p, speech), p.Branches[0].App.Leg
	w := o.woken(d)
	hears[call.Wake](s)
	for _, step := range []string{proof.ChannelOpen, proof.Ringing, proof.Declined} {
		o.web.Report(fabric.Dev{Report: d.tells(t, o, leg, step, nil)})
	}
	if r := hears[call.Refuse](s); r.Cause.Code != string(errs.Declined) || r.Cause.SIP != 603 {
		t.Errorf("the caller hears %+v", r.Cause)
	}
	got := s.ends(leg)
	for _, line := range []string{"wake channel opened", "wake rings by its channel", "wake declined by its channel", "leg-ended declined"} {
		if !slices.Contains(got, line) {
			t.Errorf("ledger: %q, want %q in it", got, line)
		}
	}
	if err := o.knock(proof.Entry{Key: w.Key, Proof: d.proves(t, w, "", nil)}); code(err) != errs.Gone {
		t.Errorf("who declined and comes all the same hears %v", err)
	}
}

// Nobody else can tell of a leg, whoever carries the report; nobody can tell it twice, or of another leg. The call goes on.
func TestReportMisuse(t *testing.T) {
	o, d, other := newOffice(t), newDevice(t), newDevice(t)
	p := o.plan(d)
	s, leg := o.call(p, speech), p.Branches[0].App.Leg
	w := o.woken(d)
	hears[call.Wake](s)
	decline := func(change func(*proof.Report)) string { return d.tells(t, o, leg, proof.Declined, change) }
	changed := decline(nil)
	again := d.tells(t, o, leg, proof.ChannelOpen, nil)
	o.web.Report(fabric.Dev{Report: again})
	s.writes(leg, "wake channel opened")
	for name, tt := range map[string]struct {
		report string
		want   errs.Code
	}{
		"by another device":        {other.tells(t, o, leg, proof.Declined, func(r *proof.Report) { r.Device = d.id }), errs.WrongPresenter},
		"for another switch":       {decline(func(r *proof.Report) { r.Node = "sw_x" }), errs.WrongAudience},
		"of another leg":           {decline(func(r *proof.Report) { r.Leg = "lg_x" }), errs.Gone},
		"from an hour ago":         {decline(func(r *proof.Report) { r.IssuedAt -= 3600 }), errs.KeyExpired},
		"from the future":          {decline(func(r *proof.Report) { r.IssuedAt += 3600 }), errs.ClockSkew},
		"without a name":           {decline(func(r *proof.Report) { r.ID = "" }), errs.Replayed},
		"told before":              {again, errs.Replayed},
		"a proof of another kind":  {d.proves(t, w, "", nil), errs.KeyMalformed},
		"changed on the way":       {changed[:len(changed)-20] + strings.Repeat("A", 20), errs.BadSignature},
		"nothing of a report":      {"INVITE", errs.KeyMalformed},
		"of no step that there is": {d.tells(t, o, leg, "dancing", nil), ""},
	} {
		if err := o.web.report(fabric.Dev{Report: tt.report}); code(err) != tt.want {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
	a, fingerprint := newApp(t)
	a.comes(d, w, fingerprint)
	a.rings()
	hears[call.Ring](s)
	o.web.Report(fabric.Dev{Report: decline(nil)}) // what it says on its connection counts more
	a.answers()
	hears[call.Accept](s)
	if err := o.web.report(fabric.Dev{Report: decline(nil)}); code(err) != errs.Gone {
		t.Errorf("of a leg that is answered: %v", err)
	}
	s.caller.hangUp()
	if got := s.ends(leg); slices.Contains(got, "wake declined by its channel") || got[len(got)-1] != "leg-ended normal" {
		t.Errorf("ledger: %q", got)
	}
}
