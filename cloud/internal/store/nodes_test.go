package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/rest"
)

func TestSwitchEnrolsAndIsRevoked(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		o := newOffice(ctx, t, s)
		org, sw := o.org.ID, o.switches[0].ID
		until := time.UnixMicro(1_900_000_000_000_000).UTC()
		must(t, s.SetEnrolled(ctx, org, sw, "hash", "signing", until))
		got, err := s.Switches.Get(ctx, org, sw)
		must(t, err)
		if got.State != "enrolled" || got.KeyHash != "hash" || !got.NotAfter.Equal(until) || got.Version != 2 {
			t.Errorf("enrolled switch is %+v", got)
		}
		got.Name, got.State, got.KeyHash = "renamed", "new", "forged"
		must(t, s.Switches.Update(ctx, org, &got))
		if got.State != "enrolled" || got.KeyHash != "hash" || got.Name != "renamed" {
			t.Errorf("an update changed what it may not: %+v", got)
		}
		keys, err := s.SwitchKeys(ctx, org)
		must(t, err)
		if len(keys) != 1 || keys[sw] != "signing" {
			t.Errorf("signing keys %v", keys)
		}
		must(t, s.RevokeNode(ctx, org, sw))
		must(t, s.RevokeNode(ctx, org, sw))
		if revoked, err := s.RevokedSwitches(ctx, org); err != nil || len(revoked) != 1 || revoked[0] != sw {
			t.Errorf("revoked switches %q, %v", revoked, err)
		}
		if got, err = s.Switches.Get(ctx, org, sw); err != nil || got.State != "revoked" || got.Version != 4 {
			t.Errorf("revoked switch is %+v, %v", got, err)
		}
		if keys, err = s.SwitchKeys(ctx, org); err != nil || len(keys) != 0 {
			t.Errorf("signing keys of a revoked switch: %v, %v", keys, err)
		}
		refused(t, s.SetEnrolled(ctx, org, sw, "hash", "signing", until), errs.Revoked)
		refused(t, s.SetEnrolled(ctx, org, "sw_x", "hash", "signing", until), errs.NotFound)
		refused(t, s.RevokeNode(ctx, org, "sw_x"), errs.NotFound)

		gone := rest.Switch{Site: o.switches[0].Site, Name: "gone"}
		must(t, s.Switches.Create(ctx, org, &gone))
		for _, node := range []string{gone.ID, "br_x"} { // the bridge is none of the switches
			_, err = s.AddRevocation(ctx, org, node, func(uint64, uint64) (string, error) { return "statement of " + node, nil })
			must(t, err)
		}
		must(t, s.Switches.Delete(ctx, org, gone.ID))
		if revoked, err := s.RevokedSwitches(ctx, org); err != nil || len(revoked) != 2 || revoked[0] != sw || revoked[1] != gone.ID {
			t.Errorf("after its removal the revoked switches are %q, %v", revoked, err)
		}
	})
}

func TestRevocationsAreNumbered(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		o := newOffice(ctx, t, s)
		now := time.Unix(1_800_000_000, 0)
		s.now = func() time.Time { return now }
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if _, err := s.AddRevocation(ctx, o.org.ID, "sw_x", func(n, before uint64) (string, error) { return fmt.Sprint(n, " after ", before), nil }); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		got, err := s.Revocations(ctx, o.org.ID, 1_800_000_002)
		must(t, err)
		if want := []string{"1800000003 after 1800000002", "1800000004 after 1800000003"}; !slices.Equal(got, want) {
			t.Errorf("revocations after 1800000002: %v", got)
		}
		first, err := s.Revocations(ctx, o.org.ID, 0)
		must(t, err)
		if len(first) != 5 || first[0] != "1800000000 after 0" {
			t.Errorf("all revocations: %v", first)
		}
		now = now.Add(time.Hour)
		n, err := s.AddRevocation(ctx, o.org.ID, "sw_x", func(_, before uint64) (string, error) { return fmt.Sprint(before), nil })
		if err != nil || n != 1_800_003_600 {
			t.Errorf("an hour later it is number %d, %v", n, err)
		}
	})
}

func TestEnrolmentCodesWorkOnce(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		o := newOffice(ctx, t, s)
		now := time.UnixMicro(1_800_000_000_000_000).UTC()
		e := Enrolment{Hash: []byte("h1"), Org: o.org.ID, Subject: o.switches[0].ID, ExpiresAt: now.Add(time.Hour)}
		must(t, s.CreateEnrolment(ctx, e))
		got, err := s.UseEnrolment(ctx, e.Hash, "key", "", now)
		must(t, err)
		if got.Subject != e.Subject || got.Org != e.Org || !got.ExpiresAt.Equal(e.ExpiresAt) {
			t.Errorf("used enrolment is %+v", got)
		}
		_, err = s.UseEnrolment(ctx, e.Hash, "key", "", now.Add(time.Minute))
		must(t, err)
		_, err = s.UseEnrolment(ctx, e.Hash, "other", "", now)
		refused(t, err, errs.Used)
		_, err = s.UseEnrolment(ctx, []byte("h2"), "key", "", now)
		refused(t, err, errs.NotFound)

		e.Hash = []byte("h3")
		must(t, s.CreateEnrolment(ctx, e))
		_, err = s.UseEnrolment(ctx, []byte("h1"), "key", "", now)
		refused(t, err, errs.NotFound, "newer")
		for range 2 {
			_, err = s.UseEnrolment(ctx, e.Hash, "key", "", now.Add(time.Hour))
			refused(t, err, errs.Expired)
		}
		e.Subject = "sw_x"
		refused(t, s.CreateEnrolment(ctx, e), errs.Invalid, "sw_x")
	})
}

func TestOneKeyWinsAnEnrolmentCode(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		o := newOffice(ctx, t, s)
		now := time.UnixMicro(1_800_000_000_000_000)
		must(t, s.CreateEnrolment(ctx, Enrolment{Hash: []byte("h"), Org: o.org.ID, Subject: o.switches[0].ID, ExpiresAt: now.Add(time.Hour)}))
		results := make([]error, 8)
		var wg sync.WaitGroup
		for i := range results {
			wg.Go(func() { _, results[i] = s.UseEnrolment(ctx, []byte("h"), fmt.Sprint("key", i), "", now) })
		}
		wg.Wait()
		won := 0
		for _, err := range results {
			if err == nil {
				won++
				continue
			}
			refused(t, err, errs.Used)
		}
		if won != 1 {
			t.Errorf("%d keys used one code", won)
		}
	})
}

func TestSecrets(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		o := newOffice(ctx, t, s)
		_, err := s.Secret(ctx, "ca")
		refused(t, err, errs.NotFound, "ca")
		must(t, s.PutSecret(ctx, "ca", []byte{0, 1, 255}))
		stored, err := s.PutSecretOnce(ctx, "ca", []byte{2})
		must(t, err)
		if !bytes.Equal(stored, []byte{0, 1, 255}) {
			t.Errorf("the second writer of a secret got %v", stored)
		}
		must(t, s.PutSecret(ctx, "ca", []byte{3}))
		if stored, err = s.Secret(ctx, "ca"); err != nil || !bytes.Equal(stored, []byte{3}) {
			t.Errorf("secret is %v, %v", stored, err)
		}
		if stored, err = s.PutSecretOnce(ctx, "new", []byte{4}); err != nil || !bytes.Equal(stored, []byte{4}) {
			t.Errorf("the first writer of a secret got %v, %v", stored, err)
		}

		for _, wrapped := range [][]byte{{1}, {2}} {
			must(t, s.SetCredential(ctx, o.org.ID, o.devices[0].ID, wrapped))
		}
		refused(t, s.SetCredential(ctx, o.org.ID, "dv_x", []byte{1}), errs.NotFound)
		creds, err := s.Credentials(ctx, o.org.ID, o.sites[0].ID)
		must(t, err)
		if len(creds) != 1 || !bytes.Equal(creds[o.devices[0].ID], []byte{2}) {
			t.Errorf("credentials %v", creds)
		}
		if creds, err = s.Credentials(ctx, o.org.ID, o.sites[1].ID); err != nil || len(creds) != 0 {
			t.Errorf("credentials at another site %v, %v", creds, err)
		}
	})
}

func TestDocumentsInPieces(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		put := func(version uint64, want bool, pieces ...string) {
			t.Helper()
			if stored, err := s.PutDocument(ctx, "org", "copy/a", version, pieces); err != nil || stored != want {
				t.Errorf("version %d stored: %v, %v; want %v", version, stored, err, want)
			}
		}
		piece := func(version uint64, no int, want string, of int) {
			t.Helper()
			if text, n, err := s.DocumentPiece(ctx, "org", "copy/a", version, no); err != nil || text != want || n != of {
				t.Errorf("piece %d of version %d is %q of %d, %v; want %q of %d", no, version, text, n, err, want, of)
			}
		}
		put(7, true, "a", "b", "c")
		put(7, false, "x", "y") // another instance, later
		piece(7, 2, "c", 3)
		put(9, true, "d")
		piece(7, 0, "a", 3) // still, for who is fetching it
		piece(9, 0, "d", 1)
		put(10, true, "e", "f")
		piece(9, 0, "d", 1)
		for version, no := range map[uint64]int{7: 0, 9: 1, 10: 2, 11: 0} {
			_, _, err := s.DocumentPiece(ctx, "org", "copy/a", version, no)
			refused(t, err, errs.Conflict)
		}
	})
}

func TestLeasesShowInTheRegistry(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		o := newOffice(ctx, t, s)
		now := time.UnixMicro(1_800_000_000_000_000).UTC()
		s.now = func() time.Time { return now }
		org, sw := o.org.ID, o.switches[0].ID
		must(t, s.SetEnrolled(ctx, org, sw, "hash", "signing", now))
		told := 0
		s.OnChange(func(Change) { told++ })
		l := fabric.Lease{
			Node: designation.Node{ID: sw, Addresses: []string{"192.0.2.1:7443"}, KeyHash: "hash", Boot: "bo_1"}, Version: "1.0",
			Registered: []string{o.devices[0].ID, o.devices[1].ID},
		}
		revision := func() int64 {
			n, err := s.Revision(ctx, org)
			must(t, err)
			all, err := s.Revisions(ctx)
			must(t, err)
			g, err := s.Registry(ctx, org)
			must(t, err)
			if all[org] != n || g.Revision != n {
				t.Errorf("revision is %d, among all %d, of the registry %d", n, all[org], g.Revision)
			}
			return n
		}
		before := revision()
		must(t, s.PutLease(ctx, org, l, now))
		must(t, s.PutLease(ctx, org, l, now))
		if told != 1 || revision() != before+1 {
			t.Errorf("two leases with one address told %d changes, revision %d after %d", told, revision(), before)
		}
		if _, err := s.Revision(ctx, "org_none"); errs.CodeOf(err) != errs.NotFound {
			t.Errorf("revision of no organization: %v", err)
		}
		v, err := s.Switches.Get(ctx, org, sw)
		must(t, err)
		if !v.Live || !v.SeenAt.Equal(now) || !slices.Equal(v.Addresses, l.Node.Addresses) || v.Software != "1.0" {
			t.Errorf("live switch is %+v", v)
		}
		ds, _, err := s.Devices.List(ctx, org, Query{})
		must(t, err)
		if !ds[0].Registered || ds[1].Registered {
			t.Errorf("a switch registers only its own devices, got %+v", ds)
		}
		stored, err := s.Leases(ctx, org)
		must(t, err)
		if len(stored) != 1 || stored[0].Node.Boot != "bo_1" || !stored[0].Live(now) {
			t.Errorf("leases %+v", stored)
		}
		now = now.Add(fabric.LeaseLifetime)
		if v, err = s.Switches.Get(ctx, org, sw); err != nil || v.Live {
			t.Errorf("switch is live without a lease: %+v, %v", v, err)
		}
		if d, err := s.Devices.Get(ctx, org, o.devices[0].ID); err != nil || d.Registered {
			t.Errorf("device is registered without a lease: %+v, %v", d, err)
		}
		l.Node.ID = "sw_x"
		refused(t, s.PutLease(ctx, org, l, now), errs.NotFound)
	})
}

func TestOpenRefuses(t *testing.T) {
	for dsn, words := range map[string]string{
		"mysql://x:secret@y":           "must begin with sqlite: or postgres://",
		"sqlite:":                      "lacks a file name",
		"sqlite:/nonexistent/dir/file": "/nonexistent/dir/file",
	} {
		_, err := Open(t.Context(), dsn, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "secret") {
			t.Errorf("Open(%q) = %v", dsn, err)
		}
	}
}

func TestDatabaseOfANewerReleaseIsRefused(t *testing.T) {
	for name, dsn := range dsns(t) {
		t.Run(name, func(t *testing.T) {
			address := dsn(t)
			s := open(t, address)
			_, err := s.write.ExecContext(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, $1)`, true)
			must(t, err)
			again, err := Open(t.Context(), address, slog.New(slog.DiscardHandler))
			if err == nil {
				err = errors.Join(errors.New("opened"), again.Close())
			}
			if !strings.Contains(err.Error(), "newer release") {
				t.Errorf("opening the database of a newer release: %v", err)
			}
		})
	}
}

func TestDamagedFileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cloud.db")
	s, err := Open(t.Context(), "sqlite:"+path, slog.New(slog.DiscardHandler))
	must(t, err)
	newOffice(t.Context(), t, s)
	must(t, s.Close())
	whole, err := os.ReadFile(path)
	must(t, err)
	const page = 4096
	for n := range len(whole) / page {
		damaged := bytes.Clone(whole)
		for i := range page {
			damaged[n*page+i] ^= 0xff
		}
		must(t, os.WriteFile(path, damaged, 0o600))
		again, err := Open(t.Context(), "sqlite:"+path, slog.New(slog.DiscardHandler))
		if err == nil {
			err = errors.Join(errors.New("opened"), again.Close())
		}
		if !strings.Contains(err.Error(), "restore a backup") {
			t.Errorf("page %d of the file is damaged: %v", n, err)
		}
	}
}

func TestInstancesThatStartTogetherMigrateOnce(t *testing.T) {
	dsn := dsns(t)["postgres"](t)
	stores := make([]*Store, 3)
	var wg sync.WaitGroup
	for i := range stores {
		wg.Go(func() { stores[i] = open(t, dsn) })
	}
	wg.Wait()
	for _, s := range stores {
		must(t, s.Ping(t.Context()))
	}
}
