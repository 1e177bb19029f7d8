package broker

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"strowger/cloud/internal/directory"
	"strowger/cloud/internal/store"
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/rest"
)

// maxRegistered is the devices that one lease may list, maxTrunkServers the servers of trunks.
const (
	maxRegistered   = 1 << 14
	maxTrunkServers = 1 << 10
)

// Observe remembers a node's sign of life, which every cloud instance hears; one of them answers it by Lease.
func (b *Broker) Observe(node string, l fabric.Lease) error {
	if err := checkLease(node, l); err != nil {
		return err
	}
	l.Header, l.Registered = fabric.Header{}, nil // what calls need
	b.mu.Lock()
	defer b.mu.Unlock()
	b.leases[node] = store.Lease{Lease: l, SeenAt: b.cfg.Now()}
	return nil
}

// Lease takes a node's sign of life. It is judged by the store, not by a snapshot: a switch sends its first lease right
// after it enrolled.
func (b *Broker) Lease(ctx context.Context, org, node string, l fabric.Lease) (fabric.Reply, error) {
	if err := b.Observe(node, l); err != nil { // before the answer: the node may be called at once
		return fabric.Reply{}, err
	}
	v, err := b.cfg.Store.Switches.Get(ctx, org, node)
	if err != nil {
		return fabric.Reply{}, err
	}
	if v.State != "enrolled" {
		return fabric.Reply{}, errs.New(errs.Revoked, "switch %s is %s", node, v.State)
	}
	if v.KeyHash != l.Node.KeyHash {
		return fabric.Reply{}, errs.New(errs.WrongPresenter, "lease of switch %s names key %q, but it enrolled with %q", node, l.Node.KeyHash, v.KeyHash)
	}
	l.Node.Name = v.Name
	l.Header = fabric.Header{}
	if err := b.cfg.Store.PutLease(ctx, org, l, b.cfg.Now()); err != nil {
		return fabric.Reply{}, err
	}
	if l.DiskError != "" && v.DiskError == "" {
		b.diskFails(ctx, org, v, l.DiskError)
	}
	return fabric.Reply{}, nil
}

// diskFails raises an alert: a switch whose disk takes no writes says so in its lease, for what it records waits for room. Of one whose disk
// comes and goes there is one an hour.
func (b *Broker) diskFails(ctx context.Context, org string, v rest.Switch, why string) {
	now := b.cfg.Now()
	b.mu.Lock()
	told := now.Sub(b.ill[v.ID]) < time.Hour
	if !told {
		b.ill[v.ID] = now
	}
	b.mu.Unlock()
	if told {
		return
	}
	words := fmt.Sprintf("switch %s cannot write to its disk: %s; a restart would lose registrations, records of calls, and what the guards counted", v.Name, why)
	a, err := b.cfg.Store.Raise(ctx, org, rest.Alert{Meta: rest.Meta{CreatedAt: now}, Kind: "disk", Severity: "critical", Node: v.ID, Site: v.Site, Subject: v.ID, Words: words})
	if err != nil {
		b.cfg.Logger.Warn("an alert is not stored", "words", words, "error", err)
		return
	}
	b.cfg.Logger.Warn("alert", "kind", a.Kind, "severity", a.Severity, "words", words)
	if b.cfg.Alert != nil {
		b.cfg.Alert(a)
	}
}

func checkLease(node string, l fabric.Lease) error {
	if l.Node.ID != node {
		return errs.New(errs.Forbidden, "node %s sent a lease of %q", node, l.Node.ID)
	}
	if err := ident.Check(ident.Boot, l.Node.Boot); err != nil {
		return errs.New(errs.Invalid, "boot: %w", err)
	}
	if n := len(l.Registered); n > maxRegistered {
		return errs.New(errs.Invalid, "registered: %d devices are more than %d", n, maxRegistered)
	}
	if n := len(l.Trunks); n > maxTrunkServers {
		return errs.New(errs.Invalid, "trunks: %d servers are more than %d", n, maxTrunkServers)
	}
	return CheckAddresses(l.Node.Addresses)
}

// CheckAddresses says why a lease's addresses cannot be handed out.
func CheckAddresses(addresses []string) error {
	if n := len(addresses); n == 0 || n > designation.MaxAddresses {
		return errs.New(errs.Invalid, "addresses: %d are not 1 to %d", n, designation.MaxAddresses)
	}
	for _, a := range addresses {
		host, port, err := net.SplitHostPort(a)
		if err == nil {
			_, err = strconv.ParseUint(port, 10, 16)
		}
		if err != nil || host == "" {
			return errs.New(errs.Invalid, "addresses: %q is not of the form host:port", a)
		}
	}
	return nil
}

// live is the node of a callee's switch, if it can be called now.
func (b *Broker) live(s *directory.Snapshot, id string) (designation.Node, error) {
	v, ok := s.Switch(id)
	if !ok || !v.Enrolled {
		return designation.Node{}, errs.New(errs.Unreachable, "site %s cannot be reached: its switch %s is not enrolled, or revoked", v.SiteName, v.Name)
	}
	b.mu.Lock()
	l, ok := b.leases[id]
	b.mu.Unlock()
	switch {
	case !ok || l.Node.KeyHash != v.KeyHash:
		return designation.Node{}, errs.New(errs.Unreachable, "site %s cannot be reached: its switch %s has not reported yet", v.SiteName, v.Name)
	case !l.Live(b.cfg.Now()):
		return designation.Node{}, errs.New(errs.Unreachable, "site %s cannot be reached: its switch %s was last seen at %s",
			v.SiteName, v.Name, l.SeenAt.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	l.Node.Name = v.Name
	return l.Node, nil
}
