package sdk

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/pushseal"
	"strowger/pkg/sessionkey"
)

const (
	maxPayload = 8 << 10         // bytes of a push
	maxCalls   = 64              // that are remembered at a time
	askEvery   = time.Minute     // between exchanges with the cloud that pushes cause
	askWithin  = 5 * time.Second // such an exchange
)

// Push takes the payload of a push, as it came: the sealed bytes (Web Push), or the JSON object around them that APNs and FCM
// deliver, whose member "strowger" is these bytes in base64.
//
// It returns the call that the push announces. The same push again returns the same call, and no second Woken. An error says
// why there is nothing to ring; if the push was real, but late say, Missed has been told too. So it is with the alert that takes
// the place of a push when the call is over: its members "code" and "words" say why, and are the error.
func (p *Phone) Push(payload []byte) (*Call, error) {
	sealed, over, err := unwrap(payload)
	if err != nil {
		return nil, err
	}
	if over != nil {
		if err := p.over(sealed, *over); err != nil {
			return nil, err
		}
		return nil, errs.New(over.code, "%s", over.words)
	}
	id, err := p.enrolled()
	if err != nil {
		return nil, err
	}
	w, err := p.keys.seal.Open(id.Info.Org, id.Info.Device, sealed)
	if err != nil {
		return nil, err
	}
	claims, err := p.check(id, w)
	if err != nil {
		// What the organization has not signed for this very device is nobody's call. The rest is one that cannot ring.
		if code := errs.CodeOf(err); (code == errs.KeyExpired || code == errs.WrongNode) && time.Now().Before(rememberedUntil(claims)) {
			p.miss(w, claims, err)
		}
		return nil, err
	}
	if claims.Notice != "" {
		p.noticed(w, claims)
		return nil, errs.New(errs.Emergency, "%s", claims.Notice)
	}
	return p.begin(w, claims)
}

// check verifies a wake; it asks the cloud for new keys if the wake is signed by one that the phone does not know.
func (p *Phone) check(id *identity, w pushseal.Wake) (sessionkey.Claims, error) {
	thumb := p.keys.thumbprint()
	c, err := w.Check(id.sessionKey, id.Info.Org, id.Info.Device, thumb, time.Now())
	if errs.CodeOf(err) != errs.UnknownKey || !p.mayAsk() {
		return c, err
	}
	ctx, cancel := context.WithTimeout(p.life, askWithin)
	defer cancel()
	if asked := p.update(ctx, id.Push); asked != nil {
		p.logger().Warn("cannot ask the cloud for the key that signed a call", "error", asked)
		return c, err
	}
	if id, err = p.enrolled(); err != nil {
		return c, err
	}
	return w.Check(id.sessionKey, id.Info.Org, id.Info.Device, thumb, time.Now())
}

// mayAsk says whether a push may cause an exchange with the cloud. Anyone can make pushes whose key is unknown.
func (p *Phone) mayAsk() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Sub(p.asked) < askEvery {
		return false
	}
	p.asked = now
	return true
}

// unwrap returns the sealed bytes of a payload, and why their call is over if it is.
func unwrap(payload []byte) (sealed []byte, over *end, err error) {
	if len(payload) > maxPayload {
		return nil, nil, errs.New(errs.Invalid, "payload of a push of %d bytes, at most %d are read", len(payload), maxPayload)
	}
	if !bytes.HasPrefix(payload, []byte("{")) || !json.Valid(payload) { // sealed bytes may begin with anything
		return payload, nil, nil
	}
	var envelope struct {
		Sealed []byte    `json:"strowger"`
		Code   errs.Code `json:"code"`
		Words  string    `json:"words"`
	}
	if err := json.Unmarshal(payload, &envelope); err != nil || len(envelope.Sealed) == 0 {
		return nil, nil, errs.New(errs.Invalid, "payload of a push: want a member \"strowger\" in base64")
	}
	if envelope.Code != "" {
		over = &end{envelope.Code, envelope.Words}
	}
	return envelope.Sealed, over, nil
}

// begin makes the call of a wake, unless there is one, and has it connect.
func (p *Phone) begin(w pushseal.Wake, claims sessionkey.Claims) (*Call, error) {
	c, err := newCall(p, w, claims)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.calls[claims.ID]; known != nil {
		return known, nil
	}
	if err := p.enter(c); err != nil {
		return nil, err
	}
	p.work.Go(c.run)
	return c, nil
}

// enter counts a call, if there may be one more. p.mu is held.
func (p *Phone) enter(c *Call) error {
	p.forget(time.Now())
	switch {
	case p.closed:
		return errs.New(errs.NodeStopped, "the phone is closed")
	case len(p.calls) >= maxCalls:
		return errs.New(errs.Congested, "%d calls at once, no more are taken", maxCalls)
	}
	p.calls[c.claims.ID] = c
	return nil
}

// miss tells of a call that does not ring, once.
func (p *Phone) miss(w pushseal.Wake, claims sessionkey.Claims, why error) {
	c, err := newCall(p, w, claims)
	if err != nil {
		return
	}
	close(c.done)
	p.mu.Lock()
	p.forget(time.Now())
	told := p.closed || p.calls[claims.ID] != nil || len(p.calls) == maxCalls
	if !told {
		p.calls[claims.ID] = c
	}
	p.mu.Unlock()
	if !told {
		c.last(endOf(why))
	}
}

// rememberedUntil is how long a call must be known, so that its push, which anyone may have recorded, tells nothing again:
// later, a push of it tells nothing at all.
func rememberedUntil(c sessionkey.Claims) time.Time {
	return time.Unix(c.Expires, 0).Add(sessionkey.Leeway + sessionkey.MaxLifetime)
}

// forget drops calls that are over and whose wake can no longer come. p.mu is held.
func (p *Phone) forget(now time.Time) {
	for leg, c := range p.calls {
		if now.After(rememberedUntil(c.claims)) && c.isOver() {
			delete(p.calls, leg)
		}
	}
}
