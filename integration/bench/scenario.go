package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// phone is an account that a phone has, and the server where it has it.
type phone struct {
	user, password, number string
	at                     netip.AddrPort
	contact                netip.AddrPort // where the server reaches it, if not at the load's own socket
}

// register has phones register, one after the other, and again when all have: CSeq grows with each pass (RFC 3261, 10.2).
type register struct {
	phones []phone
	pass   int // of the first unit
}

func (r register) name() string { return "register-" + r.phones[0].user }

func (r register) begin(l *load, i int) { r.send(l, i, 1, "") }

func (r register) send(l *load, i, try int, authorization string) {
	p, seq := r.phones[i%len(r.phones)], 2*(r.pass+i/len(r.phones))+try
	contact := l.own
	if p.contact.IsValid() {
		contact = p.contact
	}
	l.send(p.at, "REGISTER sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK-%d-%s-%d\r\nMax-Forwards: 70\r\n"+
		"From: <sip:%s@%s>;tag=t%d\r\nTo: <sip:%s@%s>\r\nCall-ID: %d-%s\r\nCSeq: %d REGISTER\r\nContact: <sip:%s@%s>\r\n"+
		"Expires: 3600\r\n%sContent-Length: 0\r\n\r\n",
		p.at, l.own, i, r.name(), seq, p.user, p.at, i, p.user, p.at, i, r.name(), seq, p.user, contact, authorization)
}

func (r register) response(l *load, i int, m message) {
	switch code := m.code(); {
	case l.units[i] == done, code == "401" && l.units[i] != sent:
		l.repeated(m)
	case code == "401":
		l.units[i] = authorized
		p := r.phones[i%len(r.phones)]
		r.send(l, i, 2, m.authorization(p, "REGISTER", "sip:"+p.at.String()))
	case code == "200":
		l.finish(i)
	case code[0] != '1':
		l.refused(m)
	}
}

// call has callers call callees, each the one in the same place.
type call struct {
	callers, callees []phone
	token            string
	hold             bool   // a call that is up is done
	ringing          func() // may be nil
}

func (c call) name() string { return c.token }

func (c call) caller(i int) phone { return c.callers[i%len(c.callers)] }

func (c call) target(i int) string {
	return fmt.Sprintf("sip:%s@%s", c.callees[i%len(c.callees)].number, c.caller(i).at)
}

func (c call) begin(l *load, i int) { c.invite(l, i, 1, "") }

func (c call) invite(l *load, i, seq int, authorization string) {
	body := l.audio.description(callerSide)
	c.request(l, i, "INVITE", c.target(i), seq, fmt.Sprintf("<%s>", c.target(i)), fmt.Sprintf(
		"Contact: <sip:caller@%s>\r\n%sContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s",
		l.own, authorization, len(body), body))
}

// request sends a request of a unit; rest is its further headers and its body. An ACK of a refusal has the branch of its
// INVITE (RFC 3261, 17.1.1.3).
func (c call) request(l *load, i int, method, target string, seq int, to, rest string) {
	branch := method
	if method == "ACK" && l.units[i] == authorized {
		branch = "INVITE"
	}
	from := c.caller(i)
	l.send(from.at, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK-%d-%s-%d-%s\r\nMax-Forwards: 70\r\n"+
		"From: <sip:%s@%s>;tag=t%d\r\nTo: %s\r\nCall-ID: %d-%s\r\nCSeq: %d %s\r\n%s",
		method, target, l.own, i, c.token, seq, branch, from.user, from.at, i, to, i, c.token, seq, method, rest)
}

const empty = "Content-Length: 0\r\n\r\n"

func (c call) response(l *load, i int, m message) {
	code, invite, now := m.code(), bytes.HasSuffix(m.header("CSeq"), []byte("INVITE")), l.units[i]
	switch {
	case code == "180" && now == authorized:
		l.units[i] = rang
		if c.ringing != nil {
			c.ringing()
		}
	case code[0] == '1':
	case now == done, now == ending && invite, (code == "401" || code == "407") && now != sent:
		l.repeated(m)
	case code == "401" || code == "407":
		l.units[i] = authorized
		c.request(l, i, "ACK", c.target(i), 1, string(m.header("To")), empty)
		c.invite(l, i, 2, m.authorization(c.caller(i), "INVITE", c.target(i)))
	case code == "200" && invite:
		if now != rang {
			l.got.refused["200 without 180 before it"]++
		}
		l.audio.heard(callerSide, m)
		l.units[i] = ending
		c.acknowledge(l, i, m)
	case code == "200":
		l.finish(i)
	default:
		l.refused(m)
	}
}

// acknowledge takes the answer, and ends the call if it is not to be held.
func (c call) acknowledge(l *load, i int, m message) {
	c.within(l, i, "ACK", 2, m)
	if c.hold {
		l.finish(i)
		return
	}
	c.end(l, i, m)
}

// end ends the call that an answer began.
func (c call) end(l *load, i int, answer message) { c.within(l, i, "BYE", 3, answer) }

// within sends a request of the dialog that an answer began.
func (c call) within(l *load, i int, method string, seq int, answer message) {
	_, contact, _ := bytes.Cut(answer.header("Contact"), []byte("<"))
	target, _, _ := bytes.Cut(contact, []byte(">"))
	c.request(l, i, method, string(target), seq, string(answer.header("To")), answer.route()+empty)
}

// route is the Route headers of a caller's requests within a dialog: the other way round (RFC 3261, 12.1.2).
func (m message) route() (headers string) {
	for name, value := range m.lines() {
		if strings.EqualFold(name, "Record-Route") {
			headers = fmt.Sprintf("Route: %s\r\n%s", value, headers)
		}
	}
	return headers
}

// callee answers what a phone is asked.
func (l *load) callee(m message, from netip.AddrPort) {
	if bytes.HasPrefix(m, []byte("ACK ")) {
		return
	}
	id := string(m.header("Via")) + string(m.header("CSeq"))
	again := l.asked[id]
	l.asked[id] = true
	if again {
		l.repeated(m)
	}
	if l.notified != nil && !again && bytes.HasPrefix(m, []byte("NOTIFY ")) {
		l.notified(m)
	}
	if !bytes.HasPrefix(m, []byte("INVITE ")) {
		l.send(from, "SIP/2.0 200 OK\r\n%s%s", m.echo(), empty)
		return
	}
	if !again {
		l.audio.heard(calleeSide, m)
		if l.called != nil {
			l.called()
		}
	}
	head := m.echo() + fmt.Sprintf("Contact: <sip:callee@%s>\r\n", l.own)
	l.send(from, "SIP/2.0 180 Ringing\r\n%s%s", head, empty)
	l.answers = append(l.answers, answer{time.Now().Add(ringTime), from, head})
}

// answer is a 200 that is to come.
type answer struct {
	due  time.Time
	to   netip.AddrPort
	head string
}

// answer has callees answer who have rung long enough.
func (l *load) answer(now time.Time) {
	for len(l.answers) > 0 && !now.Before(l.answers[0].due) {
		a, body := l.answers[0], l.audio.description(calleeSide)
		l.answers = l.answers[1:]
		l.send(a.to, "SIP/2.0 200 OK\r\n%sContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", a.head, len(body), body)
	}
}

// Sides of a call.
const callerSide, calleeSide = 0, 1

// audio is where the audio of calls is: G.711, at one socket for all callers and one for all callees.
type audio struct {
	here  netip.Addr
	ports [2]uint16           // of the sides; 0: nobody listens, the discard port is named
	at    [2][]netip.AddrPort // where each side is to send, a call each
}

// description is the offer or the answer of a side.
func (a audio) description(side int) string {
	const discard = 9
	port := a.ports[side]
	if port == 0 {
		port = discard
	}
	return fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %[1]s\r\ns=-\r\nc=IN IP4 %[1]s\r\nt=0 0\r\nm=audio %[2]d RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n",
		a.here, port)
}

// heard notes where a side is to send, from a message with a description; one without is none of a call that is measured.
func (a *audio) heard(side int, text []byte) {
	address, okAddress := between(text, "\nc=IN IP4 ", "\r")
	number, okPort := between(text, "\nm=audio ", " ")
	addr, errAddr := netip.ParseAddr(address)
	port, errPort := strconv.ParseUint(number, 10, 16)
	if okAddress && okPort && errAddr == nil && errPort == nil {
		a.at[side] = append(a.at[side], netip.AddrPortFrom(addr, uint16(port)))
	}
}

// between is what follows the first left of a text, up to right.
func between(text []byte, left, right string) (string, bool) {
	_, rest, found := bytes.Cut(text, []byte(left))
	value, _, ended := bytes.Cut(rest, []byte(right))
	return string(value), found && ended
}
