package sip

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// RFC 4028, 4 and 5: the recommended interval of a session, and the shortest that may be asked for.
const (
	usualInterval = 1800 * time.Second
	leastInterval = 90 * time.Second
)

// ErrExpired is the error of a Lost event: the session was not refreshed in time.
var ErrExpired = errors.New("the session was not refreshed in time")

// terms is what both sides of a dialog have agreed on.
type terms struct {
	local, remote []byte        // the descriptions, as each side last gave its own
	least         time.Duration // the Min-SE of a 422
	interval      time.Duration // within which the session is to be refreshed (RFC 4028)
	ours          bool          // we refresh it
	until         time.Time     // it expires
	timer         *timer
	acked         *Request // our last ACK, repeated when the 2xx is
	updates       bool     // the peer takes UPDATE (RFC 3311)
	replaces      bool     // the handler reads Replaces
}

// heard notes which methods the peer takes, if a message says so.
func (t *terms) heard(m sip.Message) {
	if updates, said := lists(m, "Allow", string(sip.UPDATE)); said {
		t.updates = updates
	}
}

// sessionExpires reads Session-Expires (RFC 4028, 4): 0 without one, refresher "" if it is left open.
func sessionExpires(m sip.Message) (interval time.Duration, refresher string) {
	parts := split(value(m, "Session-Expires"), ';')
	for _, p := range parts[1:] {
		if name, v, _ := strings.Cut(p, "="); strings.EqualFold(strings.TrimSpace(name), "refresher") {
			refresher = strings.ToLower(strings.TrimSpace(v))
		}
	}
	return deltaSeconds(parts[0]), refresher
}

// deltaSeconds reads a number of seconds, 0 if it is none.
func deltaSeconds(s string) time.Duration {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}

// minSE reads Min-SE; without one it is 90 s (RFC 4028, 5).
func minSE(m sip.Message) time.Duration {
	number, _, _ := strings.Cut(value(m, "Min-SE"), ";")
	return max(deltaSeconds(strings.TrimSpace(number)), leastInterval)
}

// knows says whether the sender of a message supports an extension.
func knows(m sip.Message, extension string) bool {
	supports, _ := lists(m, "Supported", extension)
	return supports || requires(m, extension)
}

// requires says whether the sender of a message insists on an extension.
func requires(m sip.Message, extension string) bool {
	required, _ := lists(m, "Require", extension)
	return required
}

// tooBrief says whether a session interval is refused with 422: only to those who understand it (RFC 4028, 9).
func tooBrief(req *Request) bool {
	if !req.IsInvite() && req.Method != sip.UPDATE {
		return false
	}
	interval, _ := sessionExpires(req)
	return interval > 0 && interval < leastInterval && knows(req, extensionTimer)
}

func intervalHeader(interval time.Duration, refresher string) Header {
	v := strconv.Itoa(int(interval / time.Second))
	if refresher != "" {
		v += ";refresher=" + refresher
	}
	return NewHeader("Session-Expires", v)
}

// asked returns what our INVITE or UPDATE says about extensions and the session timer (RFC 4028, 7.1 and 7.4). Who refreshes is left to the callee
// at first, and then stays.
func (t *terms) asked(extensions string) []Header {
	refresher := ""
	switch {
	case t.interval == 0:
	case t.ours:
		refresher = "uac"
	default:
		refresher = "uas"
	}
	h := []Header{NewHeader("Supported", extensions), intervalHeader(max(t.wanted(), t.least), refresher)}
	if t.least > 0 {
		h = append(h, NewHeader("Min-SE", strconv.Itoa(int(t.least/time.Second))))
	}
	return h
}

// wanted is the interval that we ask for as long as none is agreed.
func (t *terms) wanted() time.Duration {
	if t.interval > 0 {
		return t.interval
	}
	return usualInterval
}

// supported is the extensions that we know in a dialog.
func (t *terms) supported() string {
	if t.replaces {
		return supported + ", " + extensionReplaces
	}
	return supported
}

// granted decides on the session timer as the answerer of an INVITE or UPDATE and returns what the 2xx says about it (RFC 4028, 9,
// table 2). We refresh unless the peer wants to: a peer that does not know the timer is watched all the same.
func (t *terms) granted(req *Request) []Header {
	interval, refresher := sessionExpires(req)
	t.interval = max(usualInterval, minSE(req))
	if interval > 0 {
		t.interval = max(min(interval, t.interval), leastInterval)
	}
	timer := knows(req, extensionTimer)
	t.ours = !timer || refresher != "uac"
	h := []Header{NewHeader("Supported", t.supported()), intervalHeader(t.interval, map[bool]string{true: "uas", false: "uac"}[t.ours])}
	if timer {
		h = append(h, NewHeader("Require", extensionTimer))
	}
	return h
}

// learned takes what a 2xx to our INVITE says about the session timer (RFC 4028, 7.2). A peer that does not know the timer
// is refreshed by us.
func (t *terms) learned(res *Response) {
	interval, refresher := sessionExpires(res)
	t.interval, t.ours = max(t.wanted(), t.least), true
	if interval > 0 {
		t.interval = max(interval, giveUp) // no request more often than one may take
		t.ours = refresher != "uas"
	}
}

// Described returns our side of the session as the peer has it, nil before there is one.
func (d *Dialog) Described() []byte { return d.terms.local }

// Restate replaces our side of the session by a description that says the same, under a version that the peer has not
// seen: after an offer that it refused, say. It is what refreshes repeat.
func (d *Dialog) Restate(sdp []byte) { d.terms.local = sdp }

// agree notes what both sides described, an empty one left out, and starts the session timer.
func (d *Dialog) agree(local, remote []byte) {
	d.terms.local = local
	if len(remote) > 0 {
		d.terms.remote = remote
	}
	d.renew()
}

// asks says whether we refresh the session: in our turn, or because the peer has an interval so long (RFC 4028 has no upper
// bound) that the call of a phone that vanished would not end.
func (t *terms) asks() bool { return t.ours || t.interval > usualInterval }

// pace is the interval by which we refresh.
func (t *terms) pace() time.Duration { return min(t.interval, usualInterval) }

// renew starts the session timer again.
func (d *Dialog) renew() {
	t := &d.terms
	if t.timer.stop(); len(t.local) == 0 {
		return
	}
	t.until = time.Now().Add(t.interval)
	wait := t.pace() / 2 // RFC 4028, 10: when to refresh, and when to give up on the one who should
	if !t.asks() {
		wait = t.interval - min(giveUp, t.interval/3)
	}
	t.timer = d.after(wait)
}

// due handles the session timer.
func (d *Dialog) due() {
	d.terms.timer = nil
	if d.terms.asks() && time.Now().Before(d.terms.until) {
		d.Refresh()
		return
	}
	d.lose(ErrExpired)
}

// Refresh asks the peer whether the session still stands, by an UPDATE, or a re-INVITE that changes nothing where the peer
// takes no UPDATE (RFC 4028, 7.4): it answers, or Lost follows. While another INVITE is in progress, that one will tell. The owner need not call it but when it has
// reason to doubt, after [Dialog.Redirect] above all.
func (d *Dialog) Refresh() {
	if d.state != up {
		return
	}
	if d.terms.asks() {
		d.later()
	}
	if d.idle() {
		d.again(d.terms.updates)
	}
}

// idle says that no offer is under way, and that there is one to repeat.
func (d *Dialog) idle() bool { return d.out == nil && d.in == nil && len(d.terms.local) > 0 }

// again offers what both have agreed on, by an UPDATE or a re-INVITE.
func (d *Dialog) again(update bool) {
	d.out = &outgoing{sdp: d.terms.local, refresh: true, update: update, limit: 1, abandon: func() {}}
	d.offerNext()
}

// later sets the session timer for another try, well before the session expires. A success will set it anew.
func (d *Dialog) later() {
	d.terms.timer.stop()
	d.terms.timer = d.after(d.terms.pace() / 4)
}

// refreshed handles the 2xx of a refresh. A description that says something new is the owner's to look at.
func (d *Dialog) refreshed(body []byte) {
	if len(body) > 0 && !bytes.Equal(body, d.terms.remote) {
		d.terms.remote = body
		d.emit(Described{SDP: body})
	}
}

// unrefreshed handles a refusal of our refresh. The peer lives; if it insists on its timer, it will hang up by itself.
func (d *Dialog) unrefreshed() {
	d.terms.until = time.Now().Add(d.terms.interval)
}

// restated says whether an offer changes nothing: the peer refreshes the session, or wants to be sure.
func (d *Dialog) restated(offer []byte) bool {
	return len(offer) > 0 && len(d.terms.local) > 0 && bytes.Equal(offer, d.terms.remote)
}

// stretch tries again with the interval that a 422 asks for (RFC 4028, 7.3), and says whether it did.
func (d *Dialog) stretch(res *Response) bool {
	least := minSE(res)
	if res.StatusCode != 422 || d.state == ending || d.out.tries >= maxTries || least <= max(d.terms.wanted(), d.terms.least) {
		return false
	}
	d.terms.least = least
	d.out.challenged = 0 // a request of its own
	if d.out.update {
		d.update()
	} else {
		d.invite()
	}
	return true
}

// brief is the refusal of a session interval that is too short for us.
func brief() (code int, reason string, extra []Header) {
	return 422, "Session Interval Too Small", []Header{NewHeader("Min-SE", fmt.Sprint(int(leastInterval/time.Second)))}
}
