package sitecopy

import (
	"strings"
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/enrol"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/sessionkey"
	"strowger/pkg/sitecopy"
)

func TestResolve(t *testing.T) {
	for _, c := range []struct {
		name, device, dialled string
		change                func(*world)
		code                  errs.Code
		to                    string // number; then who rings: a device here, or a switch
		rings                 func(*world) string
	}{
		{name: "extension", dialled: "1001", to: "201001", rings: func(*world) string { return "dv_ada" }},
		{name: "extension by site code", dialled: "20 1001", to: "201001", rings: func(*world) string { return "dv_ada" }},
		{name: "system number", dialled: "888", to: "888", rings: func(*world) string { return "dv_dan" }},
		{name: "visual separators", dialled: "(20)-10.01", to: "201001", rings: func(*world) string { return "dv_ada" }},
		{name: "other switch of the site", dialled: "1002", to: "201002", rings: func(w *world) string { return w.x2.Node }},
		{name: "other site", dialled: "301001", to: "301001", rings: func(w *world) string { return w.y.Node }},
		{name: "extension that lives elsewhere", dialled: "1005", to: "201005", rings: func(w *world) string { return w.y.Node }},
		{name: "extension of another switch there", dialled: "301007", to: "301007", rings: func(w *world) string { return w.x2.Node },
			change: func(w *world) {
				w.peers[w.berlin].Switches = append(w.peers[w.berlin].Switches, sitecopy.Switch{Node: designation.Node{ID: w.x2.Node}})
				w.peers[w.berlin].Homes = map[string]string{"1007": w.x2.Node}
			}},
		{name: "nobody here", dialled: "209999", code: errs.Unknown},
		{name: "unknown to the copy", dialled: "4711", code: errs.CloudAway},
		{name: "only the site code", dialled: "30", code: errs.CloudAway},
		{name: "nothing", dialled: "", code: errs.CloudAway},
		{name: "user without a phone", dialled: "1003", code: errs.Offline},
		{name: "disabled user", dialled: "1001", code: errs.Disabled, change: func(w *world) { w.copies[w.paris].Users[0].Enabled = false }},
		{name: "disabled phone", dialled: "1001", code: errs.Offline, change: func(w *world) { w.copies[w.paris].Devices[0].Enabled = false }},
		{name: "caller's phone disabled", dialled: "1001", code: errs.Disabled, change: func(w *world) { w.copies[w.paris].Devices[2].Enabled = false }},
		{name: "caller disabled", dialled: "1001", code: errs.Disabled, change: func(w *world) { w.copies[w.paris].Users[3].Enabled = false }},
		{name: "caller may not call", dialled: "1001", code: errs.Forbidden, change: func(w *world) { w.copies[w.paris].Users[3].Calling = "none" }},
		{name: "phone of another switch calls", device: "dv_bob", dialled: "1001", code: errs.Forbidden},
		{name: "unknown phone calls", device: "dv_zoe", dialled: "1001", code: errs.Forbidden},
		{name: "site without a document", dialled: "301001", code: errs.CloudAway, change: func(w *world) { delete(w.peers, w.berlin) }},
		{name: "site without a switch", dialled: "301001", code: errs.Unreachable, change: func(w *world) { w.peers[w.berlin].Switches = nil }},
		{name: "revoked switch", dialled: "301001", code: errs.Revoked, change: func(w *world) { w.revoke(1, sitecopy.Revocation{Node: w.y.Node}) }},
		{name: "revoked phone calls", dialled: "1001", code: errs.Disabled, change: func(w *world) { w.revoke(1, sitecopy.Revocation{Device: "dv_dan"}) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			if c.change != nil {
				c.change(w)
			}
			if c.device == "" {
				c.device = "dv_dan"
			}
			r, err := w.fetched(w.x).Snapshot().Resolve(c.device, c.dialled, w.now)
			if errs.CodeOf(err) != c.code {
				t.Fatalf("%v, want code %q", err, c.code)
			}
			if err != nil {
				return
			}
			rings := ""
			if r.Away != nil {
				rings = r.Away.ID
			} else if len(r.Branches) == 1 {
				rings = r.Branches[0].Device
			}
			if r.To.Number != c.to || rings != c.rings(w) || r.From.Number != "888" || r.From.User != "us_dan" {
				t.Errorf("%+v", r)
			}
		})
	}
}

// After a day without the cloud calls end at the site; inside it they go on.
func TestExpiredCopy(t *testing.T) {
	w := newWorld(t)
	s := w.fetched(w.x).Snapshot()
	late := w.now.Add(sitecopy.Lifetime)
	if _, err := s.Resolve("dv_ada", "301001", late.Add(-time.Second)); err != nil {
		t.Errorf("within the day: %v", err)
	}
	for _, other := range []string{"301001", "1005"} {
		if _, err := s.Resolve("dv_ada", other, late); errs.CodeOf(err) != errs.CloudAway || !strings.Contains(err.Error(), "24h") {
			t.Errorf("%s to another site: %v", other, err)
		}
	}
	for _, own := range []string{"1001", "1002", "888"} {
		if _, err := s.Resolve("dv_ada", own, late); err != nil {
			t.Errorf("%s inside the site: %v", own, err)
		}
	}
	if _, ok := s.SessionKey(w.y.Node, late); ok {
		t.Error("the switch of another site may still sign")
	}
	if _, ok := s.SessionKey(w.x2.Node, late); !ok {
		t.Error("the other switch of this site may not sign")
	}
	if _, ok := s.SessionKey(w.x.Node, w.now); ok {
		t.Error("this switch takes keys of its own")
	}
}

const bootY = "bo_y"

// arrive presents a key that x signed at y, and returns y's plan.
func arrive(w *world, y *Snapshot, by *enrol.Identity, key string) (designation.Plan, error) {
	v := &sessionkey.Verifier{Node: w.y.Node, Boot: bootY, Org: w.org, Revoked: y.Revoked, Now: func() time.Time { return w.now },
		Keys: func(kid string) (sessionkey.Key, bool) { return y.SessionKey(kid, w.now) }}
	c, err := v.Verify(key, sessionkey.Presenter{ID: by.Node, Confirm: sessionkey.Confirmation{KeyHash: hashOf(by)}, Resume: "1"})
	if err != nil {
		return designation.Plan{}, err
	}
	return y.Accept(c, w.now)
}

func TestCallBetweenSitesWithoutTheCloud(t *testing.T) {
	w := newWorld(t)
	x, y := w.fetched(w.x).Snapshot(), w.fetched(w.y).Snapshot()
	w.away = true
	r, err := x.Resolve("dv_ada", "301001", w.now)
	if err != nil {
		t.Fatal(err)
	}
	call, leg := ident.New(ident.Call), ident.New(ident.Leg)
	key, err := x.Sign(call, leg, r, *r.Away, bootY, w.now)
	if err != nil {
		t.Fatal(err)
	}
	p, err := arrive(w, y, w.x, key)
	if err != nil {
		t.Fatal(err)
	}
	if p.Call != call || p.Organization != w.org || p.From.Number != "201001" || p.From.Name != "ada" || p.To.Number != "301001" || p.To.Name != "yan" ||
		len(p.Branches) != 1 || p.Branches[0].Device != "dv_yan" || p.Ring != time.Minute || !p.Expiry.After(w.now.Add(p.Ring)) {
		t.Errorf("%+v", p)
	}
}

func TestOfflineKeyMisuse(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world, *Route)
		by     func(*world) *enrol.Identity
		want   errs.Code
	}{
		"as it should be":           {func(*world, *Route) {}, nil, ""},
		"without a number":          {func(_ *world, r *Route) { r.From.Number = "" }, nil, ""},
		"caller of another site":    {func(w *world, r *Route) { r.From.Site = w.berlin }, nil, errs.Forbidden},
		"caller without a site":     {func(_ *world, r *Route) { r.From.Site = "" }, nil, errs.Forbidden},
		"caller of another switch":  {func(_ *world, r *Route) { r.From.Number = "201002" }, nil, errs.Forbidden},
		"caller of the callee's":    {func(_ *world, r *Route) { r.From.Number = "301001" }, nil, errs.Forbidden},
		"user of the callee's":      {func(_ *world, r *Route) { r.From.User = "us_yan" }, nil, errs.Forbidden},
		"unknown callee":            {func(_ *world, r *Route) { r.To.Number = "309999" }, nil, errs.Unknown},
		"callee by extension alone": {func(_ *world, r *Route) { r.To.Number = "1001" }, nil, errs.Unknown},
		"shown by another switch":   {func(*world, *Route) {}, func(w *world) *enrol.Identity { return w.x2 }, errs.WrongPresenter},
		"for another node":          {func(w *world, r *Route) { r.Away.ID = w.x2.Node }, nil, errs.WrongAudience},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			x, y := w.fetched(w.x).Snapshot(), w.fetched(w.y).Snapshot()
			r, err := x.Resolve("dv_ada", "301001", w.now)
			if err != nil {
				t.Fatal(err)
			}
			node := *r.Away
			r.Away = &node
			c.change(w, &r)
			key, err := x.Sign(ident.New(ident.Call), ident.New(ident.Leg), r, *r.Away, bootY, w.now)
			if err != nil {
				t.Fatal(err)
			}
			by := w.x
			if c.by != nil {
				by = c.by(w)
			}
			if _, err := arrive(w, y, by, key); errs.CodeOf(err) != c.want {
				t.Errorf("%v, want code %q", err, c.want)
			}
		})
	}
}

// A plan that the cloud's key asks for, after the cloud went away: the callee must live here.
func TestAcceptOfTheCloudsKey(t *testing.T) {
	w := newWorld(t)
	s := w.fetched(w.x).Snapshot()
	claims := sessionkey.Claims{Issuer: w.org, Org: w.org, Call: "ca_1", From: designation.Party{Number: "4711", Name: "from anywhere"}}
	for number, want := range map[string]errs.Code{"201001": "", "777": "", "201002": errs.Unreachable, "301001": errs.Unknown, "201003": errs.Offline} {
		claims.To.Number = number
		if p, err := s.Accept(claims, w.now); errs.CodeOf(err) != want || err == nil && p.From != claims.From {
			t.Errorf("%s: %+v, %v, want code %q", number, p, err, want)
		}
	}
}
