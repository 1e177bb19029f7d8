package sip

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// ErrScheme is the error of a Refer-To that names something else than a phone.
var ErrScheme = errors.New("only sip, sips and tel can be called")

type (
	// Referred is a REFER of the peer's (RFC 3515): it asks that somebody else be called. [Dialog.AcceptRefer] or [Dialog.RefuseRefer]
	// answers it.
	Referred struct {
		To    ReferTo
		By    string // the Referred-By header (RFC 3892): what the peer says, which proves nothing
		Proof string // of an app: that it wants this (package proof)
	}
	// ReferAnswered is the answer to our REFER.
	ReferAnswered struct {
		Code   int
		Reason string
	}
	// Notified is what the peer says of our REFER, in a NOTIFY.
	Notified struct {
		Code   int
		Reason string
		Over   bool // the subscription is terminated
	}
)

func (Referred) event()      {}
func (ReferAnswered) event() {}
func (Notified) event()      {}

// refers is what a dialog knows of REFER: at most one of the peer's is under way.
type refers struct {
	in     *arrived // waits for its answer
	active bool     // the peer is told how it goes
	id     uint32   // its CSeq, 0 for the first of the dialog (RFC 3515, 2.4.6)
	count  int
	until  time.Time
	told   []notice // the first is sent, the others wait for its answer
	bye    *Cause   // to be sent once the peer has been told all
	timer  *timer   // for that at the latest
	sent   bool     // a REFER of ours
}

// notice is one word of how it goes.
type notice struct {
	code   int
	reason string
}

// How long the peer is told how it goes, and how long a BYE waits for the last word of that.
const (
	referLife = 5 * time.Minute
	lastWord  = 2 * time.Second
	maxTold   = 16
)

// referred handles a REFER.
func (d *Dialog) referred(in arrived) {
	var values []string
	for h := range Named(in.req, "Refer-To") {
		values = append(values, h.Value())
	}
	switch {
	case d.state != up:
		d.deny(in, 403, "Only a Call That Is Answered Can Be Transferred")
		return
	case len(values) != 1: // RFC 3515, 2.4.2
		d.deny(in, 400, fmt.Sprintf("%d Refer-To, It Takes One", len(values)))
		return
	case d.refers.in != nil || d.refers.active:
		d.deny(in, 491, "Another Transfer Is Under Way")
		return
	}
	to, err := ParseReferTo(values[0])
	switch {
	case errors.Is(err, ErrScheme):
		d.deny(in, 416, "Only sip, sips and tel Can Be Called")
		return
	case err != nil:
		d.deny(in, 400, "Refer-To Is Malformed")
		return
	}
	d.refresh(in.req)
	d.refers.in = &in
	d.emit(Referred{To: to, By: value(in.req, "Referred-By"), Proof: value(in.req, HeaderProof)})
}

// AcceptRefer accepts the REFER: 202. From here on [Dialog.Report] tells the peer how it goes, unless it does not want to know.
func (d *Dialog) AcceptRefer() {
	in := d.refers.in
	if in == nil || d.state != up {
		return
	}
	d.refers.in = nil
	d.refers.count++
	extra := []Header{d.contact()}
	quiet := strings.EqualFold(strings.TrimSpace(value(in.req, "Refer-Sub")), "false")
	if quiet { // RFC 4488, 4
		extra = append(extra, NewHeader("Refer-Sub", "false"))
	}
	d.reply(in.tx, d.response(in.req, 202, "Accepted", nil, extra...))
	if quiet {
		return
	}
	d.refers.active, d.refers.until, d.refers.id = true, time.Now().Add(referLife), 0
	if d.refers.count > 1 {
		d.refers.id = in.req.CSeq().SeqNo
	}
	d.Report(100, "Trying") // RFC 3515, 2.4.4: at once
}

// RefuseRefer refuses the REFER.
func (d *Dialog) RefuseRefer(code int, reason string, extra ...Header) {
	if in := d.refers.in; in != nil && d.state == up {
		d.refers.in = nil
		d.reply(in.tx, d.response(in.req, code, reason, nil, extra...))
	}
}

// Report tells the peer how what it asked for goes, by NOTIFY (RFC 3515, 2.4.5). A final status is the last word.
func (d *Dialog) Report(code int, reason string) {
	r := &d.refers
	if !r.active || d.state != up || len(r.told) == maxTold {
		return
	}
	r.active = code < 200
	r.told = append(r.told, notice{code, oneLine(reason)})
	if len(r.told) == 1 {
		d.send(d.notice(r.told[0]))
	}
}

// notice makes a NOTIFY.
func (d *Dialog) notice(n notice) *Request {
	req := d.next(sip.NOTIFY)
	event := "refer"
	if d.refers.id > 0 {
		event += ";id=" + strconv.FormatUint(uint64(d.refers.id), 10)
	}
	state := "active;expires=" + strconv.Itoa(max(1, int(time.Until(d.refers.until)/time.Second)))
	if n.code >= 200 {
		state = "terminated;reason=noresource" // RFC 3515, 2.4.7
	}
	req.AppendHeader(d.contact())
	req.AppendHeader(NewHeader("Event", event))
	req.AppendHeader(NewHeader("Subscription-State", state))
	t := sip.ContentTypeHeader("message/sipfrag;version=2.0")
	req.AppendHeader(&t)
	req.SetBody([]byte("SIP/2.0 " + strconv.Itoa(n.code) + " " + n.reason + "\r\n")) // RFC 3515, 2.4.5: a status line at least
	return req
}

// noticed handles the answer to a NOTIFY. A peer that does not want to know is told no more; its call goes on (RFC 5057, 5.1).
func (d *Dialog) noticed(code int) {
	r := &d.refers
	if len(r.told) == 0 {
		return
	}
	if code >= 300 {
		r.active, r.told = false, r.told[:1]
	}
	if r.told = r.told[1:]; len(r.told) > 0 {
		d.send(d.notice(r.told[0]))
		return
	}
	d.parted()
}

// telling says whether a BYE has to wait: the peer would drop the dialog, and with it the last word of its REFER.
func (d *Dialog) telling() bool { return d.state == up && len(d.refers.told) > 0 }

// hold keeps a BYE back until the peer has been told.
func (d *Dialog) hold(c Cause) {
	if d.refers.bye == nil {
		d.refers.bye, d.refers.timer = &c, d.after(lastWord)
	}
}

// parted sends the BYE that waited.
func (d *Dialog) parted() {
	if c := d.refers.bye; c != nil {
		d.refers.timer.stop()
		d.refers.bye, d.refers.told = nil, nil
		d.Bye(*c)
	}
}

// unreferred ends what the peer was told of its REFER, as it has hung up: a last NOTIFY, whose answer nobody waits for. RFC 6665, 4.2.2,
// lets the notifier end a subscription at any time, and who hangs up before the end is not interested in it.
func (d *Dialog) unreferred() {
	r := &d.refers
	r.timer.stop()
	if in := r.in; in != nil {
		r.in = nil
		d.reply(in.tx, d.response(in.req, 487, "Request Terminated", nil))
	}
	if r.active {
		req := d.notice(notice{100, "Trying"})
		req.RemoveHeader("Subscription-State")
		req.AppendHeader(NewHeader("Subscription-State", "terminated;reason=noresource"))
		d.send(req)
	}
	d.refers = refers{}
}

// Refer asks the peer to call an address, as in "<sip:20@office?Replaces=...>", with headers such as Refer-Sub. ReferAnswered follows, and
// then Notified as it goes.
func (d *Dialog) Refer(to string, extra ...Header) {
	if d.state != up {
		return
	}
	req := d.next(sip.REFER)
	req.AppendHeader(d.contact())
	if to != "" {
		req.AppendHeader(NewHeader("Refer-To", to))
	}
	for _, h := range extra {
		req.AppendHeader(h)
	}
	d.refers.sent = true
	d.send(req)
}

// notified handles a NOTIFY of our REFER.
func (d *Dialog) notified(in arrived) {
	event, _, _ := strings.Cut(value(in.req, "Event"), ";")
	if !d.refers.sent || !strings.EqualFold(strings.TrimSpace(event), "refer") { // RFC 6665, 4.1.3: 481 for no subscription
		d.deny(in, 481, "Subscription Does Not Exist")
		return
	}
	d.deny(in, 200, "OK")
	line, _, _ := strings.Cut(string(in.req.Body()), "\n")
	_, line, _ = strings.Cut(strings.TrimSpace(line), " ")
	code, reason, _ := strings.Cut(line, " ")
	n, _ := strconv.Atoi(code)
	state := strings.ToLower(strings.TrimSpace(value(in.req, "Subscription-State")))
	d.emit(Notified{Code: n, Reason: reason, Over: strings.HasPrefix(state, "terminated")})
}
