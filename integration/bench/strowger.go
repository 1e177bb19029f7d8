package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"strowger/cloud"
	"strowger/pkg/enrol"
	"strowger/pkg/rest"
	"strowger/switchnode"
)

// strowger starts a cloud and one switch, with a registry of phones.
func (l *launcher) strowger(ctx context.Context, p plan) (s server, err error) {
	var up cloud.Started
	directory, err := l.announced(func(line []byte) error { return json.Unmarshal(line, &up) }, "cloud", "--json",
		"--data", "cloud-data", "--master-key-file", "master.key", "--host", "127.0.0.1", "--api", "127.0.0.1:0",
		"--fabric", "127.0.0.1:0", "--metrics", "")
	if err != nil {
		return s, err
	}
	_, pin, err := enrol.ParseAPIKey(up.APIKey)
	if err != nil {
		return s, err
	}
	client := rest.Client{BaseURL: up.API, Key: up.APIKey, HTTP: enrol.Trust{Pin: pin}.Client()}
	defer client.HTTP.CloseIdleConnections()
	progress("strowger: filling the registry with %d phones", talkers+p.phones)
	o, err := newOffice(ctx, client)
	if err != nil {
		return s, err
	}
	all, err := o.fill(ctx, talkers+p.phones)
	if err != nil {
		return s, err
	}
	code, err := client.EnrolmentCode(ctx, o.node)
	if err != nil {
		return s, err
	}
	var node switchnode.Started
	// MD5, for the load and Kamailio speak no SHA-256.
	edge, err := l.announced(func(line []byte) error { return json.Unmarshal(line, &node) }, "switchnode", "--json",
		"--data", "switch-data", "--enroll", code.Code, "--cloud", up.API, "--host", "127.0.0.1", "--sip", "127.0.0.1:0",
		"--sips", "", "--link", "127.0.0.1:0", "--rtp", "0", "--metrics", "", "--digest", "MD5")
	if err != nil {
		return s, err
	}
	return server{name: "strowger", sip: node.SIP, main: edge.Process.Pid, side: directory.Process.Pid,
		talkers: all[:talkers], phones: all[talkers:]}, nil
}

// office is where the phones are.
type office struct {
	client     rest.Client
	site, node string // ids
}

func newOffice(ctx context.Context, client rest.Client) (o office, err error) {
	organization, err := client.Organizations().Create(ctx, rest.NewOrganization("Bench"))
	if err != nil {
		return o, err
	}
	client.Organization = organization.ID
	site, err := client.Sites().Create(ctx, rest.Site{Name: "Bench", Code: "20"})
	if err != nil {
		return o, err
	}
	node, err := client.Switches().Create(ctx, rest.Switch{Name: "bench", Site: site.ID})
	return office{client: client, site: site.ID, node: node.ID}, err
}

// fill makes n phones, each of a person of its own, in a few requests at a time.
func (o office) fill(ctx context.Context, n int) ([]phone, error) {
	const workers = 4
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	phones := make([]phone, n)
	var working sync.WaitGroup
	for w := range workers {
		working.Go(func() {
			for i := w; i < n && ctx.Err() == nil; i += workers {
				var err error
				if phones[i], err = o.add(ctx, i); err != nil {
					cancel(fmt.Errorf("add phone %d: %w", i, err))
				}
			}
		})
	}
	working.Wait()
	return phones, context.Cause(ctx)
}

// add makes a person with a phone, and with a number if somebody is to call it.
func (o office) add(ctx context.Context, i int) (phone, error) {
	p := phoneOf(i)
	user, err := o.client.Users().Create(ctx, rest.NewUser(p.user))
	if err != nil {
		return p, err
	}
	device := rest.NewDevice(user.ID, p.user)
	device.Switch, device.Username, device.Password = o.node, p.user, p.password
	if _, err := o.client.Devices().Create(ctx, device); err != nil || i >= talkers {
		return p, err
	}
	_, err = o.client.Numbers().Create(ctx, rest.Number{Site: o.site, Digits: p.number, User: user.ID})
	return p, err
}

// phoneOf is the account of a phone; its user name is its number.
func phoneOf(i int) phone {
	number := fmt.Sprint(100000 + i)
	return phone{user: number, password: password, number: number}
}

// password is the same for all, as Kamailio without a database wants it.
const password = "measured-phones-2026"
