package directory

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"strowger/cloud/internal/store"
	"strowger/pkg/designation"
	"strowger/pkg/rest"
)

// described is all that a snapshot knows, in words.
func described(s *Snapshot) string {
	var all []string
	for _, part := range s.users.parts {
		for _, slot := range part.slots {
			u := slot.user
			if u == nil {
				continue
			}
			all = append(all, fmt.Sprint("user ", *u))
			if s.users.get(u.id) != u {
				all = append(all, "another is found for user "+u.id)
			}
			for _, d := range u.devices {
				if s.devices.get(d.id) != u {
					all = append(all, "another is found for device "+d.id)
				}
			}
			for _, n := range u.numbers {
				if s.numbers.get(n.dial) != u {
					all = append(all, "another is found for number "+n.dial)
				}
			}
		}
	}
	for _, v := range s.sites {
		all = append(all, fmt.Sprint("site ", v.ID, v.Name, v.Code))
	}
	for _, v := range s.switches {
		all = append(all, fmt.Sprint("switch ", v.ID, v.Name, v.State))
	}
	slices.Sort(all)
	return fmt.Sprint(s.organization.Name, s.users.len, s.devices.len, s.numbers.len, "\n", strings.Join(all, "\n"))
}

// registry is a store with an organization that random edits change.
type registry struct {
	t        *testing.T
	store    *store.Store
	org      rest.Organization
	sites    []rest.Site
	switches []rest.Switch
	users    []rest.User
	devices  []rest.Device
	numbers  []rest.Number
	made     int
}

func newRegistry(t *testing.T) *registry {
	s, org := newStore(t)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	r := &registry{t: t, store: s, org: org}
	for _, code := range []string{"20", "30"} {
		site := rest.Site{Name: "Site " + code, Code: code}
		r.ok(s.Sites.Create(t.Context(), org.ID, &site))
		sw := rest.Switch{Name: "edge" + code, Site: site.ID}
		r.ok(s.Switches.Create(t.Context(), org.ID, &sw))
		r.sites, r.switches = append(r.sites, site), append(r.switches, sw)
	}
	return r
}

func (r *registry) ok(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func pick[T any](all []T) *T {
	if len(all) == 0 {
		return nil
	}
	return &all[rand.IntN(len(all))]
}

// edit makes one random write; one that is refused changes nothing.
func (r *registry) edit() {
	ctx, org := r.t.Context(), r.org.ID
	r.made++
	name, u, d, n := fmt.Sprint("n", r.made), pick(r.users), pick(r.devices), pick(r.numbers)
	switch i := rand.IntN(13); {
	case i < 3 || u == nil:
		v := rest.NewUser(name)
		r.ok(r.store.Users.Create(ctx, org, &v))
		r.users = append(r.users, v)
	case i < 5:
		v := rest.NewDevice(u.ID, name)
		if v.Switch, v.Username = pick(r.switches).ID, name; rand.IntN(4) == 0 {
			v.Kind, v.Switch, v.Username = designation.Mobile, "", ""
		}
		r.ok(r.store.Devices.Create(ctx, org, &v))
		r.devices = append(r.devices, v)
	case i < 7:
		v := rest.Number{Digits: fmt.Sprint(1000 + r.made), User: u.ID}
		if rand.IntN(2) == 0 {
			v.Site = pick(r.sites).ID
		}
		r.ok(r.store.Numbers.Create(ctx, org, &v))
		r.numbers = append(r.numbers, v)
	case i == 7:
		u.Version, u.Name, u.Enabled, u.HomeSwitch = 0, name, !u.Enabled, pick(r.switches).ID
		r.ok(r.store.Users.Update(ctx, org, u))
	case i == 8 && d != nil:
		d.Version, d.User, d.Enabled = 0, u.ID, !d.Enabled
		r.ok(r.store.Devices.Update(ctx, org, d))
	case i == 9 && n != nil:
		n.Version, n.User, n.Digits = 0, u.ID, fmt.Sprint(1000+r.made)
		r.ok(r.store.Numbers.Update(ctx, org, n))
	case i == 10 && d != nil:
		r.ok(r.store.Devices.Delete(ctx, org, d.ID))
		r.devices = slices.DeleteFunc(r.devices, func(v rest.Device) bool { return v.ID == d.ID })
	case i == 11 && n != nil:
		r.ok(r.store.Numbers.Delete(ctx, org, n.ID))
		r.numbers = slices.DeleteFunc(r.numbers, func(v rest.Number) bool { return v.ID == n.ID })
	case r.made%7 == 0: // renumbers a site
		site := pick(r.sites)
		site.Version, site.Code = 0, fmt.Sprint(100+r.made)
		r.ok(r.store.Sites.Update(ctx, org, site))
	default: // somebody who still has something stays
		if r.store.Users.Delete(ctx, org, u.ID) == nil {
			r.users = slices.DeleteFunc(r.users, func(v rest.User) bool { return v.ID == u.ID })
		}
	}
}

// TestChangesMakeWhatReadingItAllMakes follows random edits, told in any order and in batches, and compares.
func TestChangesMakeWhatReadingItAllMakes(t *testing.T) {
	r := newRegistry(t)
	d := New(Config{Store: r.store, Logger: slog.New(slog.DiscardHandler)})
	r.ok(d.Load(t.Context()))
	var told []store.Change
	r.store.OnChange(func(c store.Change) { told = append(told, c) })
	for range 150 {
		for range 1 + rand.IntN(4) {
			r.edit()
		}
		before, err := d.Snapshot(r.org.ID)
		r.ok(err)
		was := described(before)
		rand.Shuffle(len(told), func(i, j int) { told[i], told[j] = told[j], told[i] })
		for _, c := range told {
			d.Changed(c)
			if wait := d.follow(t.Context()); wait != 0 && wait != missingFor {
				t.Fatalf("cannot follow: again in %v", wait)
			}
		}
		told = nil
		g, err := r.store.Registry(t.Context(), r.org.ID)
		r.ok(err)
		after, err := d.Snapshot(r.org.ID)
		r.ok(err)
		if got, want := described(after), described(NewSnapshot(g)); got != want || after.revision != g.Revision {
			t.Fatalf("revision %d, want %d:\n%s\n\nwant\n%s", after.revision, g.Revision, got, want)
		}
		if described(before) != was {
			t.Fatal("a snapshot changed")
		}
	}
}

// TestMissingChangeIsNotWaitedForLong tells a change of which the one before is never told.
func TestMissingChangeIsNotWaitedForLong(t *testing.T) {
	r := newRegistry(t)
	var told []store.Change
	r.store.OnChange(func(c store.Change) { told = append(told, c) })
	d := New(Config{Store: r.store, Logger: slog.New(slog.DiscardHandler)})
	r.ok(d.Load(t.Context()))
	for range 2 {
		v := rest.NewUser("somebody")
		r.ok(r.store.Users.Create(t.Context(), r.org.ID, &v))
	}
	d.Changed(told[1])
	if wait := d.follow(t.Context()); wait != missingFor {
		t.Errorf("again in %v, want %v", wait, missingFor)
	}
	if s, _ := d.Snapshot(r.org.ID); s.users.len != 0 {
		t.Errorf("%d users without the change before", s.users.len)
	}
	d.dirty[r.org.ID].gap = d.dirty[r.org.ID].gap.Add(-2 * missingFor)
	if wait := d.follow(t.Context()); wait != 0 {
		t.Errorf("again in %v, want never", wait)
	}
	if s, _ := d.Snapshot(r.org.ID); s.users.len != 2 {
		t.Errorf("%d users, want 2", s.users.len)
	}
}
