package store

import (
	"context"
	"strings"
	"sync"
	"testing"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/guard"
	"strowger/pkg/rest"
)

// office is an organization with two sites, a switch each, and a user with a phone and an extension in each.
type office struct {
	org      rest.Organization
	sites    [2]rest.Site
	switches [2]rest.Switch
	users    [2]rest.User
	devices  [2]rest.Device
	numbers  [2]rest.Number
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused checks the code of err and that its words say what they should.
func refused(t *testing.T, err error, code errs.Code, words ...string) {
	t.Helper()
	if errs.CodeOf(err) != code {
		t.Fatalf("error %v has code %q, want %q", err, errs.CodeOf(err), code)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
}

func newOffice(ctx context.Context, t *testing.T, s *Store) office {
	t.Helper()
	var o office
	o.org = rest.Organization{Name: "Acme", Enabled: true}
	must(t, s.Organizations.Create(ctx, "", &o.org))
	for i, code := range []string{"20", "30"} {
		o.sites[i] = rest.Site{Name: "Site " + code, Code: code}
		must(t, s.Sites.Create(ctx, o.org.ID, &o.sites[i]))
		o.switches[i] = rest.Switch{Name: "edge" + code, Site: o.sites[i].ID}
		must(t, s.Switches.Create(ctx, o.org.ID, &o.switches[i]))
		o.users[i] = rest.User{Name: "User " + code, Enabled: true}
		must(t, s.Users.Create(ctx, o.org.ID, &o.users[i]))
		o.devices[i] = rest.Device{Name: "Desk " + code, User: o.users[i].ID, Kind: designation.DeskPhone, Switch: o.switches[i].ID, Username: "phone" + code, Enabled: true}
		must(t, s.Devices.Create(ctx, o.org.ID, &o.devices[i]))
		o.numbers[i] = rest.Number{Site: o.sites[i].ID, Digits: "1001", User: o.users[i].ID}
		must(t, s.Numbers.Create(ctx, o.org.ID, &o.numbers[i]))
	}
	return o
}

// TestOfficesAtOnce: more read a registry at the same time than there are connections, and none waits for another's.
func TestOfficesAtOnce(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		o := newOffice(ctx, t, s)
		var all sync.WaitGroup
		for i := range 4 * sqliteReaders {
			all.Go(func() {
				g, err := s.Office(ctx, o.org.ID, o.sites[i%2].ID)
				if err != nil || len(g.Users) != 1 || g.Users[0].ID != o.users[i%2].ID {
					t.Errorf("users %v: %v", g.Users, err)
				}
			})
		}
		all.Wait()
	})
}

// TestOfficeHasGuards: the rules against toll fraud of a user are known wherever their calls may leave, and nothing else of them is.
func TestOfficeHasGuards(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		o := newOffice(ctx, t, s)
		u, err := s.Users.Get(ctx, o.org.ID, o.users[1].ID)
		must(t, err)
		one := int64(1)
		u.Guard = &guard.Policy{Together: &one}
		must(t, s.Users.Update(ctx, o.org.ID, &u))
		g, err := s.Office(ctx, o.org.ID, o.sites[0].ID)
		must(t, err)
		found := false
		for _, v := range g.Users {
			found = found || v.ID == u.ID && v.Guard != nil && *v.Guard.Together == 1
		}
		if !found || len(g.Users) != 2 || len(g.Devices) != 1 || len(g.Numbers) != 1 {
			t.Errorf("users %+v, %d devices, %d numbers", g.Users, len(g.Devices), len(g.Numbers))
		}
	})
}
