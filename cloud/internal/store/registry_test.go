package store

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/rest"
)

func TestCreateFillsMetaAndReadsBack(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		o := newOffice(ctx, t, s)
		for i := range o.sites {
			if d := o.devices[i]; ident.KindOf(d.ID) != ident.Device || d.Version != 1 || d.CreatedAt.IsZero() || d.Organization != o.org.ID {
				t.Errorf("created device has %+v", d)
			}
			got, err := s.Devices.Get(ctx, o.org.ID, o.devices[i].ID)
			must(t, err)
			if !reflect.DeepEqual(got, o.devices[i]) {
				t.Errorf("read back %+v, created %+v", got, o.devices[i])
			}
			if o.switches[i].State != "new" {
				t.Errorf("created switch has state %q", o.switches[i].State)
			}
		}
		if o.org.RingSeconds != 60 || o.users[0].Calling != "internal" {
			t.Errorf("defaults: %+v, %+v", o.org, o.users[0])
		}
		if o.numbers[0].Dial != "201001" || o.numbers[1].Dial != "301001" {
			t.Errorf("dial strings %q and %q", o.numbers[0].Dial, o.numbers[1].Dial)
		}
		_, err := s.Sites.Get(ctx, "org_other", o.sites[0].ID)
		refused(t, err, errs.NotFound, o.sites[0].ID)
		refused(t, s.Sites.Create(ctx, "org_other", &rest.Site{Name: "X", Code: "9"}), errs.NotFound, "org_other")
		refused(t, s.Sites.Create(ctx, "", &rest.Site{Name: "X", Code: "9"}), errs.Invalid, "organization")
		_, _, err = s.Sites.List(ctx, "", Query{})
		refused(t, err, errs.Invalid, "organization")
	})
}

func TestUpdateKnowsVersions(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		o := newOffice(ctx, t, s)
		site := o.sites[0]
		site.Name = "Berlin"
		must(t, s.Sites.Update(ctx, o.org.ID, &site))
		if site.Version != 2 || site.Name != "Berlin" || site.UpdatedAt.Before(site.CreatedAt) {
			t.Errorf("updated site is %+v", site)
		}
		stale := o.sites[0]
		refused(t, s.Sites.Update(ctx, o.org.ID, &stale), errs.Conflict, "version 2", "version 1")
		stale.Version = 0
		must(t, s.Sites.Update(ctx, o.org.ID, &stale))
		if stale.Version != 3 {
			t.Errorf("version %d after an update of any version", stale.Version)
		}
		missing := rest.Site{Meta: rest.Meta{ID: "st_x"}, Name: "X", Code: "1"}
		refused(t, s.Sites.Update(ctx, o.org.ID, &missing), errs.NotFound, "st_x")
		other := rest.Organization{Name: "Other", Enabled: true}
		must(t, s.Organizations.Create(ctx, "", &other))
		refused(t, s.Sites.Update(ctx, other.ID, &site), errs.NotFound)
	})
}

func TestOneOfManyConcurrentUpdatesWins(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		o := newOffice(ctx, t, s)
		const writers = 8
		results := make([]error, writers)
		var wg sync.WaitGroup
		for i := range writers {
			wg.Go(func() {
				u := o.users[0]
				u.Name = fmt.Sprint("Writer ", i)
				results[i] = s.Users.Update(ctx, o.org.ID, &u)
			})
		}
		wg.Wait()
		won := 0
		for _, err := range results {
			if err == nil {
				won++
				continue
			}
			refused(t, err, errs.Conflict)
		}
		if won != 1 {
			t.Errorf("%d of %d updates of one version won", won, writers)
		}
	})
}

func TestWhatOnlyOneMayHave(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		o := newOffice(ctx, t, s)
		org := o.org.ID
		refused(t, s.Sites.Create(ctx, org, &rest.Site{Name: "New", Code: "20"}), errs.Conflict, "site code 20 is taken by site Site 20 ("+o.sites[0].ID+")")
		refused(t, s.Sites.Create(ctx, org, &rest.Site{Name: "Site 20", Code: "40"}), errs.Conflict, "site name Site 20")
		refused(t, s.Switches.Create(ctx, org, &rest.Switch{Name: "edge20", Site: o.sites[1].ID}), errs.Conflict, "switch name edge20")
		d := o.devices[0]
		refused(t, s.Devices.Create(ctx, org, &d), errs.Conflict, "username phone20 is taken by device Desk 20")
		n := o.numbers[0]
		refused(t, s.Numbers.Create(ctx, org, &n), errs.Conflict, "extension 1001 of site Site 20 is taken by user User 20")
		system := rest.Number{Digits: "555", User: o.users[0].ID}
		must(t, s.Numbers.Create(ctx, org, &system))
		again := rest.Number{Digits: "555", User: o.users[1].ID}
		refused(t, s.Numbers.Create(ctx, org, &again), errs.Conflict, "system number 555 is taken by user ")

		other := rest.Organization{Name: "Other", Enabled: true}
		must(t, s.Organizations.Create(ctx, "", &other))
		must(t, s.Sites.Create(ctx, other.ID, &rest.Site{Name: "Site 20", Code: "20"}))
	})
}

func TestAmbiguousNumbersAreRefused(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		o := newOffice(ctx, t, s)
		org := o.org.ID
		refused(t, s.Numbers.Create(ctx, org, &rest.Number{Digits: "201001", User: o.users[0].ID}),
			errs.Conflict, "201001 would be ambiguous", "system number 201001", "extension 1001 of site Site 20, which user ")
		two := rest.Site{Name: "Two", Code: "2"}
		must(t, s.Sites.Create(ctx, org, &two))
		refused(t, s.Numbers.Create(ctx, org, &rest.Number{Site: two.ID, Digits: "01001", User: o.users[0].ID}), errs.Conflict, "ambiguous")

		// A new code of a site moves its numbers along, and is refused where it makes one ambiguous.
		must(t, s.Numbers.Create(ctx, org, &rest.Number{Digits: "771001", User: o.users[0].ID}))
		site := o.sites[0]
		site.Code = "77"
		refused(t, s.Sites.Update(ctx, org, &site), errs.Conflict, "771001 would be ambiguous")
		site.Code = "78"
		must(t, s.Sites.Update(ctx, org, &site))
		n, err := s.Numbers.Get(ctx, org, o.numbers[0].ID)
		must(t, err)
		if n.Dial != "781001" {
			t.Errorf("dial string %q after the site got code 78", n.Dial)
		}
		// 2 to 20 and extensions 1 and 01: on the way two rows are dialled 201.
		for _, ext := range []string{"1", "01"} {
			must(t, s.Numbers.Create(ctx, org, &rest.Number{Site: two.ID, Digits: ext, User: o.users[0].ID}))
		}
		two.Code = "20"
		must(t, s.Sites.Update(ctx, org, &two))
	})
}

func TestReferencesStayInTheOrganization(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		o := newOffice(ctx, t, s)
		other := rest.Organization{Name: "Other", Enabled: true}
		must(t, s.Organizations.Create(ctx, "", &other))
		refused(t, s.Switches.Create(ctx, other.ID, &rest.Switch{Name: "e", Site: o.sites[0].ID}), errs.Invalid, "site:", o.sites[0].ID)
		refused(t, s.Users.Create(ctx, other.ID, &rest.User{Name: "u", HomeSwitch: o.switches[0].ID}), errs.Invalid, "home_switch:")
		d := o.devices[0]
		refused(t, s.Devices.Create(ctx, other.ID, &d), errs.Invalid, "user:")
		d = o.devices[0]
		d.Switch = "sw_missing"
		refused(t, s.Devices.Update(ctx, o.org.ID, &d), errs.Invalid, "switch:", "sw_missing")
		n := o.numbers[0]
		n.Site = "st_missing"
		refused(t, s.Numbers.Update(ctx, o.org.ID, &n), errs.Invalid, "site:", "st_missing")
		n = o.numbers[0]
		n.User = ""
		refused(t, s.Numbers.Update(ctx, o.org.ID, &n), errs.Invalid, "user:")
	})
}

func TestBadValuesAreNamed(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		o := newOffice(ctx, t, s)
		org, u, sw := o.org.ID, o.users[0].ID, o.switches[0].ID
		refused(t, s.Sites.Create(ctx, org, &rest.Site{Name: "a\x00b", Code: "1"}), errs.Invalid, "name:", "NUL")
		refused(t, s.Sites.Create(ctx, org, &rest.Site{Name: "a\xffb", Code: "1"}), errs.Invalid, "name:", "UTF-8")
		refused(t, s.Sites.Create(ctx, org, &rest.Site{Code: "1"}), errs.Invalid, "name:")
		refused(t, s.Sites.Create(ctx, org, &rest.Site{Name: strings.Repeat("é", 101), Code: "1"}), errs.Invalid, "name:", "101")
		refused(t, s.Sites.Create(ctx, org, &rest.Site{Name: "a", Code: "1a"}), errs.Invalid, "code:")
		refused(t, s.Switches.Create(ctx, org, &rest.Switch{Name: "a"}), errs.Invalid, "site:")
		refused(t, s.Users.Create(ctx, org, &rest.User{Name: "a", Calling: "abroad"}), errs.Invalid, "calling:")
		refused(t, s.Organizations.Create(ctx, "", &rest.Organization{Name: "a", RingSeconds: 4}), errs.Invalid, "ring_seconds:")
		refused(t, s.Numbers.Create(ctx, org, &rest.Number{Digits: "12 34", User: u}), errs.Invalid, "digits:")
		refused(t, s.APIKeys.Create(ctx, "", &rest.APIKey{Name: "a", Role: "root"}), errs.Invalid, "role:")
		for field, d := range map[string]rest.Device{
			"user:":          {Name: "a", Kind: designation.DeskPhone, Switch: sw, Username: "x"},
			"switch:":        {Name: "a", Kind: designation.DeskPhone, User: u, Username: "x"},
			"username:":      {Name: "a", Kind: designation.DeskPhone, User: u, Switch: sw, Username: "a b"},
			"kind:":          {Name: "a", Kind: "fax", User: u},
			"delay_seconds:": {Name: "a", Kind: designation.Mobile, User: u, DelaySeconds: 61},
			"only a desk":    {Name: "a", Kind: designation.Web, User: u, Switch: sw},
		} {
			refused(t, s.Devices.Create(ctx, org, &d), errs.Invalid, field)
		}
	})
}

func TestDeleteNamesWhoStillRefers(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		o := newOffice(ctx, t, s)
		org := o.org.ID
		refused(t, s.Organizations.Delete(ctx, "", org), errs.Conflict, "site Site 20")
		refused(t, s.Sites.Delete(ctx, org, o.sites[0].ID), errs.Conflict, "switch edge20 ("+o.switches[0].ID+")")
		refused(t, s.Switches.Delete(ctx, org, o.switches[0].ID), errs.Conflict, "device Desk 20")
		refused(t, s.Users.Delete(ctx, org, o.users[0].ID), errs.Conflict, "device Desk 20")
		must(t, s.SetCredential(ctx, org, o.devices[0].ID, []byte{1}))
		must(t, s.Devices.Delete(ctx, org, o.devices[0].ID))
		refused(t, s.Users.Delete(ctx, org, o.users[0].ID), errs.Conflict, "number 1001")
		must(t, s.Numbers.Delete(ctx, org, o.numbers[0].ID))
		must(t, s.Users.Delete(ctx, org, o.users[0].ID))
		must(t, s.Switches.Delete(ctx, org, o.switches[0].ID))
		must(t, s.Sites.Delete(ctx, org, o.sites[0].ID))
		refused(t, s.Sites.Delete(ctx, org, o.sites[0].ID), errs.NotFound)

		empty := rest.Organization{Name: "Empty"}
		must(t, s.Organizations.Create(ctx, "", &empty))
		_, err := s.AddRevocation(ctx, empty.ID, "sw_x", func(uint64, uint64) (string, error) { return "x", nil })
		must(t, err)
		must(t, s.Organizations.Delete(ctx, empty.ID, empty.ID))
	})
}

func TestListPagesAndFilters(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		o := newOffice(ctx, t, s)
		org := o.org.ID
		var want []string
		for i := range 7 {
			n := rest.Number{Digits: fmt.Sprint(500 + i), User: o.users[0].ID}
			must(t, s.Numbers.Create(ctx, org, &n))
			want = append(want, n.ID)
		}
		var got []string
		q := Query{Limit: 3, Filter: map[string]string{"site": "", "user": o.users[0].ID}}
		for pages := 1; ; pages++ {
			items, next, err := s.Numbers.List(ctx, org, q)
			must(t, err)
			for _, n := range items {
				got = append(got, n.ID)
			}
			if q.Cursor = next; next == "" {
				if pages != 3 {
					t.Errorf("%d pages of 3 for 7 numbers", pages)
				}
				break
			}
		}
		slices.Sort(want) // ids of one millisecond are in no order
		if !slices.Equal(got, want) {
			t.Errorf("listed %v, want %v", got, want)
		}
		enabled, _, err := s.Devices.List(ctx, org, Query{Filter: map[string]string{"enabled": "true", "kind": "deskphone", "delay_seconds": "0", "username": "phone30"}})
		must(t, err)
		if len(enabled) != 1 || enabled[0].ID != o.devices[1].ID {
			t.Errorf("listed %+v", enabled)
		}
		for _, bad := range []Query{
			{Filter: map[string]string{"colour": "red"}},
			{Filter: map[string]string{"enabled": "maybe"}},
			{Filter: map[string]string{"delay_seconds": "soon"}},
			{Filter: map[string]string{"name": "\x00"}},
			{Limit: -1}, {Limit: MaxLimit + 1}, {Cursor: "?"}, {Cursor: "AA"},
		} {
			_, _, err := s.Devices.List(ctx, org, bad)
			refused(t, err, errs.Invalid)
		}
		_, _, err = s.Devices.List(ctx, org, Query{Filter: map[string]string{"colour": "red"}})
		refused(t, err, errs.Invalid, "colour", "username")
	})
}

// The first key is made once, also where a first start that was cut off has left one that nobody has, and kept until it was used.
func TestFirstAPIKey(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		nobodys := rest.APIKey{Name: "first admin", Role: "admin"}
		must(t, s.APIKeys.Create(ctx, "", &nobodys))
		for _, secret := range []string{"secret", "another"} { // the same until it was used
			stored, err := s.CreateFirstAPIKey(ctx, rest.APIKey{Name: "first admin", Role: "admin"}, []byte("hash"), []byte(secret))
			if err != nil || string(stored) != "secret" {
				t.Errorf("stored %q: %v", stored, err)
			}
		}
		k, err := s.APIKeyByHash(ctx, []byte("hash"))
		if err != nil || k.ID == nobodys.ID || k.Version != 1 || k.CreatedAt.IsZero() || k.Name != "first admin" || k.Role != "admin" || k.Organization != "" {
			t.Errorf("found %+v, %v", k, err)
		}
		must(t, s.TouchAPIKey(ctx, k.ID, k.CreatedAt))
		if stored, err := s.CreateFirstAPIKey(ctx, k, []byte("hash"), []byte("third")); err != nil || stored != nil {
			t.Errorf("a key was used, and stored is %q: %v", stored, err)
		}
	})
}

func TestAPIKeysOfTheInstallation(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		o := newOffice(ctx, t, s)
		all := rest.APIKey{Name: "root", Role: "admin"}
		must(t, s.APIKeys.Create(ctx, "", &all))
		one := rest.APIKey{Name: "acme", Role: "reader", Organization: "org_forged"}
		must(t, s.APIKeys.Create(ctx, o.org.ID, &one))
		if one.Organization != o.org.ID {
			t.Errorf("key of organization %q", one.Organization)
		}
		keys, _, err := s.APIKeys.List(ctx, o.org.ID, Query{})
		must(t, err)
		if len(keys) != 1 || keys[0] != one {
			t.Errorf("the organization sees keys %+v", keys)
		}
		if keys, _, err = s.APIKeys.List(ctx, "", Query{}); err != nil || len(keys) != 2 {
			t.Errorf("the installation sees keys %+v, %v", keys, err)
		}
		must(t, s.SetAPIKeyHash(ctx, one.ID, []byte("hash")))
		found, err := s.APIKeyByHash(ctx, []byte("hash"))
		must(t, err)
		if found != one {
			t.Errorf("found %+v", found)
		}
		must(t, s.TouchAPIKey(ctx, one.ID, o.org.CreatedAt))
		if found, err = s.APIKeys.Get(ctx, "", one.ID); err != nil || found.UsedAt == nil || !found.UsedAt.Equal(o.org.CreatedAt) {
			t.Errorf("touched key %+v, %v", found, err)
		}
		_, err = s.APIKeyByHash(ctx, []byte("other"))
		refused(t, err, errs.NotFound)
		refused(t, s.SetAPIKeyHash(ctx, "ak_x", nil), errs.NotFound)
		all.Name = "new"
		must(t, s.APIKeys.Update(ctx, "", &all))
		if all.Version != 2 || all.Name != "new" {
			t.Errorf("updated key %+v", all)
		}
		must(t, s.APIKeys.Delete(ctx, "", all.ID))
		refused(t, s.APIKeys.Delete(ctx, "org_other", one.ID), errs.NotFound)
	})
}

func TestChangesAreToldAfterCommit(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		var told []string
		s.OnChange(func(c Change) { told = append(told, c.Org) })
		o := newOffice(ctx, t, s)
		if want := slices.Repeat([]string{o.org.ID}, 11); !slices.Equal(told, want) {
			t.Errorf("told %v", told)
		}
		told = nil
		d := o.devices[0]
		refused(t, s.Devices.Create(ctx, o.org.ID, &d), errs.Conflict)
		_, err := s.AddRevocation(ctx, o.org.ID, "sw_x", func(uint64, uint64) (string, error) { return "", errors.New("no key") })
		refused(t, err, errs.Internal)
		if len(told) != 0 {
			t.Errorf("refused writes told %v", told)
		}
	})
}

func TestRegistryIsAllOfIt(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		o := newOffice(ctx, t, s)
		must(t, s.SetEnrolled(ctx, o.org.ID, o.switches[0].ID, "hash", "signing", o.org.CreatedAt))
		g, err := s.Registry(ctx, o.org.ID)
		must(t, err)
		if g.Organization != o.org || len(g.Sites) != 2 || len(g.Switches) != 2 || len(g.Users) != 2 || len(g.Devices) != 2 || len(g.Numbers) != 2 {
			t.Errorf("registry %+v", g)
		}
		if len(g.SwitchKeys) != 1 || g.SwitchKeys[o.switches[0].ID] != "signing" {
			t.Errorf("signing keys %v", g.SwitchKeys)
		}
		_, err = s.Registry(ctx, "org_x")
		refused(t, err, errs.NotFound)
	})
}
