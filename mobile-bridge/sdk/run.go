package sdk

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/proof"
	"strowger/pkg/sessionkey"
	"strowger/pkg/sip"
)

const (
	mailbox   = 64                     // inputs and commands that wait for a call
	firstWait = 500 * time.Millisecond // from one attempt to connect to the next, then twice as long each time
	lastWait  = 4 * time.Second
	lastWords = 2 * time.Second // that the node has to take the last message and close the connection
)

// run is the call from its push to its end.
func (c *Call) run() {
	ctx, cancel := context.WithCancel(c.phone.life)
	defer close(c.done)
	defer c.empty()
	defer c.work.Wait()
	defer close(c.quit)
	defer cancel()
	deadline := time.NewTimer(time.Until(time.Unix(c.claims.Expires, 0).Add(sessionkey.Leeway)))
	defer deadline.Stop()
	defer c.speakSIP(ctx)()
	c.tell(map[bool]string{false: Woken, true: Trying}[c.out], end{})
	if !c.out {
		defer c.stayAwake(ctx)()
	}
	c.connect(ctx)
	for c.stage != leaving {
		select {
		case in := <-c.mail:
			c.take(ctx, in)
		case <-deadline.C:
			if c.dialog == nil {
				c.finish(end{errs.Unreachable, "the switch of the call was not reached in time"})
			}
		case <-ctx.Done():
			switch {
			case c.dialog == nil:
			case c.stage == up || c.out:
				c.bye(sip.Cause{Q850: 16, Text: "Normal call clearing"})
			default:
				c.bye(sip.Cause{SIP: 480, Text: "The phone was switched off"})
			}
			c.finish(end{errs.NodeStopped, "the phone was closed"})
		}
	}
	c.part(ctx)
}

// part lets the node take our last words, and closes what is open.
func (c *Call) part(ctx context.Context) {
	c.dropMedia()
	late := time.NewTimer(map[bool]time.Duration{false: lastWords, true: dialWithin}[c.owes])
	defer late.Stop()
	for c.conn != nil || c.owes {
		select {
		case in := <-c.mail:
			switch in := in.(type) {
			case sipInput:
				if c.parted(in.dialog.Handle(in.input)) && in.dialog == c.dialog {
					c.disconnect()
				}
			case lost:
				if in.conn == c.conn {
					c.disconnect()
					if c.owes {
						c.connect(ctx)
					}
				}
			case attempt:
				c.settle(ctx, in)
			}
		case <-late.C:
			if c.owes = false; c.conn != nil {
				c.disconnect()
			}
		}
	}
}

// settle tells the node that the user hung up, if it was not told. What it cannot be told now it finds out.
func (c *Call) settle(ctx context.Context, a attempt) {
	again := a.err == nil && !a.conn.verdict.Resumed && c.out // the node waits for our INVITE
	if !c.owes || a.err != nil || !again && !(a.conn.verdict.Resumed && c.acked) {
		a.conn.close()
		c.owes = false
		return
	}
	c.owes, c.conn = false, a.conn
	switch {
	case !c.serve(ctx, a.conn):
	case again:
		c.inviteAgain()
		c.cancel()
	default:
		c.dialog.Redirect(a.conn.served.Peer())
		c.bye(sip.Cause{Q850: 16, Text: "Normal call clearing"})
	}
}

// cutOff says that what is said now does not arrive: the connection has ended.
func (c *Call) cutOff() bool {
	if c.conn == nil {
		return true
	}
	select {
	case <-c.conn.served.Done():
		return true
	default:
		return false
	}
}

// bye ends the dialog.
func (c *Call) bye(why sip.Cause) {
	c.byes = c.stage == up || c.out
	c.dialog.Bye(why)
}

// parted says whether the events of a dialog end with that of a BYE of ours which the node has answered. After anything else
// our words were the last ones, and it is the node that closes.
func (c *Call) parted(events []sip.Event) bool {
	for _, e := range events {
		if _, closed := e.(sip.Closed); closed {
			return c.byes
		}
	}
	return false
}

// empty closes what came too late for run.
func (c *Call) empty() {
	for {
		select {
		case in := <-c.mail:
			if a, ok := in.(attempt); ok {
				a.conn.close()
			}
		default:
			return
		}
	}
}

// disconnect ends the connection.
func (c *Call) disconnect() {
	_ = c.conn.served.Close() // it is open no longer, or shall be
	c.conn.close()
	c.conn = nil
}

func (c *Call) dropMedia() {
	if m := c.media; m != nil {
		c.media = nil
		var started *ears
		if c.sounding {
			started = &c.ears
		}
		c.work.Go(func() { m.close(started) })
	}
}

// connect dials the node beside run, and shows it the key with a fresh proof.
func (c *Call) connect(ctx context.Context) {
	c.tries++
	ctx, c.retreat = context.WithCancel(ctx)
	token := c.token
	c.work.Go(func() {
		conn, err := c.enter(ctx, token)
		if !c.post(attempt{conn, err}) {
			conn.close()
		}
	})
}

func (c *Call) enter(ctx context.Context, token string) (*connection, error) {
	return c.phone.dial(ctx, entry{c.wake.Node, func() (proof.Entry, error) { return c.show(token) }})
}

// show is the key of the call with a fresh proof.
func (c *Call) show(token string) (proof.Entry, error) {
	fingerprint, err := fingerprintOf(c.cert)
	if err != nil {
		return proof.Entry{}, err
	}
	signed, err := proof.Sign(proof.TypeCall, c.phone.keys.signing, proof.Call{
		Node: c.wake.Node.ID, KeyHash: proof.HashKey(c.wake.Key), DTLS: fingerprint, Epoch: c.wake.Epoch, ID: rand.Text(), IssuedAt: time.Now().Unix(),
	})
	return proof.Entry{Key: c.wake.Key, Proof: signed, Resume: token}, err
}

// take carries out an input.
func (c *Call) take(ctx context.Context, in any) {
	switch in := in.(type) {
	case command:
		in()
	case attempt:
		c.attempted(ctx, in)
	case retry:
		c.connect(ctx)
	case invited:
		c.invited(in)
	case lost:
		if in.conn == c.conn {
			c.lost(ctx)
		}
	case sipInput:
		for _, e := range in.dialog.Handle(in.input) {
			if in.dialog == c.dialog { // else it was forgotten
				c.happened(e)
			}
		}
	case gathered:
		if in.media == c.media {
			c.gathered(in)
		}
	case path:
		if in.media == c.media {
			c.pathChanged(ctx, in.state)
		}
	case searched:
		switch {
		case in.media != c.media || c.connected || c.flowing:
		case c.called():
			c.moved = true // it is looked for once more when the call is answered
		default:
			c.pathless()
		}
	case overElsewhere:
		if c.dialog == nil && c.stage < up {
			c.finish(in.why)
		}
	case rerouted:
		if in.media == c.media {
			c.rerouted(in)
		}
	case followed:
		if in.media == c.media {
			c.followed(in)
		}
	case awake:
		if c.dialog == nil && c.unwanted == 0 {
			c.report(proof.ChannelOpen)
		}
	case tooLong:
		c.tooLong(in)
	case keyWanted:
		c.tell(KeyframeWanted, end{})
	case pressedKey:
		c.tell(Digit, end{words: string(in.key)})
	}
}

// attempted takes a connection into use, or goes on trying until the ring is over. What the node refused stays refused.
func (c *Call) attempted(ctx context.Context, a attempt) {
	var no *refusal
	c.retreat()
	c.retreat = nil
	switch {
	case a.err == nil:
		c.tries, c.conn, c.token = 0, a.conn, a.conn.verdict.Resume
		c.relay = cmp.Or(a.conn.verdict.Relay, c.relay)
		c.meet()
		if c.serve(ctx, a.conn) {
			c.back(ctx)
		}
	case errors.As(a.err, &no):
		c.finish(endOf(no))
	case ctx.Err() != nil:
	case errors.Is(a.err, context.Canceled): // the phone has another network
		c.tries = 0
		c.connect(ctx)
	default:
		c.phone.logger().Info("no connection to the node of a call", "call", c.ID(), "node", c.wake.Node.ID, "try", c.tries, "error", a.err)
		if c.dialog == nil && time.Now().After(time.Unix(c.claims.Expires, 0)) {
			c.finish(endOf(a.err))
			return
		}
		c.again(ctx)
	}
}

// again tries later.
func (c *Call) again(ctx context.Context) {
	wait := min(firstWait<<min(c.tries, 8), lastWait)
	c.work.Go(func() {
		t := time.NewTimer(wait)
		defer t.Stop()
		select {
		case <-t.C:
			c.post(retry{})
		case <-ctx.Done():
		}
	})
}

// speakSIP begins SIP, on streams that serve adds, and returns what ends it: what is said at the end must still go out.
func (c *Call) speakSIP(ctx context.Context) (stop func()) {
	ctx, stop = context.WithCancel(context.WithoutCancel(ctx))
	c.sip = sip.NewEndpoint(sip.Config{Name: "Strowger app", AdvertiseHost: c.claims.Org, Handler: desk{c}, Logger: c.phone.logger()})
	c.work.Go(func() { _ = c.sip.Run(ctx) }) // it returns nil
	return stop
}

// serve has SIP on a connection.
func (c *Call) serve(ctx context.Context, conn *connection) (ok bool) {
	c.streams++
	served, err := c.sip.ServeStream(context.WithoutCancel(ctx), numbered{conn.stream, c.streams})
	if err != nil { // only at the end
		c.conn = nil
		conn.close()
		return false
	}
	conn.served = served
	c.work.Go(func() {
		<-served.Done()
		c.post(lost{conn})
	})
	return true
}

// desk is what takes requests.
type desk struct{ call *Call }

// Invite takes the call that the node brings. What follows on the stream comes after it.
func (k desk) Invite(d *sip.Dialog) {
	c := k.call
	d.SetOwner(c.owner)
	c.post(invited{d})
}

// Register refuses: a phone is no registrar.
func (k desk) Register(_ *sip.Request, _ sip.Peer, respond sip.Respond) {
	respond(405, "Method Not Allowed", sip.NewHeader("Allow", "INVITE, ACK, CANCEL, BYE, INFO, OPTIONS"))
}
