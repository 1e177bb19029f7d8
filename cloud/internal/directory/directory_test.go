package directory

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"strowger/cloud/internal/store"
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newStore has one organization and nothing else.
func newStore(t *testing.T) (*store.Store, rest.Organization) {
	t.Helper()
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	acme := rest.Organization{Name: "Acme", Enabled: true}
	if err := s.Organizations.Create(t.Context(), "", &acme); err != nil {
		t.Fatal(err)
	}
	return s, acme
}

func TestDirectoryFollowsTheStore(t *testing.T) {
	ctx := t.Context()
	log := slog.New(slog.DiscardHandler)
	s, acme := newStore(t)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})

	reloaded := make(chan string, 100)
	d := New(Config{Store: s, Logger: log, Reloaded: func(org string) { reloaded <- org }})
	s.OnChange(d.Changed)
	if _, err := d.Snapshot(acme.ID); errs.CodeOf(err) != errs.NotFound {
		t.Errorf("before Load: %v", err)
	}
	if err := d.Load(ctx); err != nil {
		t.Fatal(err)
	}
	before, err := d.Snapshot(acme.ID)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(ctx)
	done := make(chan error)
	go func() { done <- d.Run(ctx) }()
	// until waits for the event that makes ok true.
	until := func(ok func() bool) {
		t.Helper()
		for !ok() {
			<-reloaded
		}
	}
	site := rest.Site{Name: "Berlin", Code: "30"}
	if err := s.Sites.Create(ctx, acme.ID, &site); err != nil {
		t.Fatal(err)
	}
	until(func() bool { _, err := d.Copy(ctx, acme.ID, site.ID); return err == nil })
	if before.sites[site.ID] != nil {
		t.Error("a snapshot changed")
	}
	until(func() bool { _, err := d.Peer(ctx, acme.ID, site.ID); return err == nil })
	if err := s.Sites.Delete(ctx, acme.ID, site.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.Organizations.Delete(ctx, acme.ID, acme.ID); err != nil {
		t.Fatal(err)
	}
	until(func() bool { return len(d.Organizations()) == 0 })
	for _, err := range []error{second(d.Copy(ctx, acme.ID, site.ID)), second(d.Peer(ctx, acme.ID, site.ID))} {
		if errs.CodeOf(err) != errs.NotFound {
			t.Errorf("organization that is gone: %v", err)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestDirectoryFindsWhatAnotherInstanceChanged has a directory that nobody tells of changes.
func TestDirectoryFindsWhatAnotherInstanceChanged(t *testing.T) {
	ctx := t.Context()
	s, acme := newStore(t)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	d := New(Config{Store: s, Logger: slog.New(slog.DiscardHandler)})
	if err := d.Load(ctx); err != nil {
		t.Fatal(err)
	}
	site := rest.Site{Name: "Berlin", Code: "30"}
	if err := s.Sites.Create(ctx, acme.ID, &site); err != nil {
		t.Fatal(err)
	}
	old, err := d.Snapshot(acme.ID)
	if err != nil {
		t.Fatal(err)
	}
	if old.sites[site.ID] != nil {
		t.Error("the snapshot knows the site before it was read again")
	}
	d.look(ctx)
	if d.look(ctx); d.follow(ctx) != 0 {
		t.Error("the registry could not be read")
	}
	if s, err := d.Snapshot(acme.ID); err != nil || s.sites[site.ID] == nil {
		t.Errorf("two looks did not find the site: %v", err)
	}
	// What is signed and kept elsewhere is never older than the registry.
	if _, err := d.Copy(ctx, acme.ID, site.ID); err != nil {
		t.Error(err)
	}
	site.Name = "Berlin Mitte"
	if err := s.Sites.Update(ctx, acme.ID, &site); err != nil {
		t.Fatal(err)
	}
	if p, err := d.Peer(ctx, acme.ID, site.ID); err != nil || p.SiteName != site.Name {
		t.Errorf("peer document %+v, %v", p, err)
	}

	other := rest.Organization{Name: "Other", Enabled: true}
	if err := s.Organizations.Create(ctx, "", &other); err != nil {
		t.Fatal(err)
	}
	if err := s.Sites.Delete(ctx, acme.ID, site.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.Organizations.Delete(ctx, acme.ID, acme.ID); err != nil {
		t.Fatal(err)
	}
	d.look(ctx)
	if d.follow(ctx) != 0 {
		t.Error("the registry could not be read")
	}
	if got := d.Organizations(); len(got) != 1 || got[0] != other.ID {
		t.Errorf("organizations are %v, want %s", got, other.ID)
	}
	if d.look(ctx); len(d.dirty) != 0 {
		t.Errorf("changed are %v, want none", d.dirty)
	}
}

// A store that cannot be read takes nothing away: the last snapshot serves on.
func TestDirectoryOutlivesTheStore(t *testing.T) {
	failed := make(chan string, 1)
	s, acme := newStore(t)
	d := New(Config{Store: s, Logger: slog.New(tell{slog.DiscardHandler, failed})})
	if err := d.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- d.Run(ctx) }()
	d.Changed(store.Change{Org: acme.ID})
	<-failed
	if _, err := d.Snapshot(acme.ID); err != nil {
		t.Error(err)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// tell is a log handler that passes messages on.
type tell struct {
	slog.Handler
	to chan<- string
}

func (h tell) Enabled(context.Context, slog.Level) bool { return true }

func (h tell) Handle(_ context.Context, r slog.Record) error {
	select {
	case h.to <- r.Message:
	default:
	}
	return nil
}

func second[T any](_ T, err error) error { return err }

// twoOffices has site Paris (code 20: switch sw_20) and Berlin (30: sw_30, sw_31). The names of users say what they are.
func twoOffices() store.Registry {
	phone := func(id, user, sw string) rest.Device {
		return rest.Device{Meta: rest.Meta{ID: id}, User: user, Kind: designation.DeskPhone, Name: "Desk " + id, Switch: sw, Username: id, Enabled: true}
	}
	g := store.Registry{
		Organization: rest.Organization{Meta: rest.Meta{ID: "org_1"}, Name: "Acme", Enabled: true, RingSeconds: 45},
		Sites: []rest.Site{
			{Meta: rest.Meta{ID: "st_20"}, Name: "Paris", Code: "20"}, {Meta: rest.Meta{ID: "st_30"}, Name: "Berlin", Code: "30"},
		},
		SwitchKeys: map[string]string{"sw_20": "signing20", "sw_30": "signing30", "sw_31": "signing31"},
	}
	g.Switches = []rest.Switch{enrolled("sw_20", "st_20"), enrolled("sw_30", "st_30"), enrolled("sw_31", "st_30")}
	for _, name := range []string{"alice", "bob", "carol", "dora", "erik", "fred", "gina", "hugo", "ivan"} {
		g.Users = append(g.Users, rest.User{Meta: rest.Meta{ID: "us_" + name}, Name: name, Enabled: true, Calling: "internal"})
	}
	disabledPhone := phone("dv_gina", "us_gina", "sw_30")
	disabledPhone.Enabled = false
	g.Devices = []rest.Device{
		phone("dv_alice", "us_alice", "sw_20"),
		phone("dv_bob1", "us_bob", "sw_30"), phone("dv_bob2", "us_bob", "sw_30"), phone("dv_bob3", "us_bob", "sw_20"),
		phone("dv_carol", "us_carol", "sw_31"), // Berlin's second switch
		phone("dv_dora", "us_dora", "sw_20"),   // disabled user
		{Meta: rest.Meta{ID: "dv_erik"}, User: "us_erik", Kind: designation.Mobile, Name: "App", Enabled: true},
		phone("dv_fred", "us_fred", "sw_20"), // may only receive
		disabledPhone,                        // her only phone
		phone("dv_hugo", "us_hugo", "sw_20"), // home switch set elsewhere
	}
	g.Devices[2].DelaySeconds = 10
	g.Users[3].Enabled = false
	g.Users[5].Calling = "none"
	g.Users[7].HomeSwitch = "sw_30"
	for i, n := range []struct{ site, digits, dial, user string }{
		{"st_20", "1001", "201001", "alice"}, {"st_30", "1001", "301001", "bob"}, {"st_30", "1002", "301002", "carol"},
		{"st_20", "1004", "201004", "dora"}, {"", "555", "555", "erik"}, {"st_20", "1006", "201006", "fred"},
		{"st_30", "1007", "301007", "gina"}, {"", "888", "888", "hugo"}, {"", "999", "999", "ivan"},
		{"", "777", "777", "bob"},
		{"st_20", "777", "20777", "alice"}, // in Paris it hides the system number
	} {
		g.Numbers = append(g.Numbers, rest.Number{
			Meta: rest.Meta{ID: "nu_" + string(rune('a'+i))}, Site: n.site, Digits: n.digits, Dial: n.dial, User: "us_" + n.user,
		})
	}
	return g
}

func enrolled(id, site string) rest.Switch {
	return rest.Switch{Meta: rest.Meta{ID: id}, Site: site, Name: "edge " + id, State: "enrolled", KeyHash: "key " + id, Addresses: []string{id + ".example:7443"}}
}
