package broker

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strings"

	"strowger/cloud/internal/directory"
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/pushseal"
	"strowger/pkg/sessionkey"
	"strowger/pkg/waketicket"
)

// What fits a push is bounded (pushseal.MaxPlain). Where all does not, the last addresses are left out and names are cut.
const (
	maxName     = 48 // bytes of a name that an app shows
	fewAddress  = 3  // names are cut before fewer are left
	mostAttempt = 99 // the epoch may have two digits
)

// addApps adds the branches of apps to a plan: each app is woken with a session key, and comes to the anchor with it. print is of
// the media of a caller that is an app too.
func (b *Broker) addApps(ctx context.Context, p *designation.Plan, apps []directory.App, anchor designation.Node, print string) error {
	if len(apps) == 0 {
		return nil
	}
	boot := anchor.Boot
	anchor.Name, anchor.Boot = "", "" // the app has no use for them
	for name, n := range shapes(len(anchor.Addresses)) {
		node := anchor
		node.Addresses = anchor.Addresses[:n]
		branches, fit, err := b.appBranches(ctx, p, apps, node, shape{boot, print, name})
		if err != nil {
			return err
		}
		if fit {
			p.Node, p.Branches = &node, append(p.Branches, branches...)
			b.rings(p, branches)
			return nil
		}
	}
	if len(p.Branches) == 0 {
		return errs.New(errs.Offline, "the apps of %s cannot be woken: the addresses of the switch and the numbers are too long for a push", p.To.Name)
	}
	b.cfg.Logger.Warn("apps are not woken: the addresses of the switch and the numbers are too long for a push", "call", p.Call, "switch", anchor.ID)
	return nil
}

// rings remembers whom a call rings, and how they come to it.
func (b *Broker) rings(p *designation.Plan, branches []designation.Branch) {
	now := b.cfg.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, v := range branches {
		b.rung.put(ring{p.Organization, p.Call, v.Device}, designation.Designation{
			Node: *p.Node, Leg: v.App.Leg, Key: v.App.Key, Expiry: p.Expiry, Relay: v.App.Relay,
		}, now)
	}
}

// shapes is what a wake may have, the best first: bytes of names, and how many of the addresses.
func shapes(all int) iter.Seq2[int, int] {
	return func(yield func(name, addresses int) bool) {
		few := min(all, fewAddress)
		for _, name := range [...]int{maxName, maxName / 2, 0} {
			for n := all; n >= few; n-- {
				if !yield(name, n) {
					return
				}
			}
		}
		for n := few - 1; n > 0; n-- {
			if !yield(0, n) {
				return
			}
		}
	}
}

// shape is what the keys of apps have besides what they are for.
type shape struct {
	boot  string // of the anchor
	print string // of the caller's media
	name  int    // bytes of a name, at most
}

// appBranches makes a branch of each app; fit says whether each wake fits a push. The node knows the parties from the plan: the
// app is told what it shows.
func (b *Broker) appBranches(ctx context.Context, p *designation.Plan, apps []directory.App, node designation.Node, as shape) (branches []designation.Branch, fit bool, err error) {
	now := b.cfg.Now()
	shown := func(p designation.Party) designation.Party {
		return designation.Party{Number: p.Number, Name: strings.ToValidUTF8(p.Name[:min(len(p.Name), as.name)], ""), Verstat: p.Verstat}
	}
	for _, a := range apps {
		leg, expires := ident.New(ident.Leg), b.until(a.Delay+p.Ring).Unix()
		key, err := b.cfg.Signer.SignSession(ctx, p.Organization, sessionkey.Claims{
			Issuer: p.Organization, ID: leg, Audience: node.ID, Boot: as.boot, IssuedAt: now.Unix(), NotBefore: now.Unix(), Expires: expires,
			Subject: a.Device, Confirm: sessionkey.Confirmation{Thumbprint: a.Thumbprint}, AddressHash: node.Hash(),
			Org: p.Organization, Call: p.Call, From: shown(p.From), To: shown(p.To), Media: p.Media, Purpose: sessionkey.Purpose{Urgency: sessionkey.Urgency{Priority: p.Priority}}, Print: as.print,
		})
		if err != nil {
			return nil, false, err
		}
		if fit, err = fits(node, key); err != nil || !fit {
			return nil, false, err
		}
		ticket, err := b.cfg.Signer.SignTicket(ctx, p.Organization, waketicket.Claims{
			Issuer: p.Organization, Org: p.Organization, Device: a.Device, Call: p.Call, Leg: leg, Anchor: node.ID, IssuedAt: now.Unix(), Expires: expires,
		})
		if err != nil {
			return nil, false, err
		}
		branch := a.Branch
		branch.App = &designation.App{Leg: leg, Key: key, Seal: a.Seal, Ticket: ticket, Relay: b.relayFor(p.Organization, leg, b.until(a.Delay+p.Ring))}
		branches = append(branches, branch)
	}
	return branches, true, nil
}

func fits(node designation.Node, key string) (bool, error) {
	b, err := json.Marshal(pushseal.Wake{Version: 1, Epoch: mostAttempt, Node: node, Key: key})
	if err != nil {
		return false, fmt.Errorf("wake: %w", err)
	}
	return len(b) <= pushseal.MaxPlain, nil
}
