package main

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"strowger/mobile-bridge/sdk"
)

// wakePaths are those that only a call to a sleeping app takes.
type wakePaths struct{ bridge, push, app path }

// woken is how long each step of a call to a sleeping app took.
type woken struct{ push, rings, told time.Duration }

// wakeSteps are the rows for each delay.
var wakeSteps = [...]string{"INVITE to the push on the phone", "push to the app's ringing", "INVITE to 180, the app slept"}

// wakes counts network round trips from INVITE over the push to the ringing of an app that slept.
func (b *bench) wakes(ctx context.Context) (err error) {
	way := &delayed{delayer: &delayer{}, runs: b.plan.runs, flags: []string{"--webrtc", "127.0.0.1:0"}}
	defer way.delayer.close()
	s, err := serve(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if way.load, err = newLoad(); err != nil {
		return err
	}
	defer way.load.close()
	if way.directory, err = b.directory(ctx); err != nil {
		return err
	}
	defer way.client.HTTP.CloseIdleConnections()
	var more wakePaths
	if err := way.waking(ctx, s, &more); err != nil {
		return err
	}
	pushed := make(chan time.Time, 16)
	app, err := way.sleeper(ctx, s, 0, func() { pushed <- time.Now() })
	if err != nil {
		return err
	}
	defer app.Close()
	way.load.patience = 20 * roundTrip // more than any call takes
	for _, c := range []struct {
		name  string
		paths []*path
	}{
		{"on no path", nil},
		{"phone - switch", []*path{&way.paths.phones}},
		{"switch - cloud", []*path{&way.paths.cloud}},
		{"bridge - cloud", []*path{&more.bridge}},
		{"bridge - push service", []*path{&more.push}},
		{"app - switch", []*path{&more.app}},
		{"on every path", []*path{&way.paths.phones, &way.paths.cloud, &more.bridge, &more.push, &more.app}},
	} {
		for _, p := range c.paths {
			p.oneWay.Store(int64(roundTrip / 2))
		}
		var rows [len(wakeSteps)]row
		for i, name := range wakeSteps {
			rows[i] = row{Part: "wake", Name: name, Load: c.name, Unit: "trips"}
		}
		for r := range b.plan.runs {
			took, err := way.wakesUp(ctx, app, pushed, fmt.Sprintf("wake%d.%d", len(b.rows), r))
			if err != nil {
				return fmt.Errorf("delay %s: %w", c.name, err)
			}
			progress("strowger: delay %s: push after %v, ringing %v after it, 180 after %v", c.name, took.push, took.rings, took.told)
			for i, d := range []time.Duration{took.push, took.rings, took.told} {
				rows[i].Ours = append(rows[i].Ours, float64(d)/float64(roundTrip))
			}
		}
		for _, p := range c.paths {
			p.oneWay.Store(0)
		}
		b.rows = append(b.rows, rows[:]...)
	}
	return nil
}

// waking starts an office with phones and a bridge, with proxies on every way.
func (d *delayed) waking(ctx context.Context, s *services, more *wakePaths) (err error) {
	if d.fabric, err = d.tcp(ctx, &d.paths.cloud, d.up.Fabric); err != nil {
		return err
	}
	fabric, err := d.tcp(ctx, &more.bridge, d.up.Fabric)
	if err != nil {
		return err
	}
	u, err := url.Parse(s.apple.URL())
	if err != nil {
		return err
	}
	if u.Host, err = d.tcp(ctx, &more.push, u.Host); err != nil {
		return err
	}
	if _, _, err := d.bridge(ctx, s, u.String(), "--fabric", fabric); err != nil {
		return err
	}
	d.links = &more.app // nobody else dials the office
	return d.office(ctx)
}

// wakesUp calls the app, which answers as soon as it rings.
func (d *delayed) wakesUp(ctx context.Context, app *sleeper, pushed <-chan time.Time, token string) (took woken, err error) {
	rang := make(chan time.Time, 1)
	go func() { // it ends with the call
		for e := range app.events {
			switch e.Kind {
			case sdk.Ringing:
				rang <- time.Now()
				e.Call.Answer(sdk.NewEcho())
			case sdk.Missed, sdk.Cancelled, sdk.Ended:
				close(rang)
				return
			}
		}
	}()
	from, _ := parties(server{offices: d.offices})
	began := time.Now()
	took.told, err = d.rings(ctx, call{callers: from[:1], callees: []phone{{number: app.number}}, token: token})
	if err != nil {
		return took, err
	}
	at, ring := <-pushed, <-rang
	took.push, took.rings = at.Sub(began), ring.Sub(at)
	<-rang // it is over
	return took, nil
}
