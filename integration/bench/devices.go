package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// devices measures what the cloud holds for an app that sleeps, and a bridge for one that is awake.
func (b *bench) devices(ctx context.Context) (err error) {
	ways := &delayer{}
	defer ways.close()
	s, err := serve(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	d, err := b.directory(ctx)
	if err != nil {
		return err
	}
	defer d.client.HTTP.CloseIdleConnections()
	if d.disguise, err = ways.disguised(d.apiAddress()); err != nil {
		return err
	}
	_, bridge, err := d.bridge(ctx, s, "")
	if err != nil {
		return err
	}
	cloud := server{name: "cloud", main: []program{d.program}}
	awake := server{name: "bridge", main: []program{bridge}}
	c := new(crowd)
	defer func() { err = errors.Join(err, c.close()) }()
	if err := b.more(ctx, d, s, c, b.plan.sleepers/10); err != nil { // so that all is there that one device needs
		return err
	}
	asleep, err := b.grown(ctx, cloud, b.plan.sleepers, func() error { return b.more(ctx, d, s, c, b.plan.sleepers) })
	if err != nil {
		return err
	}
	first, rest := c.apps[:b.plan.sleepers/10], c.apps[b.plan.sleepers/10:]
	if err := connected(ctx, first); err != nil {
		return err
	}
	channels, err := b.grown(ctx, awake, len(rest), func() error { return connected(ctx, rest) })
	if err != nil {
		return err
	}
	for i, grown := range []held{asleep, channels} {
		name := [...]string{"an app that sleeps, in the cloud", "an app that is awake, in the bridge"}[i]
		b.rows = append(b.rows,
			row{Part: "devices", Name: name + ": heap and stacks", Load: fmt.Sprint(b.plan.sleepers), Unit: "kB", Ours: []float64{kB(grown.live, b.plan.sleepers)}},
			row{Part: "devices", Name: name + ": process", Load: fmt.Sprint(b.plan.sleepers), Unit: "kB", Ours: []float64{kB(grown.process, b.plan.sleepers)}})
	}
	return nil
}

// more adds apps to a crowd.
func (b *bench) more(ctx context.Context, d *directory, s *services, c *crowd, n int) error {
	progress("strowger: enrolling %d apps", n)
	for range n {
		app, err := d.sleeper(ctx, s, d.numbered(), func() {})
		if err != nil {
			return err
		}
		c.apps = append(c.apps, app)
	}
	return nil
}

// grown is how much a server holds more after something was done.
func (b *bench) grown(ctx context.Context, s server, n int, do func() error) (by held, err error) {
	if _, err := b.settled(ctx, s); err != nil {
		return by, err
	}
	before, err := holds(ctx, s)
	if err != nil {
		return by, err
	}
	if err := do(); err != nil {
		return by, err
	}
	if _, err := b.settled(ctx, s); err != nil {
		return by, err
	}
	after, err := holds(ctx, s)
	by = held{process: after.process - before.process, live: after.live - before.live}
	progress("strowger: %s holds %.2f kB more for each of %d, its process %.2f kB", s.name, kB(by.live, n), n, kB(by.process, n))
	return by, err
}

// connected has apps wake up, until each has its channel.
func connected(ctx context.Context, apps []*sleeper) error {
	for _, a := range apps {
		if err := a.Connect(); err != nil {
			return err
		}
	}
	for range 600 {
		n := 0
		for _, a := range apps {
			if a.Awake() {
				n++
			}
		}
		if n == len(apps) {
			return nil
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	return errors.New("not every app has its channel after a minute")
}
