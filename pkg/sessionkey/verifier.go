package sessionkey

import (
	"sync"
	"time"

	"strowger/pkg/errs"
)

// Presenter is who shows a key, as the connection proves it, never as the message says.
type Presenter struct {
	ID      string       // node id of the TLS peer, or device id of the proof
	Confirm Confirmation // key hash of the TLS peer, or thumbprint of the key that made the proof
	Resume  string       // what the key is presented for: the Call-ID of the INVITE
}

// Verifier admits legs to one run of one node. Its fields are set before the first use; Verify, Done and Counts may
// then be called from any goroutine.
type Verifier struct {
	Node string // own id: aud
	Boot string // own run: boot
	Org  string
	Keys Keys
	// Revoked says whether trust was taken from a node or device; nil if nothing can be.
	Revoked func(id string) bool
	Now     func() time.Time // cloud-corrected

	mu     sync.Mutex
	uses   uses
	counts map[errs.Code]uint64
}

// Verify admits the bearer of a key to the leg that the key names, or says by an errs code why not. The same presenter
// may be admitted again with the same Resume until Done.
func (v *Verifier) Verify(key string, p Presenter) (Claims, error) {
	c, err := v.open(key, p)
	v.mu.Lock()
	defer v.mu.Unlock()
	if err == nil {
		err = v.use(c, p)
	}
	v.count(err)
	if err != nil {
		return Claims{}, err
	}
	return c, nil
}

// count counts an outcome. v.mu is held.
func (v *Verifier) count(err error) {
	if v.counts == nil {
		v.counts = make(map[errs.Code]uint64)
	}
	v.counts[errs.CodeOf(err)]++
}

// Return admits the bearer of a key to a leg that was answered, and whose node knows it by other means than the key alone: neither
// age nor earlier use matter. Everything else does, and a revocation above all.
func (v *Verifier) Return(key string, p Presenter) (Claims, error) {
	c, err := v.open(key, p)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.count(err)
	if err != nil {
		return Claims{}, err
	}
	return c, nil
}

// Done tells that a leg was answered or is over: from now on its key is a replay, whoever presents it.
func (v *Verifier) Done(leg string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.uses.done(leg)
}

// Counts returns how many presentations ended with each code; "" counts those that were admitted.
func (v *Verifier) Counts() map[errs.Code]uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	m := make(map[errs.Code]uint64, len(v.counts))
	for code, n := range v.counts {
		m[code] = n
	}
	return m
}

// open makes all checks that need no memory and no clock.
func (v *Verifier) open(key string, p Presenter) (Claims, error) {
	c, err := Open(key, v.Keys)
	switch {
	case err != nil:
		return c, err
	case c.Org != v.Org:
		return c, errs.New(errs.WrongOrganization, "session key is of organization %s, this node serves %s", c.Org, v.Org)
	case c.Audience != v.Node:
		return c, errs.New(errs.WrongAudience, "session key is for node %s, this is %s", c.Audience, v.Node)
	case c.Boot != v.Boot:
		return c, errs.New(errs.Restarted, "the switch of this call was restarted; call again")
	case v.Revoked != nil && v.Revoked(c.Subject):
		return c, errs.New(errs.Revoked, "%s was revoked", c.Subject)
	case c.Subject != p.ID:
		return c, errs.New(errs.WrongPresenter, "session key is for %s to present, not for %s", c.Subject, p.ID)
	case c.Confirm != p.Confirm:
		return c, errs.New(errs.WrongPresenter, "session key is bound to another key than that of %s", p.ID)
	}
	return c, nil
}

// use makes the checks that need memory and the clock, and remembers an admitted leg.
func (v *Verifier) use(c Claims, p Presenter) error {
	now := v.Now()
	v.uses.forget(now)
	if resumed, err := v.uses.resume(c, p); resumed || err != nil {
		return err
	}
	if err := c.checkTime(now); err != nil {
		return err
	}
	return v.uses.first(c, p, now)
}

// checkTime says whether the first use of a key may be now.
func (c *Claims) checkTime(now time.Time) error {
	issued, notBefore, expires := time.Unix(c.IssuedAt, 0), time.Unix(c.NotBefore, 0), time.Unix(c.Expires, 0)
	ahead := issued.Sub(now).Round(time.Second)
	switch {
	case ahead > MaxSkew:
		return errs.New(errs.KeyNotYetValid, "session key was signed at %s, which is %v ahead", issued.UTC().Format(time.RFC3339), ahead)
	case ahead > Leeway:
		return errs.New(errs.ClockSkew, "session key was signed %v ahead of this node's clock, %v are allowed; set the clocks of this node and of the signer", ahead, Leeway)
	case now.Before(notBefore.Add(-Leeway)):
		return errs.New(errs.KeyNotYetValid, "session key is not valid for another %v", notBefore.Sub(now).Round(time.Second))
	case now.After(expires.Add(Leeway)):
		return errs.New(errs.KeyExpired, "session key expired %v ago by this node's clock; if it is fresh, this clock is ahead", now.Sub(expires).Round(time.Second))
	}
	return nil
}
