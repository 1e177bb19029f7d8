package store

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/pushtarget"
	"strowger/pkg/rest"
)

func TestBridgeEnrolsLivesAndIsRevoked(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		o := newOffice(ctx, t, s)
		org := o.org.ID
		b := rest.Bridge{Name: "push"}
		must(t, s.Bridges.Create(ctx, org, &b))
		refused(t, s.Bridges.Create(ctx, org, &rest.Bridge{Name: "push"}), errs.Conflict, "bridge push")
		now := time.Now().Truncate(time.Microsecond)
		s.now = func() time.Time { return now }
		get := func() rest.Bridge {
			t.Helper()
			v, err := s.Bridges.Get(ctx, org, b.ID)
			must(t, err)
			return v
		}
		must(t, s.SetEnrolled(ctx, org, b.ID, "hash", "signing", now.Add(time.Hour)))
		if v := get(); v.State != "enrolled" || v.KeyHash != "hash" || v.Live {
			t.Errorf("enrolled bridge is %+v", v)
		}
		refused(t, s.SetRenewed(ctx, org, b.ID, "other", now.Add(2*time.Hour)), errs.Conflict, "another key")
		must(t, s.SetRenewed(ctx, org, b.ID, "hash", now.Add(2*time.Hour)))
		must(t, s.PutBridgeLease(ctx, org, b.ID, fabric.Lease{Version: "1.2"}, now))
		if v := get(); !v.Live || v.Software != "1.2" || !v.SeenAt.Equal(now) || !v.NotAfter.Equal(now.Add(2*time.Hour)) {
			t.Errorf("bridge after its lease is %+v", v)
		}
		seen := revisionOf(ctx, t, s, org)
		reached := fabric.Lease{Node: designation.Node{Addresses: []string{"192.0.2.7:443"}}, Face: &fabric.Face{URL: "https://b.example", KeyHash: "pin"}}
		must(t, s.PutBridgeLease(ctx, org, b.ID, reached, now))
		must(t, s.PutBridgeLease(ctx, org, b.ID, reached, now)) // the same again is no change
		if v := get(); len(v.Addresses) != 1 || v.Addresses[0] != "192.0.2.7:443" || v.URL != "https://b.example" || v.WebKeyHash != "pin" {
			t.Errorf("bridge that said where it is reached is %+v", v)
		}
		if now := revisionOf(ctx, t, s, org); now != seen+1 {
			t.Errorf("revision %d after %d, want one more: copies of sites list bridges", now, seen)
		}
		now = now.Add(fabric.LeaseLifetime)
		if v := get(); v.Live {
			t.Errorf("bridge whose lease ended is %+v", v)
		}
		must(t, s.PutBridgeLease(ctx, org, b.ID, fabric.Lease{Leaving: true}, now))
		if v := get(); v.Live || !v.SeenAt.Equal(now) || v.URL != "https://b.example" {
			t.Errorf("bridge that left is %+v", v)
		}
		must(t, s.RevokeNode(ctx, org, b.ID))
		refused(t, s.SetEnrolled(ctx, org, b.ID, "hash", "signing", now), errs.Revoked, "bridge")
		refused(t, s.SetRenewed(ctx, org, b.ID, "hash", now), errs.Revoked)
		refused(t, s.Organizations.Delete(ctx, "", org), errs.Conflict)
		must(t, s.CreateEnrolment(ctx, Enrolment{Hash: []byte("h"), Org: org, Subject: b.ID, ExpiresAt: now.Add(time.Hour)}))
		must(t, s.Bridges.Delete(ctx, org, b.ID)) // and its code
		_, err := s.UseEnrolment(ctx, []byte("h"), "key", ident.Bridge, now)
		refused(t, err, errs.NotFound)
	})
}

func revisionOf(ctx context.Context, t *testing.T, s *Store, org string) int64 {
	t.Helper()
	n, err := s.Revision(ctx, org)
	must(t, err)
	return n
}

func TestCodesAreOfOneKind(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		o := newOffice(ctx, t, s)
		now := time.Now()
		d := mobile(ctx, t, s, o)
		b := rest.Bridge{Name: "another bridge"}
		must(t, s.Bridges.Create(ctx, o.org.ID, &b))
		kinds := []ident.Kind{ident.Device, ident.Switch, ident.Bridge}
		for i, subject := range []string{d.ID, o.switches[0].ID, b.ID} {
			hash := []byte{byte(i)}
			must(t, s.CreateEnrolment(ctx, Enrolment{Hash: hash, Org: o.org.ID, Subject: subject, ExpiresAt: now.Add(time.Hour)}))
			for _, other := range kinds {
				if other != kinds[i] {
					_, err := s.UseEnrolment(ctx, hash, "thief", other, now)
					refused(t, err, errs.Invalid)
				}
			}
			got, err := s.UseEnrolment(ctx, hash, "key", kinds[i], now) // the refusals did not use it up
			must(t, err)
			if got.Subject != subject || got.Org != o.org.ID {
				t.Errorf("used enrolment is %+v", got)
			}
		}
	})
}

func mobile(ctx context.Context, t *testing.T, s *Store, o office) rest.Device {
	t.Helper()
	d := rest.Device{User: o.users[0].ID, Kind: designation.Mobile, Name: "app", Enabled: true}
	must(t, s.Devices.Create(ctx, o.org.ID, &d))
	return d
}

func TestPushTokens(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		o := newOffice(ctx, t, s)
		org, d := o.org.ID, mobile(ctx, t, s, o)
		other := mobile(ctx, t, s, o)
		get := func() rest.Device {
			t.Helper()
			v, err := s.Devices.Get(ctx, org, d.ID)
			must(t, err)
			return v
		}
		if v := get(); v.Reachable || v.Unreachable != notEnrolled {
			t.Errorf("new app is %+v", v)
		}
		var told []Change
		s.OnChange(func(c Change) { told = append(told, c) })
		apns := PushToken{Provider: pushtarget.APNs, App: "a", Sandbox: true, Wrapped: []byte{1, 0}}
		web := PushToken{Provider: pushtarget.WebPush, App: "", Wrapped: []byte{2}}
		app := App{Thumbprint: "thumb", SealKey: "seal", Platform: "test", Push: []PushToken{web, apns}}
		must(t, s.SetAppEnrolled(ctx, org, d.ID, app))
		if len(told) != 1 || len(told[0].Devices) != 1 || told[0].Devices[0] != d.ID {
			t.Errorf("told %+v", told)
		}
		if v := get(); !v.Reachable || v.Thumbprint != "thumb" || v.SealKey != "seal" || v.EnrolledAt == nil || len(v.Push) != 2 || v.Push[0].App != "a" || v.Version != 2 {
			t.Errorf("enrolled app is %+v", v)
		}
		v := get()
		v.Name, v.Thumbprint, v.SealKey, v.Unreachable = "renamed", "forged", "forged", "forged"
		must(t, s.Devices.Update(ctx, org, &v))
		if v.Thumbprint != "thumb" || v.SealKey != "seal" || !v.Reachable || v.Name != "renamed" {
			t.Errorf("an update changed what it may not: %+v", v)
		}
		if got, err := s.PushTokens(ctx, org, d.ID); err != nil || len(got) != 2 || !got[0].Sandbox || string(got[0].Wrapped) != "\x01\x00" {
			t.Errorf("tokens %+v, %v", got, err)
		}
		if got, err := s.PushTokens(ctx, "org_x", d.ID); err != nil || len(got) != 0 {
			t.Errorf("tokens for another organization: %+v, %v", got, err)
		}

		replaced := apns
		replaced.Wrapped = []byte{9}
		must(t, s.RemovePushToken(ctx, org, d.ID, replaced, "dead")) // not the one that is there
		must(t, s.RemovePushToken(ctx, org, other.ID, apns, "dead"))
		if v := get(); len(v.Push) != 2 {
			t.Errorf("app is %+v", v)
		}
		must(t, s.RemovePushToken(ctx, org, d.ID, apns, "apns says dead"))
		if v := get(); len(v.Push) != 1 || !v.Reachable {
			t.Errorf("app with one token is %+v", v)
		}
		must(t, s.RemovePushToken(ctx, org, d.ID, web, "webpush says dead"))
		if v := get(); len(v.Push) != 0 || v.Reachable || v.Unreachable != "webpush says dead" {
			t.Errorf("app without tokens is %+v", v)
		}
		refused(t, s.SetPushTokens(ctx, org, d.ID, shows("other"), []PushToken{apns}), errs.WrongPresenter)
		refused(t, s.SetPushTokens(ctx, "org_x", d.ID, shows("thumb"), []PushToken{apns}), errs.NotFound)
		must(t, s.SetPushTokens(ctx, org, d.ID, shows("thumb"), []PushToken{apns}))
		if v := get(); !v.Reachable || len(v.Push) != 1 {
			t.Errorf("app with a new token is %+v", v)
		}
		must(t, s.SetAppEnrolled(ctx, org, d.ID, App{Thumbprint: "next", SealKey: "next"}))
		if v := get(); v.Reachable || v.Unreachable != noToken || v.Thumbprint != "next" {
			t.Errorf("app that enrolled anew is %+v", v)
		}
		refused(t, s.SetAppEnrolled(ctx, org, "dv_x", app), errs.NotFound)
		must(t, s.SetPushTokens(ctx, org, d.ID, shows("next"), []PushToken{apns}))
		must(t, s.Devices.Delete(ctx, org, d.ID))
		if got, err := s.PushTokens(ctx, org, d.ID); err != nil || len(got) != 0 {
			t.Errorf("tokens of a device that is gone: %+v, %v", got, err)
		}
	})
}

// shows is a fresh proof by a key.
func shows(thumbprint string) Proof {
	return Proof{Thumbprint: thumbprint, ID: rand.Text(), Until: time.Now().Add(time.Minute)}
}

// Instances of the cloud have the store in common: what was proved at one of them is a replay at all, and changes nothing. Only the
// last one may come again, as a request does whose answer was lost.
func TestProofsAreGoodOnce(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		o := newOffice(ctx, t, s)
		org, d := o.org.ID, mobile(ctx, t, s, o)
		must(t, s.SetAppEnrolled(ctx, org, d.ID, App{Thumbprint: "thumb", SealKey: "seal"}))
		one, two := PushToken{Provider: pushtarget.APNs, App: "a", Wrapped: []byte{1}}, PushToken{Provider: pushtarget.APNs, App: "a", Wrapped: []byte{2}}
		first, second, stale := shows("thumb"), shows("thumb"), shows("thumb")
		stale.Until = time.Now().Add(-time.Second)
		must(t, s.SetPushTokens(ctx, org, d.ID, stale, []PushToken{one}))
		must(t, s.SetPushTokens(ctx, org, d.ID, first, []PushToken{one}))
		must(t, s.SetPushTokens(ctx, org, d.ID, first, []PushToken{one}))
		must(t, s.SetPushTokens(ctx, org, d.ID, second, []PushToken{two}))
		refused(t, s.SetPushTokens(ctx, org, d.ID, first, []PushToken{one}), errs.Replayed)
		must(t, s.SetPushTokens(ctx, org, d.ID, second, []PushToken{two}))
		if got, err := s.PushTokens(ctx, org, d.ID); err != nil || len(got) != 1 || got[0].Wrapped[0] != 2 {
			t.Errorf("tokens %+v, %v", got, err)
		}
		if kept := count(t, s, `SELECT COUNT(*) FROM proofs`); kept != 2 {
			t.Errorf("%d proofs are kept, want those two that are fresh", kept)
		}
	})
}

func count(t *testing.T, s *Store, query string) (n int) {
	t.Helper()
	must(t, s.read.QueryRowContext(t.Context(), query).Scan(&n))
	return n
}
