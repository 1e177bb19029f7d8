package mobilebridge

import (
	"context"
	"sync/atomic"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/sessionkey"
	"strowger/pkg/sitecopy"
)

// keysPause is the least time between two questions for keys: whoever shows a ticket by an unknown key makes the bridge ask.
const keysPause = 10 * time.Second

// keys is the keys that sign the organization's wake tickets.
type keys struct {
	known  atomic.Pointer[sitecopy.KeySet]
	asking chan struct{} // capacity 1: held by who asks, and guards asked
	asked  time.Time
}

func newKeys(known sitecopy.KeySet) *keys {
	k := &keys{asking: make(chan struct{}, 1)}
	k.known.Store(&known)
	return k
}

// keyOf finds a key of the organization.
func (b *bridge) keyOf(kid string) (sessionkey.Key, bool) {
	pub, ok := b.keys.known.Load().Key(kid)
	return sessionkey.Key{Public: pub, Issuer: b.identity.Load().Org}, ok
}

// renewKeys asks for the keys, unless that was done just now.
func (b *bridge) renewKeys(ctx context.Context) error {
	k := b.keys
	select {
	case k.asking <- struct{}{}:
	case <-ctx.Done():
		return errs.New(errs.Congested, "the keys of wake tickets are asked for already: %w", context.Cause(ctx))
	}
	defer func() { <-k.asking }()
	if time.Since(k.asked) < keysPause {
		return nil
	}
	c := b.fabric
	r, err := fabric.Request[fabric.KeysRequest, fabric.KeysReply](ctx, c, fabric.SubjectKeys(c.Org(), c.Node()), fabric.KeysRequest{})
	if err != nil {
		return err
	}
	k.asked = time.Now()
	k.known.Store(&r.SessionKeys)
	return nil
}
