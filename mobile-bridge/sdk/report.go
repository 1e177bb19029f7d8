package sdk

import (
	"context"
	"crypto/rand"
	"time"

	"strowger/pkg/channel"
	"strowger/pkg/errs"
	"strowger/pkg/proof"
	"strowger/pkg/pushseal"
	"strowger/pkg/sessionkey"
)

// woken takes a call that the channel brings.
func (p *Phone) woken(frame []byte) {
	v, err := channel.Body[channel.Wake](frame)
	if err == nil {
		_, err = p.Push(v.Sealed)
	}
	if err == nil {
		return
	}
	p.logger().Info("a wake brings no call", "code", errs.CodeOf(err), "error", err)
}

// cancelled takes the end of a call that the channel tells of.
func (p *Phone) cancelled(frame []byte) {
	v, err := channel.Body[channel.Cancel](frame)
	if err == nil {
		err = p.over(v.Sealed, end{v.Code, v.Words})
	}
	if err != nil {
		p.logger().Info("the end of a call is of none", "code", errs.CodeOf(err), "error", err)
	}
}

// over ends the call that a wake announces, unless the phone is at it: the anchor says more there. A call that the phone has not
// heard of was missed.
func (p *Phone) over(sealed []byte, why end) error {
	id, err := p.enrolled()
	if err != nil {
		return err
	}
	w, err := p.keys.seal.Open(id.Info.Org, id.Info.Device, sealed)
	if err != nil {
		return err
	}
	claims, err := p.check(id, w)
	if err != nil && errs.CodeOf(err) != errs.KeyExpired {
		return err
	}
	p.mu.Lock()
	c := p.calls[claims.ID]
	p.mu.Unlock()
	switch {
	case claims.Notice != "":
		p.noticed(w, claims)
	case c != nil && !c.isOver():
		c.post(overElsewhere{why})
	case c == nil && time.Now().Before(rememberedUntil(claims)):
		p.miss(w, claims, errs.New(why.code, "%s", why.words))
	}
	return nil
}

// noticeLife is how long after it was signed a device tells of an emergency call: it may have been off.
const noticeLife = 24 * time.Hour

// noticed tells that somebody calls for help, as of a call that was missed: theirs.
func (p *Phone) noticed(w pushseal.Wake, claims sessionkey.Claims) {
	if time.Since(time.Unix(claims.IssuedAt, 0)) < noticeLife {
		p.miss(w, claims, errs.New(errs.Emergency, "%s", claims.Notice))
	}
}

// overElsewhere says by another way than the connection that a call is over.
type overElsewhere struct{ why end }

// awake is posted when the phone has its channel.
type awake struct{}

// stayAwake keeps the channel for the time of a call, however that came: by it the anchor hears how far the phone is before it has
// a connection to it, and the phone that the call is over. A phone that is called again while it talks needs no push.
func (c *Call) stayAwake(ctx context.Context) (release func()) {
	l := &c.phone.line
	l.want()
	l.mu.Lock()
	open := l.there
	l.mu.Unlock()
	c.work.Go(func() {
		select {
		case <-open:
			c.post(awake{})
		case <-ctx.Done():
		}
	})
	return l.release
}

// report tells the anchor how far the phone is with a call, over the channel if there is one: the call goes on without.
func (c *Call) report(step string) {
	p := c.phone
	id, err := p.enrolled()
	if err != nil {
		return
	}
	signed, err := proof.Sign(proof.TypeReport, p.keys.signing, proof.Report{
		Node: c.wake.Node.ID, Device: id.Info.Device, Call: c.claims.Call, Leg: c.claims.ID, Step: step, ID: rand.Text(), IssuedAt: time.Now().Unix(),
	})
	if err == nil {
		err = p.line.send(channel.TypeReport, channel.Report{Node: c.wake.Node.ID, Report: signed})
	}
	if err != nil && errs.CodeOf(err) != errs.Offline {
		p.logger().Info("the anchor was not told", "call", c.ID(), "step", step, "error", err)
	}
}

// send sends what nobody answers; errs.Offline if the phone is asleep.
func (l *line) send(typ string, body any) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.wanted == 0 {
		return errs.New(errs.Offline, "the phone is asleep")
	}
	if _, err := l.state.Put(typ, 0, body); err != nil {
		return err
	}
	l.kick()
	return nil
}
