package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// roundTrip is what is added to a path: half of it in each direction.
const roundTrip = 100 * time.Millisecond

// paths are all that a call takes.
type paths struct{ phones, cloud, links path }

// delayed is offices whose every way is through a proxy.
type delayed struct {
	*directory
	*delayer
	paths   paths
	links   *path // that others take to the offices: paths.links, if nil
	flags   []string
	fabric  string
	load    *load
	offices []office
	runs    int // how often each way is timed
}

// trips counts network round trips from INVITE to 180.
func (b *bench) trips(ctx context.Context) (err error) {
	way := &delayed{delayer: &delayer{}, runs: b.plan.runs}
	defer way.delayer.close()
	if way.load, err = newLoad(); err != nil {
		return err
	}
	defer way.load.close()
	if way.directory, err = b.directory(ctx); err != nil {
		return err
	}
	defer way.client.HTTP.CloseIdleConnections()
	if way.fabric, err = way.tcp(ctx, &way.paths.cloud, way.up.Fabric); err != nil {
		return err
	}
	long := []struct {
		name  string
		paths []*path
	}{
		{"on no path", nil},
		{"phone - switch", []*path{&way.paths.phones}},
		{"switch - cloud", []*path{&way.paths.cloud}},
		{"switch - switch", []*path{&way.paths.links}},
		{"on every path", []*path{&way.paths.phones, &way.paths.cloud, &way.paths.links}},
	}
	for range 1 + len(long) { // the callers' office, and one whose link is new for each case
		if err := way.office(ctx); err != nil {
			return err
		}
	}
	way.load.patience = 20 * roundTrip // more than any call takes
	var inside, fresh, again []row
	for i, c := range long {
		for _, p := range c.paths {
			p.oneWay.Store(int64(roundTrip / 2))
		}
		rows, err := way.timed(ctx, way.offices[1+i])
		if err != nil {
			return fmt.Errorf("delay %s: %w", c.name, err)
		}
		for _, p := range c.paths {
			p.oneWay.Store(0)
		}
		for j, list := range []*[]row{&inside, &fresh, &again} {
			rows[j].Load = c.name
			*list = append(*list, rows[j])
		}
	}
	b.rows = slices.Concat(b.rows, inside, fresh, again)
	return nil
}

// office starts one more, and has its phones register. Its switch tells everyone an address where only proxies listen.
func (d *delayed) office(ctx context.Context) error {
	host := netip.AddrFrom4([4]byte{127, 0, 1, byte(1 + len(d.offices))})
	p, err := d.place(ctx, 2, 0)
	if err != nil {
		return err
	}
	sip, errSIP := freePort()
	link, errLink := freePort()
	if err := errors.Join(errSIP, errLink); err != nil {
		return err
	}
	contact, err := d.udp(ctx, &d.paths.phones, netip.AddrPortFrom(host, sip.Port()), sip)
	if err != nil {
		return err
	}
	if _, err := d.udp(ctx, cmp.Or(d.links, &d.paths.links), netip.AddrPortFrom(host, link.Port()), link); err != nil {
		return err
	}
	o, _, _, err := d.edge(ctx, p, append([]string{"--host", host.String(), "--sip", sip.String(), "--link", link.String(), "--fabric", d.fabric}, d.flags...)...)
	if err != nil {
		return err
	}
	for i := range o.talkers {
		o.talkers[i].contact = contact
	}
	d.offices = append(d.offices, o)
	return warmUp(ctx, d.load, server{name: "strowger", offices: []office{o}})
}

// timed places calls: inside the first office, to another for the first time, and again.
func (d *delayed) timed(ctx context.Context, other office) (rows [3]row, err error) {
	from, to := parties(server{offices: []office{d.offices[0], other}})
	_, inside := parties(server{offices: d.offices[:1]})
	for i, c := range []struct {
		name string
		to   []phone
		runs int
	}{
		{"INVITE to 180, inside an office", inside, d.runs},
		{"INVITE to 180, another office, no link yet", to[:1], 1},
		{"INVITE to 180, another office, the link is up", to[:1], d.runs},
	} {
		rows[i] = row{Part: "trips", Name: c.name, Unit: "trips"}
		for r := range c.runs {
			took, err := d.rings(ctx, call{callers: from[:1], callees: c.to, token: fmt.Sprintf("ring%s%d.%d", other.code, i, r)})
			if err != nil {
				return rows, err
			}
			progress("strowger: %s, %s: %v", c.name, other.code, took)
			rows[i].Ours = append(rows[i].Ours, float64(took)/float64(roundTrip))
		}
	}
	return rows, nil
}

// rings places one call and says how long it took until it rang.
func (d *delayed) rings(ctx context.Context, c call) (took time.Duration, err error) {
	began := time.Now()
	c.ringing = func() { took = time.Since(began) }
	got, err := d.load.run(ctx, c, 1, 1)
	if err == nil && (got.lost > 0 || took == 0) {
		err = fmt.Errorf("a call did not ring or end: %v", got.refused)
	}
	return took, err
}
