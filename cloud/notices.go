package cloud

import (
	"context"
	"strings"
	"sync"
	"time"

	"strowger/cloud/internal/directory"
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/pushseal"
	"strowger/pkg/rest"
	"strowger/pkg/sessionkey"
	"strowger/pkg/waketicket"
)

// Notices are tried for half a minute: with the cloud bridges come back.
const (
	noticeTries = 6
	noticePause = time.Second // after the first try, and each time twice as long
	maxNotice   = 400         // bytes of its words
	minNotice   = 100         // they are not cut below
)

// tellContacts has the apps of contacts told of emergency calls until ctx ends.
func (c *instance) tellContacts(ctx context.Context) error {
	var telling sync.WaitGroup
	defer telling.Wait()
	for {
		select {
		case <-ctx.Done():
			return nil
		case a := <-c.notices:
			s, err := c.directory.Snapshot(a.Organization)
			if err != nil {
				continue
			}
			apps := s.EmergencyApps(a.Site)
			if len(apps) == 0 {
				continue
			}
			from := s.PartyOf(a.Subject, a.Site)
			for _, app := range apps {
				telling.Go(func() { c.notify(ctx, a, from, app) })
			}
			telling.Wait() // so that no more are under way than one call has contacts
		}
	}
}

// notify has one app told by a bridge: over its channel if it is awake, else by an alert.
func (c *instance) notify(ctx context.Context, a rest.Alert, from designation.Party, app directory.App) {
	pause := noticePause
	for try := range noticeTries {
		if try > 0 {
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
			pause *= 2
		}
		err := c.sendNotice(ctx, a, from, app)
		switch errs.CodeOf(err) {
		case errs.CloudAway, errs.Congested, errs.NodeStopped: // no bridge took it
			c.log.Info("no bridge tells a contact of an emergency call yet", "alert", a.ID, "device", app.Device, "error", err)
			continue
		case "":
			return
		}
		c.log.Warn("a contact is not told of an emergency call", "alert", a.ID, "device", app.Device, "error", err)
		return
	}
	c.log.Warn("a contact is not told of an emergency call: no bridge takes it", "alert", a.ID, "device", app.Device)
}

// sendNotice asks a bridge, as an anchor does when a call is over.
func (c *instance) sendNotice(ctx context.Context, a rest.Alert, from designation.Party, app directory.App) error {
	self, leg, expires := c.exchange.Client().Node(), ident.New(ident.Leg), time.Now().Add(sessionkey.MaxLifetime)
	sealed, err := c.seal(ctx, a, from, app, sessionkey.Claims{
		ID: leg, Audience: self, Boot: "none", Expires: expires.Unix(), Subject: app.Device, Confirm: sessionkey.Confirmation{Thumbprint: app.Thumbprint},
	})
	if err != nil {
		return err
	}
	ticket, err := c.authority.SignTicket(ctx, a.Organization, waketicket.Claims{
		Device: app.Device, Call: a.Call, Leg: leg, Anchor: self, IssuedAt: time.Now().Unix(), Expires: expires.Unix(),
	})
	if err != nil {
		return err
	}
	_, err = fabric.Request[fabric.Cancel, fabric.WakeReply](ctx, c.exchange.Client(), fabric.SubjectCancel(a.Organization, self), fabric.Cancel{
		Ticket: ticket, Sealed: sealed, Why: errs.New(errs.Emergency, "Somebody calls for help: open the app"), // a push service may read that
	})
	return err
}

// seal is what the app is told, sealed to it, and signed as a session key that leads to no node: who can push to the app cannot say
// it. Words that do not fit a push are cut.
func (c *instance) seal(ctx context.Context, a rest.Alert, from designation.Party, app directory.App, claims sessionkey.Claims) ([]byte, error) {
	nowhere, now := designation.Node{ID: claims.Audience}, time.Now().Unix()
	claims.AddressHash, claims.Call, claims.IssuedAt, claims.NotBefore = nowhere.Hash(), a.Call, now, now
	for most := maxNotice; ; most /= 2 {
		claims.From = designation.Party{Name: cut(from.Name, most/8), Number: from.Number}
		claims.Notice = cut(a.Words+a.CreatedAt.Format(", at 15:04:05 UTC"), most)
		key, err := c.authority.SignSession(ctx, a.Organization, claims)
		if err != nil {
			return nil, err
		}
		sealed, err := pushseal.Seal(app.Seal, a.Organization, app.Device, pushseal.Wake{Epoch: 1, Node: nowhere, Key: key})
		if err == nil || most < minNotice {
			return sealed, err
		}
	}
}

// cut is what fits of a text, in bytes.
func cut(s string, most int) string { return strings.ToValidUTF8(s[:min(len(s), most)], "") }
