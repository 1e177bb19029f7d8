package store

import (
	"context"
	"reflect"
	"testing"

	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

func TestTrunks(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		o := newOffice(ctx, t, s)
		good := func() rest.Trunk {
			v := rest.NewTrunk("Company")
			v.Switch, v.Servers, v.Number = o.switches[0].ID, []string{"sip.example.com", "192.0.2.1:5080", "[2001:db8::1]:5060"}, "+4930100"
			return v
		}
		v := good()
		must(t, s.Trunks.Create(ctx, o.org.ID, &v))
		got, err := s.Trunks.Get(ctx, o.org.ID, v.ID)
		must(t, err)
		if !reflect.DeepEqual(got, v) || len(v.Servers) != 3 {
			t.Errorf("created %+v, read %+v", v, got)
		}
		g, err := s.Registry(ctx, o.org.ID)
		must(t, err)
		if len(g.Trunks) != 1 || g.Trunks[0].Name != "Company" {
			t.Errorf("the registry has %+v", g.Trunks)
		}
		refused(t, s.Switches.Delete(ctx, o.org.ID, o.switches[0].ID), errs.Conflict, "device") // and then the trunk
		for field, spoil := range map[string]func(*rest.Trunk){
			"name":    func(v *rest.Trunk) { v.Name = "" },
			"switch":  func(v *rest.Trunk) { v.Switch = "sw_x" },
			"order":   func(v *rest.Trunk) { v.Order = 100 },
			"weight":  func(v *rest.Trunk) { v.Weight = 0 },
			"servers": func(v *rest.Trunk) { v.Servers = []string{"sip:example.com"} },
			"number":  func(v *rest.Trunk) { v.Number = "030100" },
			"dtmf":    func(v *rest.Trunk) { v.DTMF = "morse" },
			"is none of AMR, AMR-WB, G722, G729, GSM, iLBC, L16, opus, PCMA, PCMU": func(v *rest.Trunk) { v.Codecs = []string{"pcma", "telephone-event"} },
			"keys would pass in the clear":                                         func(v *rest.Trunk) { v.SRTP, v.Transport = "required", "tcp" },
			"srtp":                                                                 func(v *rest.Trunk) { v.SRTP = "optional" },
			"PCMA is there twice":                                                  func(v *rest.Trunk) { v.Codecs = []string{"pcma", "PCMA"} },
		} {
			v := good()
			v.Name = "Another"
			spoil(&v)
			refused(t, s.Trunks.Create(ctx, o.org.ID, &v), errs.Invalid, field)
		}
		v = good()
		refused(t, s.Trunks.Create(ctx, o.org.ID, &v), errs.Conflict, "Company")
		site := o.sites[0]
		site.Outside = "0"
		refused(t, s.Sites.Update(ctx, o.org.ID, &site), errs.Invalid, "country")
		site.Country = "XX"
		refused(t, s.Sites.Update(ctx, o.org.ID, &site), errs.Invalid, "XX")
		site.Country = "DE"
		must(t, s.Sites.Update(ctx, o.org.ID, &site))
		if site.Country != "DE" || site.Outside != "0" {
			t.Errorf("the site is %+v", site)
		}
	})
}
