package directory

import (
	"slices"
	"strings"
	"testing"
	"time"

	"strowger/cloud/internal/store"
	"strowger/pkg/designation"
	"strowger/pkg/enrol"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// sales is two offices with a queue in Berlin: of Bob with two phones there, Erik on an app, and others who cannot be called.
func sales() store.Registry {
	g := lines()
	enrolled := time.Unix(1, 0)
	for i := range g.Devices {
		if g.Devices[i].ID == "dv_erik" {
			g.Devices[i].EnrolledAt, g.Devices[i].Thumbprint = &enrolled, "erik"
		}
	}
	q := rest.NewQueue("Sales")
	q.ID, q.Version, q.Switch, q.Ring, q.FallbackDND = "qu_sales", 1, "sw_30", designation.HuntOrder, "301002"
	q.Members = []string{"us_erik", "us_carol", "us_gina", "us_bob", "us_dora", "us_gone"}
	g.Queues = []rest.Queue{q}
	g.Numbers = append(g.Numbers, rest.Number{Meta: rest.Meta{ID: "nu_s"}, Digits: "+4930300", Dial: "+4930300", Queue: q.ID})
	return g
}

func TestQueueRingsItsMembers(t *testing.T) {
	g := sales()
	rings := func(of Route) string {
		var all []string
		for _, b := range of.Phones {
			all = append(all, b.Device)
		}
		for _, a := range of.Apps {
			all = append(all, a.Device)
		}
		return strings.Join(all, " ") + " of " + strings.Join(of.Queue.Members, " ")
	}
	s := NewSnapshot(g)
	outside := designation.Party{Number: "+4930999"}
	r, err := s.ResolveTrunk("sw_30", "tk_2", outside, "+4930300")
	if err != nil || r.To.User != "qu_sales" || r.To.Name != "Sales" || r.Home != "sw_30" || rings(r) != "dv_bob1 dv_bob2 dv_erik of us_erik us_bob" {
		t.Fatalf("from outside: %v, %+v", err, r)
	}
	if q := r.Queue; q.Line != "qu_sales" || q.Length != 10 || q.Ring != designation.HuntOrder || q.Step != 15*time.Second {
		t.Errorf("queue %+v", q)
	}
	if r, err := s.Resolve("sw_30", "dv_bob1", "+4930300", nil); err != nil || rings(r) != "dv_erik of us_erik" {
		t.Errorf("a member calls: %v, %+v", err, r)
	}
	if r, err := s.Confirm("sw_30", outside, designation.Party{Number: "+4930300", User: "qu_sales"}); err == nil {
		t.Errorf("somebody calls who is nobody: %+v", r)
	}
	if _, err := s.Divert(r, "+4930300", []string{"+4930300"}); errs.CodeOf(err) != errs.Loop {
		t.Errorf("a call comes back to the queue: %v", err)
	}
	if _, all := s.Contacts("us_bob"); !slices.ContainsFunc(all, func(c enrol.Contact) bool { return c.Name == "Sales" && c.Number == "+4930300" }) {
		t.Errorf("the contacts of apps: %+v", all)
	}

	for i := range g.Users {
		if g.Users[i].ID == "us_erik" || g.Users[i].ID == "us_bob" {
			g.Users[i].DND, g.Users[i].DNDPriority = true, 5
		}
	}
	s = NewSnapshot(g)
	r, err = s.ResolveTrunk("sw_30", "tk_2", outside, "+4930300")
	if errs.CodeOf(err) != errs.Offline || r.To.User != "qu_sales" {
		t.Errorf("nobody wants calls: %v, %+v", err, r.To)
	}
	g.Queues[0].DND = true
	s = NewSnapshot(g)
	if r, err = s.ResolveTrunk("sw_30", "tk_2", outside, "+4930300"); errs.CodeOf(err) != errs.DoNotDisturb || s.Fallback(r.To, designation.DoNotDisturb) != "301002" {
		t.Errorf("the queue is closed: %v", err)
	}
}

// TestQueueChanges has a queue change, and go, while its number stays.
func TestQueueChanges(t *testing.T) {
	g := sales()
	s := NewSnapshot(g)
	edit := func(change func()) *Snapshot {
		change()
		s = s.edit(g, store.Change{Base: true}).snapshot(s.revision + 1)
		return s
	}
	called := func(s *Snapshot) (string, error) {
		r, err := s.ResolveTrunk("sw_30", "tk_2", designation.Party{}, "+4930300")
		return r.To.Name, err
	}
	before := s
	edit(func() { g.Queues = []rest.Queue{g.Queues[0]}; g.Queues[0].Name, g.Queues[0].Version = "Shop", 2 })
	if name, err := called(s); name != "Shop" || err != nil {
		t.Errorf("renamed: %s, %v", name, err)
	}
	if name, err := called(before); name != "Sales" || err != nil {
		t.Errorf("the snapshot before: %s, %v", name, err)
	}
	s = s.edit(g, store.Change{Dials: []string{"+4930300"}}).snapshot(9)
	edit(func() { g.Queues = nil })
	if s.users.get("qu_sales") != nil {
		t.Error("a queue that was deleted is there")
	}
}

func TestCopyHasTheQueuesOfTheSite(t *testing.T) {
	s := newOffice(sales())
	c, err := s.copy("st_30")
	if err != nil || len(c.Queues) != 1 || c.Queues[0].Policy.Queue.Length != 10 || len(c.Queues[0].Members) != 6 || !c.Queues[0].Enabled {
		t.Fatalf("Berlin: %v, %+v", err, c.Queues)
	}
	leads := 0
	for _, n := range c.Numbers {
		if n.User == "qu_sales" && n.Digits == "+4930300" {
			leads++
		}
	}
	if leads != 1 {
		t.Errorf("numbers %+v", c.Numbers)
	}
	if c, err := s.copy("st_20"); err != nil || len(c.Queues) != 0 {
		t.Errorf("Paris: %v, %+v", err, c.Queues)
	}
}
