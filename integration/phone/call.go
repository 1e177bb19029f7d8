package phone

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"time"

	"strowger/pkg/sdp"
	"strowger/pkg/sip"
)

// Call is one call of a phone.
type Call struct {
	From, To string // numbers
	Dialled  string // of an incoming call: what the INVITE is for

	phone    *Phone
	dialog   *sip.Dialog
	callee   bool
	media    *media
	writer   *sdp.Writer
	theirs   sdp.Session // their last offer or answer
	asked    bool        // theirs is an offer; false in a call whose INVITE had none
	shown    []byte      // our answer, if it was told before we took the call
	hold     bool        // what we asked for last
	codecs   []sdp.Codec // what we offer
	up       bool        // as the callee: our answer was acknowledged
	inputs   chan sip.Input
	commands chan func()
	done     chan struct{}

	mu     sync.Mutex // guards what follows
	events []Event
	news   chan struct{} // closed at the next event
}

func newCall(p *Phone, from, to string) (*Call, error) {
	c := &Call{
		From: from, To: to, phone: p, writer: sdp.NewWriter(), codecs: p.cfg.Codecs, inputs: make(chan sip.Input, 64),
		commands: make(chan func(), 16), done: make(chan struct{}), news: make(chan struct{}),
	}
	var err error
	if c.media, err = newMedia(p.at(), p.cfg, func(key byte) { c.record(Event{Kind: Digit, Words: string(key)}) }); err != nil {
		return nil, err
	}
	c.media.guardian, err = newGuardian(p.cfg.Security, c.media)
	return c, err
}

// other is the number of the other party.
func (c *Call) other() string {
	if c.callee {
		return c.From
	}
	return c.To
}

// Headers returns the values of a header of the INVITE of an incoming call.
func (c *Call) Headers(name string) (all []string) {
	for h := range sip.Named(c.dialog.Request(), name) {
		all = append(all, h.Value())
	}
	return all
}

// own takes an input for the call's goroutine. It is the dialog's sip.Owner.
func (c *Call) own(_ *sip.Dialog, in sip.Input) bool {
	select {
	case c.inputs <- in:
		return true
	default:
		return false
	}
}

// run owns the dialog.
func (c *Call) run() {
	defer close(c.done)
	defer c.media.close()
	for {
		select {
		case in := <-c.inputs:
			for _, e := range c.dialog.Handle(in) {
				if _, ok := e.(sip.Closed); ok {
					return
				}
				c.handle(e)
			}
		case f := <-c.commands:
			f()
		case <-c.phone.stopped:
			return
		}
	}
}

// do runs a command in the call's goroutine, unless the call is over.
func (c *Call) do(f func()) {
	select {
	case c.commands <- f:
	case <-c.done:
	}
}

// Done is closed when the call is over and its sockets are closed.
func (c *Call) Done() <-chan struct{} { return c.done }

// Answer takes an incoming call.
func (c *Call) Answer() {
	c.do(func() {
		body := c.shown
		switch {
		case body != nil:
		case c.asked:
			if body = c.answer(); body == nil {
				return
			}
		default:
			body = c.offer()
		}
		c.dialog.Answer(body)
	})
}

// Preview speaks to the caller of an incoming call before it is answered (RFC 3960).
func (c *Call) Preview() {
	c.do(func() {
		if c.shown = c.answer(); c.shown != nil {
			c.dialog.Preview(c.shown)
			c.media.send(c.theirs)
		}
	})
}

// answer is ours to the offer of an incoming call. Without a common codec the call is refused.
func (c *Call) answer() []byte {
	body, formats, err := c.respond(c.theirs)
	if err != nil {
		c.dialog.Refuse(488, "Not Acceptable Here", sip.Cause{})
		return nil
	}
	c.media.receive(formats)
	return body
}

// Decline refuses an incoming call with a status: 486 busy, 603 declined, 480 ...
func (c *Call) Decline(code int, reason string) {
	c.do(func() {
		c.dialog.Refuse(code, reason, sip.Cause{})
		c.record(Event{Kind: Ended, Code: code, Words: reason})
	})
}

// HangUp ends the call, whatever its state: a caller who was not answered cancels.
func (c *Call) HangUp() {
	c.do(func() {
		c.media.stop()
		c.dialog.Bye(sip.Cause{Q850: 16, Text: "Normal call clearing"})
		c.ended(200, "hung up", sip.Cause{})
	})
}

// Forget drops the call without a word, as a phone company does whose server was started anew: what comes for it is answered 481 from
// the moment when it returns.
func (c *Call) Forget() {
	forgotten := make(chan struct{})
	c.do(func() {
		c.media.stop()
		c.dialog.Abandon()
		close(forgotten)
	})
	select {
	case <-forgotten:
	case <-c.done:
	}
}

// Transfer has the other side call a number (REFER), with more headers if need be.
func (c *Call) Transfer(number string, headers ...sip.Header) {
	c.Refer("<sip:"+number+"@"+c.phone.server.Addr().String()+">", headers...)
}

// Join has the other side of this call take our place in another one (REFER with Replaces: RFC 5589, 7).
func (c *Call) Join(other *Call, headers ...sip.Header) {
	c.Refer("<sip:"+other.other()+"@"+c.phone.server.Addr().String()+"?Replaces="+url.QueryEscape(other.Named().String())+">", headers...)
}

// Named is what another phone names this call by, to take it over.
func (c *Call) Named() sip.Replaces {
	named := make(chan sip.Replaces, 1)
	c.do(func() { named <- c.dialog.Names() })
	select {
	case r := <-named:
		return r
	case <-c.done:
		return sip.Replaces{}
	}
}

// Refer sends a REFER with a Refer-To as it stands, none if it is empty.
func (c *Call) Refer(to string, headers ...sip.Header) {
	c.do(func() { c.dialog.Refer(to, headers...) })
}

// Hold stops the other side's audio; Resume lets it flow again.
func (c *Call) Hold() { c.reoffer(true) }

// Resume ends a hold.
func (c *Call) Resume() { c.reoffer(false) }

func (c *Call) reoffer(hold bool) {
	c.do(func() {
		c.hold = hold
		c.dialog.Reoffer(c.offer())
	})
}

// Change offers other codecs; what is answered stays.
func (c *Call) Change(codecs []sdp.Codec) {
	c.do(func() {
		c.codecs = codecs
		c.dialog.Reoffer(c.offer())
	})
}

// SendDTMF sends a key: as a telephone event if that was negotiated, else by INFO.
func (c *Call) SendDTMF(key byte) {
	const length = 160 * time.Millisecond
	c.do(func() {
		if c.phone.cfg.InfoDTMF || !c.media.press(key, length) {
			c.dialog.SendDTMF(key, length)
		}
	})
}

// Say makes the phone say samples from now on, in place of what Config.Say had left.
func (c *Call) Say(samples []int16) { c.media.say(samples) }

// Heard returns what was received so far, from the first sample on; what was lost is silent.
func (c *Call) Heard() []int16 { return c.media.heard() }

// Codec returns the codec that the phone sends, "" before there is one.
func (c *Call) Codec() string { return c.media.codec() }

// Quality returns what the call's RTCP and its own counters say.
func (c *Call) Quality() Quality { return c.media.quality() }

// Encryption is how the audio is encrypted: "SDES", "DTLS" or "".
func (c *Call) Encryption() string {
	how := make(chan string, 1)
	c.do(func() { how <- c.media.guardian.how })
	select {
	case s := <-how:
		return s
	case <-c.done:
		return ""
	}
}

// Follow has the call go on by the phone's connection as it is now, and from its address, where its audio goes from then on too: re-INVITE.
func (c *Call) Follow(ctx context.Context) error {
	peer, err := c.phone.peer(ctx)
	if err != nil {
		return err
	}
	moved := make(chan error, 1)
	c.do(func() {
		c.dialog.Redirect(peer)
		if err := c.media.move(c.phone.at()); err != nil {
			moved <- err
			return
		}
		c.dialog.Reoffer(c.offer())
		moved <- nil
	})
	select {
	case err := <-moved:
		return err
	case <-c.done:
		return net.ErrClosed
	}
}

// Rehome has the call's audio go by the phone's address as it is now, without a word to the other side.
func (c *Call) Rehome() error { return c.media.move(c.phone.at()) }

// Names is what names the call to the other side: Call-ID, our tag and theirs.
func (c *Call) Names() (callID, local, remote string) {
	names := make(chan [2]string, 1)
	c.do(func() {
		l, r := c.dialog.Tags()
		names <- [2]string{l, r}
	})
	select {
	case n := <-names:
		return c.dialog.CallID(), n[0], n[1]
	case <-c.done:
		return "", "", ""
	}
}

// Strip offers to go on without encryption, as somebody between the two would.
func (c *Call) Strip() {
	c.do(func() {
		w := sdp.NewWriter()
		body, _ := w.Offer(c.description(c.codecs), c.media.local())
		c.dialog.Reoffer(body)
	})
}

// Remote returns where the phone sends its audio, the zero value before it knows.
func (c *Call) Remote() netip.AddrPort { return c.media.remote() }

// Local returns where the phone takes audio.
func (c *Call) Local() netip.AddrPort { return c.media.local().Addr }

func (c *Call) description(codecs []sdp.Codec) sdp.Description {
	d := sdp.Description{Codecs: codecs, Direction: sdp.SendRecv, Ptime: 20}
	if c.hold {
		d.Direction = sdp.SendOnly
	}
	return d
}

func (c *Call) offer() []byte {
	c.media.guardian.offer(c.writer)
	body, formats := c.writer.Offer(c.description(c.codecs), c.media.local())
	c.media.receive(formats)
	return body
}

// parse reads a description of theirs.
func (c *Call) parse(body []byte) (sdp.Session, error) {
	return sdp.ParseMedia(body, c.media.guardian.security.ways())
}

// respond answers an offer of theirs.
func (c *Call) respond(theirs sdp.Session) ([]byte, []sdp.Format, error) {
	if err := c.media.guardian.answer(c.writer, theirs); err != nil {
		return nil, nil, err
	}
	return c.writer.Answer(theirs, c.description(c.phone.cfg.Codecs), c.media.local())
}

// readOffer takes the offer of an incoming call; an empty one leaves it to us to offer.
func (c *Call) readOffer(body []byte) bool {
	if len(body) == 0 {
		return true
	}
	s, err := c.parse(body)
	c.theirs, c.asked = s, true
	strict := c.phone.cfg.Security == Strict
	return err == nil && (!strict || s.Secure()) && slices.ContainsFunc(s.Formats, func(f sdp.Format) bool {
		_, ok := lawOf(f)
		return ok
	})
}

// ended records the end once.
func (c *Call) ended(code int, words string, why sip.Cause) {
	if ev := c.Events(); len(ev) > 0 && ev[len(ev)-1].Kind == Ended {
		return
	}
	c.record(Event{Kind: Ended, Code: code, Words: words, Q850: why.Q850})
}

func (c *Call) handle(e sip.Event) {
	switch e := e.(type) {
	case sip.Progress:
		if s, err := c.parse(e.SDP); err == nil && c.media.guardian.answered(s) == nil {
			c.media.hush(s)
		}
		c.record(Event{Kind: Progress, Code: e.Code, Words: e.Reason})
	case sip.Answered:
		if c.answered(e.SDP) {
			c.record(Event{Kind: Answered})
			return
		}
		c.dialog.Bye(sip.Cause{SIP: 488, Text: "unusable answer"})
		c.ended(488, "unusable answer", sip.Cause{})
	case sip.Refused:
		c.ended(e.Code, e.Reason, e.Cause)
	case sip.Acked:
		c.acked(e.SDP)
	case sip.Cancelled:
		c.ended(487, cmp.Or(e.Cause.Text, "the caller gave up"), e.Cause)
	case sip.HungUp:
		c.media.stop()
		c.ended(200, cmp.Or(e.Cause.Text, "the other side hung up"), e.Cause)
	case sip.Offered:
		c.offered(e.SDP)
	case sip.OfferAccepted:
		if c.answered(e.SDP) {
			c.record(Event{Kind: map[bool]Kind{true: OnHold, false: OffHold}[c.hold]})
		}
	case sip.OfferRefused:
		c.record(Event{Kind: Progress, Code: e.Code, Words: "offer refused"})
	case sip.Described:
		c.answered(e.SDP)
	case sip.ReferAnswered:
		c.record(Event{Kind: Referred, Code: e.Code, Words: e.Reason})
	case sip.Notified:
		c.record(Event{Kind: Told, Code: e.Code, Words: e.Reason})
	case sip.DTMF:
		c.record(Event{Kind: Digit, Words: string(e.Digit)})
	case sip.Lost:
		c.ended(408, e.Err.Error(), sip.Cause{})
	}
}

// answered takes their answer to our offer.
func (c *Call) answered(body []byte) bool {
	s, err := c.parse(body)
	if err == nil {
		err = c.media.guardian.answered(s)
	}
	if err != nil {
		return false
	}
	c.theirs = s
	return c.media.send(s)
}

// acked says that the other side has our answer. The callee speaks from here on, so that no word is lost on the way.
func (c *Call) acked(body []byte) {
	if len(body) > 0 {
		c.answered(body)
	} else {
		c.media.send(c.theirs)
	}
	if !c.up {
		c.up = true
		c.record(Event{Kind: Answered})
	}
}

// offered answers a re-INVITE.
func (c *Call) offered(body []byte) {
	if len(body) == 0 {
		c.dialog.AcceptOffer(c.offer())
		return
	}
	s, err := c.parse(body)
	if err != nil {
		c.dialog.RefuseOffer(488, "Not Acceptable Here")
		return
	}
	answer, formats, err := c.respond(s)
	if err != nil || c.phone.cfg.Stays && s.Audio != c.theirs.Audio {
		c.dialog.RefuseOffer(488, "Not Acceptable Here")
		return
	}
	was := c.theirs.Held()
	c.theirs = s
	c.media.receive(formats)
	c.media.send(s)
	c.dialog.AcceptOffer(answer)
	if now := s.Held(); now != was {
		c.record(Event{Kind: map[bool]Kind{true: Held, false: Resumed}[now]})
	}
}
