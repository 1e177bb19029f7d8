package main

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"strowger/pkg/guard"
	"strowger/pkg/rest"
)

// abroad is what phones dial to reach the phone company: the prefix for a line outside, and a number.
const (
	outside = "00"
	abroad  = outside + "30123456"
)

// company is a phone company that answers every call. It has a socket of its own: what comes from there is no phone's.
type company struct {
	*load
	ended sync.WaitGroup
}

// newCompany starts a company, which is there until it is closed.
func newCompany() (*company, error) {
	l, err := newLoad()
	if err != nil {
		return nil, err
	}
	c := &company{load: l}
	l.asked, l.got = map[string]bool{}, outcome{repeated: map[string]int{}}
	c.ended.Go(c.serve)
	return c, nil
}

// serve answers what comes until the socket is closed.
func (c *company) serve() {
	buffer := make([]byte, 64<<10)
	for {
		now := time.Now()
		c.answer(now)
		_ = c.conn.SetReadDeadline(now.Add(turn)) // fails with the socket, as reading does
		size, from, err := c.conn.ReadFromUDPAddrPort(buffer)
		switch m := message(buffer[:size]); {
		case errors.Is(err, os.ErrDeadlineExceeded):
		case errors.Is(err, net.ErrClosed):
			return
		case err == nil && !m.response():
			c.callee(m, from)
		}
	}
}

func (c *company) close() {
	c.load.close()
	c.ended.Wait()
}

// trunks measures calls that leave by a line to a phone company. Kamailio asks for a password and passes them on.
func (b *bench) trunks(ctx context.Context) error {
	c, err := newCompany()
	if err != nil {
		return err
	}
	defer c.close()
	var works []work
	for _, w := range b.callWorks("call to a phone company", b.plan.callRates) {
		w.make = to(w.make)
		works = append(works, w)
	}
	first := len(b.rows)
	for _, w := range works {
		b.rows = append(b.rows, row{Part: "trunk", Name: w.name, Load: w.load(), Unit: "µs", Peer: "Kamailio"})
	}
	rows := b.rows[first:]
	s, err := b.outward(ctx, c.own)
	if err != nil {
		return err
	}
	if err := b.each(ctx, s, works, func(i int, one sample) { rows[i].ours(one, 1) }); err != nil || b.alone {
		return err
	}
	b.stop()
	if s, err = b.passing(c.own); err != nil {
		return err
	}
	return b.each(ctx, s, works, func(i int, one sample) { rows[i].theirs(one, 1) })
}

// to has the callers of a load call the company.
func to(make func(server, int) scenario) func(server, int) scenario {
	return func(s server, run int) scenario {
		c := make(s, run).(call)
		c.callees = []phone{{number: abroad}}
		return c
	}
}

// outward starts a cloud, and a switch with a line that no guard holds up: one test makes more calls than an office in a day.
func (b *bench) outward(ctx context.Context, company netip.AddrPort) (s server, err error) {
	d, err := b.directory(ctx)
	if err != nil {
		return s, err
	}
	defer d.client.HTTP.CloseIdleConnections()
	p, err := d.place(ctx, b.plan.talkers, 0)
	if err != nil {
		return s, err
	}
	if err := d.line(ctx, p, company); err != nil {
		return s, err
	}
	o, _, edge, err := d.edge(ctx, p)
	return server{name: "strowger", side: []program{d.program}, main: []program{edge}, offices: []office{o}, registry: d.client}, err
}

// line gives a place a line to a company, and has its people call there.
func (d *directory) line(ctx context.Context, p place, company netip.AddrPort) error {
	none := new(int64)
	free := guard.Policy{CallsHour: none, CallsDay: none}
	users := free
	users.Together = none
	node, err := d.client.Switches().Get(ctx, p.node)
	if err != nil {
		return err
	}
	if _, err = d.client.Sites().Update(ctx, node.Site, 0, map[string]any{"country": "DE", "outside": outside[:1]}); err != nil {
		return err
	}
	if _, err = d.client.Organizations().Update(ctx, d.client.Organization, 0, map[string]any{"guard": users}); err != nil {
		return err
	}
	v := rest.NewTrunk("Company")
	v.Switch, v.Servers, v.Number, v.Guard, v.ProbeSeconds = p.node, []string{company.String()}, "+4930100", &free, 0
	if _, err = d.client.Trunks().Create(ctx, v); err != nil {
		return err
	}
	for u, err := range d.client.Users().All(ctx, nil) {
		if err != nil {
			return err
		}
		if _, err := d.client.Users().Update(ctx, u.ID, u.Version, map[string]any{"calling": "national"}); err != nil {
			return err
		}
	}
	return nil
}

// passing starts a Kamailio that passes calls on to the company, as to another office.
func (b *bench) passing(company netip.AddrPort) (s server, err error) {
	o := office{code: officeCode(0)}
	for i := range b.plan.talkers {
		o.talkers = append(o.talkers, phoneOf(i))
	}
	at, err := freePort()
	if err != nil {
		return s, err
	}
	o = o.reachedAt(at)
	pid, err := b.proxy(o, office{code: outside, sip: company})
	return server{name: "kamailio", offices: []office{o}, main: []program{{name: "kamailio-" + o.code, pid: pid}}}, err
}
