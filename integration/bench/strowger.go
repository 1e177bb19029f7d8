package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"strowger/cloud"
	"strowger/pkg/enrol"
	"strowger/pkg/rest"
	"strowger/switchnode"
)

// directory is a running cloud.
type directory struct {
	*launcher
	client  rest.Client
	up      cloud.Started
	program program
	offices int

	disguise string // where apps enrol, if not at the cloud itself
	numbers  int    // of devices that sleep
}

// numbered is a number that no other device here has.
func (d *directory) numbered() int {
	d.numbers++
	return d.numbers
}

// apiAddress is where the API listens.
func (d *directory) apiAddress() string {
	_, address, _ := strings.Cut(d.up.API, "://")
	return address
}

// directory starts a cloud with an organization.
func (l *launcher) directory(ctx context.Context) (d *directory, err error) {
	d = &directory{launcher: l}
	data := "cloud-data-" + l.unique()
	pid, err := l.announced(func(line []byte) error { return json.Unmarshal(line, &d.up) }, "cloud", "--json",
		"--data", data, "--master-key-file", data+".key", "--host", "127.0.0.1", "--api", "127.0.0.1:0",
		"--fabric", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--pprof")
	if err != nil {
		return nil, err
	}
	d.program = program{name: "cloud", pid: pid, metrics: d.up.Metrics}
	_, pin, err := enrol.ParseAPIKey(d.up.APIKey)
	if err != nil {
		return nil, err
	}
	d.client = rest.Client{BaseURL: d.up.API, Key: d.up.APIKey, HTTP: enrol.Trust{Pin: pin}.Client()}
	organization, err := d.client.Organizations().Create(ctx, rest.NewOrganization("Bench"))
	d.client.Organization = organization.ID
	return d, err
}

// place is an office without its switch yet.
type place struct {
	office
	node string // id
}

// place makes an office with phones, talkers of them with numbers.
func (d *directory) place(ctx context.Context, talkers, others int) (p place, err error) {
	p.code = officeCode(d.offices)
	first := d.offices * officeSize
	d.offices++
	progress("strowger: filling office %s with %d phones", p.code, talkers+others)
	site, err := d.client.Sites().Create(ctx, rest.Site{Name: "Office " + p.code, Code: p.code})
	if err != nil {
		return p, err
	}
	node, err := d.client.Switches().Create(ctx, rest.Switch{Name: "switch-" + p.code, Site: site.ID})
	if err != nil {
		return p, err
	}
	p.node = node.ID
	all, err := d.fill(ctx, p, first, talkers, others)
	if err != nil {
		return p, err
	}
	p.talkers, p.phones = all[:talkers], all[talkers:]
	return p, nil
}

// fill makes phones, each of a person of its own.
func (d *directory) fill(ctx context.Context, at place, first, talkers, others int) ([]phone, error) {
	var phones []phone
	var lines []rest.ImportLine
	for i := range talkers + others {
		p := phoneOf(first + i)
		line := rest.ImportLine{Name: p.user, Switch: at.node, Username: p.user, Password: p.password}
		if i < talkers {
			line.Number = p.number
		}
		phones, lines = append(phones, p), append(lines, line)
	}
	for some := range slices.Chunk(lines, rest.MaxImport) {
		done, err := d.client.Import(ctx, some)
		if err != nil {
			return nil, err
		}
		for i, line := range done.Lines {
			if line.Error != nil {
				return nil, fmt.Errorf("add phone %s: %w", some[i].Username, line.Error)
			}
		}
	}
	return phones, nil
}

// edge starts the switch of a place; flags come after, and win over, those of every switch here.
func (d *directory) edge(ctx context.Context, p place, flags ...string) (o office, up switchnode.Started, edge program, err error) {
	code, err := d.client.EnrolmentCode(ctx, p.node)
	if err != nil {
		return o, up, edge, err
	}
	// MD5, for the load and Kamailio speak no SHA-256.
	pid, err := d.announced(func(line []byte) error { return json.Unmarshal(line, &up) }, "switchnode", append([]string{"--json",
		"--data", "switch-data-" + d.unique(), "--enroll", code.Code, "--cloud", d.up.API, "--host", "127.0.0.1", "--sip", "127.0.0.1:0",
		"--sips", "", "--link", "127.0.0.1:0", "--webrtc", "", "--rtp", "0", "--metrics", "127.0.0.1:0", "--pprof", "--digest", "MD5"}, flags...)...)
	return p.office.reachedAt(up.SIP), up, program{name: "switch-" + p.code, pid: pid, metrics: up.Metrics}, err
}

// strowger starts a cloud and a switch for each office, with talkers in each and other phones in the first.
func (l *launcher) strowger(ctx context.Context, offices, talkers, others int) (s server, err error) {
	d, err := l.directory(ctx)
	if err != nil {
		return s, err
	}
	defer d.client.HTTP.CloseIdleConnections()
	s = server{name: "strowger", side: []program{d.program}, registry: d.client}
	for i := range offices {
		if i > 0 {
			others = 0
		}
		p, err := d.place(ctx, talkers, others)
		if err != nil {
			return s, err
		}
		o, _, edge, err := d.edge(ctx, p)
		if err != nil {
			return s, err
		}
		s.offices, s.main = append(s.offices, o), append(s.main, edge)
	}
	return s, nil
}

// officeSize is more than the phones of an office.
const officeSize = 10_000

// officeCode is what is dialled before a number of the n-th office; no number begins with it.
func officeCode(n int) string { return fmt.Sprint(71 + n) }

// phoneOf is the account of a phone; its user name is its number.
func phoneOf(i int) phone {
	number := fmt.Sprint(100_000 + i)
	return phone{user: number, password: password, number: number}
}

// reachedAt tells each phone of an office where its server is.
func (o office) reachedAt(at netip.AddrPort) office {
	o.sip, o.phones, o.talkers = at, slices.Clone(o.phones), slices.Clone(o.talkers)
	for _, list := range [][]phone{o.phones, o.talkers} {
		for i := range list {
			list[i].at = at
		}
	}
	return o
}

// password is the same for all, as Kamailio without a database wants it.
const password = "measured-phones-2026"
