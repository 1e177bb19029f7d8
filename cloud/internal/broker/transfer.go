package broker

import (
	"context"
	"time"

	"strowger/cloud/internal/store"
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/proof"
	"strowger/pkg/sessionkey"
)

// want is what an app wants by its own word.
type want struct {
	proof.Admit
	thumbprint string
}

// wanted opens the proof with which an app wants whom it talks with to call somebody else (RFC 3515). A switch speaks for its own phones; for an
// app it only carries what the app has signed, of one call and one number. Without a proof nothing is wanted.
func (b *Broker) wanted(org string, q fabric.Admit) (w want, err error) {
	if q.Proof == "" {
		return w, nil
	}
	w.Admit, w.thumbprint, err = b.open(org, q.Proof)
	if err == nil && (w.Device != q.Device || w.Call != q.Call || w.Dialled != q.Dialled) {
		err = errs.New(errs.Forbidden, "the app signed for another transfer: of the call %q to %q", w.Call, w.Dialled)
	}
	return w, err
}

// home answers a switch to which a call comes back that an app transferred: how to ring that app. Which one it is says the key by which it
// was in a call at the switch, however long ago that began.
func (b *Broker) home(ctx context.Context, org, sw string, q fabric.Admit) (fabric.Admitted, error) {
	c, err := b.cfg.Verify(ctx, org, q.Home)
	if err != nil {
		return fabric.Admitted{}, err
	}
	switch {
	case c.Org != org:
		return fabric.Admitted{}, errs.New(errs.WrongOrganization, "the session key is of organization %s", c.Org)
	case c.Audience != sw:
		return fabric.Admitted{}, errs.New(errs.WrongAudience, "the session key is for node %s, not for %s", c.Audience, sw)
	case c.Confirm.Thumbprint == "" || c.Issuer != org:
		return fabric.Admitted{}, errs.New(errs.Forbidden, "the session key is not that of an app")
	case b.cfg.Now().After(time.Unix(c.Expires, 0).Add(maxHome)):
		return fabric.Admitted{}, errs.New(errs.KeyExpired, "the session key expired more than %v ago", maxHome)
	}
	s, err := b.cfg.Snapshot(org)
	if err != nil {
		return fabric.Admitted{}, err
	}
	r, err := s.Return(c.Subject, c.Confirm.Thumbprint, *q.For)
	if err != nil {
		return fabric.Admitted{}, err
	}
	anchor, err := b.anchor(s, sw, &r, q.Met)
	if err != nil {
		return fabric.Admitted{To: r.To}, err
	}
	p := designation.Plan{
		Call: q.Call, Organization: org, From: r.From, To: r.To, Media: fromPhone.media, Priority: r.Priority, Ring: r.Ring,
		Expiry: b.cfg.Now().Add(sessionkey.Lifetime + r.Ring).UTC(),
	}
	if err := b.addApps(ctx, &p, r.Apps, anchor, ""); err != nil {
		return fabric.Admitted{To: r.To}, err
	}
	b.announce(store.Parties{Org: org, Call: q.Call, Nodes: []string{sw, c.Subject}})
	return fabric.Admitted{From: p.From, To: p.To, Plan: &p}, nil
}

// maxHome is how long after its expiry the key of an app says that it was in a call. A call that lasts longer does not come back.
const maxHome = 24 * time.Hour
