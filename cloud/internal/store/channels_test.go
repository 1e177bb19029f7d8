package store

import (
	"context"
	"reflect"
	"slices"
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/rest"
)

// twoBridges are bridges A and B that live, of the runs "a" and "b".
func twoBridges(ctx context.Context, t *testing.T, s *Store, org string, now time.Time) (a, b fabric.Channel) {
	t.Helper()
	var all [2]fabric.Channel
	for i, boot := range []string{"a", "b"} {
		v := rest.Bridge{Name: "bridge " + boot}
		must(t, s.Bridges.Create(ctx, org, &v))
		must(t, s.SetEnrolled(ctx, org, v.ID, "hash"+boot, "", now.Add(time.Hour)))
		lives(ctx, t, s, org, fabric.Channel{Bridge: v.ID, Boot: boot}, now)
		all[i] = fabric.Channel{Bridge: v.ID, Boot: boot}
	}
	return all[0], all[1]
}

func lives(ctx context.Context, t *testing.T, s *Store, org string, at fabric.Channel, now time.Time) {
	t.Helper()
	must(t, s.PutBridgeLease(ctx, org, at.Bridge, fabric.Lease{Node: designation.Node{ID: at.Bridge, Boot: at.Boot}, Face: &fabric.Face{URL: "https://" + at.Boot + ".example"}}, now))
}

// said is what a bridge says.
type said struct {
	come []Coming
	gone []fabric.Bound
}

// TestChannels is where the channel of a device is, whatever order its bridges speak in.
func TestChannels(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		o := newOffice(ctx, t, s)
		org, d := o.org.ID, mobile(ctx, t, s, o)
		now := time.Now().Truncate(time.Microsecond)
		s.now = func() time.Time { return now }
		must(t, s.SetAppEnrolled(ctx, org, d.ID, App{Thumbprint: "thumb"}))
		a, b := twoBridges(ctx, t, s, org, now)
		bind := func(at fabric.Channel, q said, want errs.Code) []Replaced {
			t.Helper()
			refused, replaced, err := s.Bind(ctx, org, at, q.come, q.gone)
			must(t, err)
			if len(q.come) == 1 && (refused[0] == nil) != (want == "") || want != "" && refused[0].Code != want {
				t.Errorf("refused %v, want %q", refused[0], want)
			}
			return replaced
		}
		come := func(order int64) said {
			return said{come: []Coming{{Bound: fabric.Bound{Device: d.ID, Thumbprint: "thumb", Order: order}}}}
		}
		stale := func(order int64) said {
			return said{come: []Coming{{Bound: come(order).come[0].Bound, Stale: errs.New(errs.KeyExpired, "old")}}}
		}
		hearsay := func(order int64) said {
			return said{come: []Coming{{Bound: come(order).come[0].Bound, Hearsay: true}}}
		}
		gone := func(order int64) said { return said{gone: []fabric.Bound{{Device: d.ID, Order: order}}} }
		at := func(want fabric.Channel) {
			t.Helper()
			got, err := s.ChannelOf(ctx, org, d.ID)
			must(t, err)
			if got == nil {
				got = &fabric.Channel{}
			}
			if *got != want {
				t.Errorf("the channel is at %+v, want %+v", *got, want)
			}
			v, err := s.Devices.Get(ctx, org, d.ID)
			must(t, err)
			if v.Awake != (want.Bridge != "") {
				t.Errorf("awake: %t", v.Awake)
			}
		}
		at(fabric.Channel{})
		reachable := func(want bool) {
			t.Helper()
			v, err := s.Devices.Get(ctx, org, d.ID)
			must(t, err)
			if v.Reachable != want {
				t.Errorf("reachable: %t (%s)", v.Reachable, v.Unreachable)
			}
		}
		reachable(false) // it gave no push token
		bind(a, said{come: []Coming{{Bound: fabric.Bound{Device: d.ID, Thumbprint: "other", Order: 1}}}}, errs.WrongPresenter)
		bind(a, said{come: []Coming{{Bound: fabric.Bound{Device: d.ID, Thumbprint: "other", Order: 1}, Hearsay: true}}}, errs.WrongPresenter)
		bind(a, said{come: []Coming{{Bound: fabric.Bound{Device: "dv_x", Thumbprint: "thumb", Order: 1}}}}, errs.Revoked)
		bind(a, said{come: []Coming{{Bound: come(1).come[0].Bound, Refused: errs.New(errs.BadSignature, "forged")}}}, errs.BadSignature)
		bind(a, hearsay(1), "") // it may come, but is not noted
		bind(a, stale(1), errs.KeyExpired)
		at(fabric.Channel{})
		bind(a, come(1), "")
		bind(a, stale(1), "") // told again: the cloud was away
		at(a)
		reachable(true)
		must(t, s.SetPushTokens(ctx, org, d.ID, shows("thumb"), nil))
		reachable(true)
		if old := bind(b, come(3), ""); len(old) != 1 || old[0].Channel != a || old[0].Device != d.ID || old[0].Order != 1 {
			t.Errorf("replaced %+v", old)
		}
		at(b)
		bind(a, come(2), errs.Conflict) // told late
		bind(a, hearsay(9), "")         // takes nobody's place
		bind(a, stale(4), errs.KeyExpired)
		bind(a, gone(2), "") // so was this
		bind(b, gone(2), "") // an end of what was before
		at(b)
		bind(b, come(4), "") // it goes on
		bind(b, gone(4), "")
		bind(b, stale(4), errs.KeyExpired) // it was there once
		at(fabric.Channel{})
		reachable(false)

		// A run of a bridge that is over has no channels.
		bind(a, come(5), "")
		lives(ctx, t, s, org, fabric.Channel{Bridge: a.Bridge, Boot: "a2"}, now)
		at(fabric.Channel{})
		reachable(false)
		bind(b, come(6), "")
		now = now.Add(fabric.LeaseLifetime)
		at(fabric.Channel{})
		reachable(false)
		a.Boot = "a2"
		lives(ctx, t, s, org, a, now)
		bind(a, stale(7), errs.KeyExpired) // sessions die with the run of their bridge
		bind(a, come(2), "")               // B is dead: what it knows is no reason
		at(a)
	})
}

// TestLiveBridges is where apps reach a bridge, and by which certificates.
func TestLiveBridges(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		o := newOffice(ctx, t, s)
		org, now := o.org.ID, time.Now().Truncate(time.Microsecond)
		s.now = func() time.Time { return now }
		a, _ := twoBridges(ctx, t, s, org, now)
		now = now.Add(fabric.LeaseLifetime) // B is dead
		where := func(web ...string) {
			t.Helper()
			must(t, s.PutBridgeLease(ctx, org, a.Bridge, fabric.Lease{
				Node: designation.Node{Boot: a.Boot, Addresses: []string{"192.0.2.1:443"}, Web: web}, Face: &fabric.Face{URL: "https://b"},
			}, now))
			want := designation.BridgeFace{ID: a.Bridge, URL: "https://b", Web: web}
			if len(web) > 0 {
				want.Addresses = []string{"192.0.2.1:443"}
			}
			if all, err := s.LiveBridges(ctx, org); err != nil || len(all) != 1 || !reflect.DeepEqual(all[0], want) {
				t.Errorf("live bridges %+v, %v, want %+v", all, err, want)
			}
		}
		where()
		where("present", "next")
		where() // apps have no channels by WebTransport any more
	})
}

// TestUnwelcome finds the channels of devices that may have none any more, once.
func TestUnwelcome(t *testing.T) {
	for name, revoke := range map[string]func(context.Context, *testing.T, *Store, office, *rest.Device){
		"disabled": func(ctx context.Context, t *testing.T, s *Store, o office, d *rest.Device) {
			d.Enabled = false
			must(t, s.Devices.Update(ctx, o.org.ID, d))
		},
		"its user is": func(ctx context.Context, t *testing.T, s *Store, o office, _ *rest.Device) {
			o.users[0].Enabled = false
			must(t, s.Users.Update(ctx, o.org.ID, &o.users[0]))
		},
		"another key": func(ctx context.Context, t *testing.T, s *Store, o office, d *rest.Device) {
			must(t, s.SetAppEnrolled(ctx, o.org.ID, d.ID, App{Thumbprint: "new"}))
		},
		"removed": func(ctx context.Context, t *testing.T, s *Store, o office, d *rest.Device) {
			must(t, s.Devices.Delete(ctx, o.org.ID, d.ID))
		},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
				o := newOffice(ctx, t, s)
				org, d, other := o.org.ID, mobile(ctx, t, s, o), mobile(ctx, t, s, o)
				now := time.Now().Truncate(time.Microsecond)
				s.now = func() time.Time { return now }
				a, _ := twoBridges(ctx, t, s, org, now)
				var come []Coming
				for _, one := range []rest.Device{d, other} {
					must(t, s.SetAppEnrolled(ctx, org, one.ID, App{Thumbprint: "of " + one.ID}))
					come = append(come, Coming{Bound: fabric.Bound{Device: one.ID, Thumbprint: "of " + one.ID, Order: 1}})
				}
				if refused, _, err := s.Bind(ctx, org, a, come, nil); err != nil || refused[0] != nil || refused[1] != nil {
					t.Fatal(refused, err)
				}
				if all, _, err := s.Unwelcome(ctx, org); err != nil || len(all) != 0 {
					t.Fatal(all, err)
				}
				var err error
				d, err = s.Devices.Get(ctx, org, d.ID)
				must(t, err)
				revoke(ctx, t, s, o, &d)
				all, why, err := s.Unwelcome(ctx, org)
				must(t, err)
				if name == "its user is" { // both are his
					if len(all) != 2 {
						t.Errorf("%+v", all)
					}
					return
				}
				if len(all) != 1 || all[0].Device != d.ID || all[0].Channel != a || !slices.Contains([]errs.Code{errs.WrongPresenter, errs.Disabled, errs.Revoked}, why[0].Code) {
					t.Errorf("%+v, %v", all, why)
				}
				if all, _, err := s.Unwelcome(ctx, org); err != nil || len(all) != 0 {
					t.Errorf("found again: %+v, %v", all, err)
				}
			})
		})
	}
}
