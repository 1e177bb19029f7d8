package main

import (
	"bytes"
	"fmt"
	"net/netip"
)

// phone is an account that a phone has.
type phone struct{ user, password, number string }

// register has each phone register, or refresh its registration: CSeq grows with each pass (RFC 3261, 10.2).
type register struct {
	phones []phone
	pass   int
}

func (r register) name() string { return "register-" + r.phones[0].user }

func (r register) begin(l *load, i int) { r.send(l, i, 2*r.pass+1, "") }

func (r register) send(l *load, i, seq int, authorization string) {
	user := r.phones[i].user
	l.send(l.server, "REGISTER sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK-%d-%s-%d\r\nMax-Forwards: 70\r\n"+
		"From: <sip:%s@%s>;tag=t%d\r\nTo: <sip:%s@%s>\r\nCall-ID: %d-%s\r\nCSeq: %d REGISTER\r\nContact: <sip:%s@%s>\r\n"+
		"Expires: 3600\r\n%sContent-Length: 0\r\n\r\n",
		l.server, l.own, i, r.name(), seq, user, l.server, i, user, l.server, i, r.name(), seq, user, l.own, authorization)
}

func (r register) response(l *load, i int, m message) {
	switch code := m.code(); {
	case code == "401" && l.units[i] == sent:
		l.units[i] = authorized
		r.send(l, i, 2*r.pass+2, m.authorization(r.phones[i], "REGISTER", "sip:"+l.server.String()))
	case code == "200":
		l.finish(i)
	case code[0] != '1':
		l.refused(m)
	}
}

// call has the first half of the talkers call the second.
type call struct {
	talkers []phone
	token   string
}

func (c call) name() string { return c.token }

// parties are the caller and the callee of a unit.
func (c call) parties(i int) (from, to phone) {
	half := len(c.talkers) / 2
	return c.talkers[i%half], c.talkers[half+i%half]
}

func (c call) target(l *load, i int) string {
	_, to := c.parties(i)
	return fmt.Sprintf("sip:%s@%s", to.number, l.server)
}

func (c call) begin(l *load, i int) { c.invite(l, i, 1, "") }

func (c call) invite(l *load, i, seq int, authorization string) {
	body := description(l.own)
	c.request(l, i, "INVITE", c.target(l, i), seq, fmt.Sprintf("<%s>", c.target(l, i)), fmt.Sprintf(
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
	from, _ := c.parties(i)
	l.send(l.server, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK-%d-%s-%d-%s\r\nMax-Forwards: 70\r\n"+
		"From: <sip:%s@%s>;tag=t%d\r\nTo: %s\r\nCall-ID: %d-%s\r\nCSeq: %d %s\r\n%s",
		method, target, l.own, i, c.token, seq, branch, from.user, l.server, i, to, i, c.token, seq, method, rest)
}

const empty = "Content-Length: 0\r\n\r\n"

func (c call) response(l *load, i int, m message) {
	code, invite := m.code(), bytes.HasSuffix(m.header("CSeq"), []byte("INVITE"))
	switch {
	case code[0] == '1':
	case (code == "401" || code == "407") && l.units[i] == sent:
		l.units[i] = authorized
		c.request(l, i, "ACK", c.target(l, i), 1, string(m.header("To")), empty)
		from, _ := c.parties(i)
		c.invite(l, i, 2, m.authorization(from, "INVITE", c.target(l, i)))
	case code == "200" && invite && l.units[i] == authorized:
		l.units[i] = ending
		c.hangUp(l, i, m)
	case code == "200" && !invite:
		l.finish(i)
	case code != "200":
		l.refused(m)
	}
}

// hangUp acknowledges the answer and ends the call.
func (c call) hangUp(l *load, i int, m message) {
	contact := m.header("Contact")
	_, contact, _ = bytes.Cut(contact, []byte("<"))
	target, _, _ := bytes.Cut(contact, []byte(">"))
	rest := empty
	if route := m.header("Record-Route"); route != nil {
		rest = fmt.Sprintf("Route: %s\r\n%s", route, empty)
	}
	to := string(m.header("To"))
	c.request(l, i, "ACK", string(target), 2, to, rest)
	c.request(l, i, "BYE", string(target), 3, to, rest)
}

// callee answers what a phone is asked.
func (l *load) callee(m message, from netip.AddrPort) {
	switch {
	case bytes.HasPrefix(m, []byte("ACK ")):
	case bytes.HasPrefix(m, []byte("INVITE ")):
		echo, contact := m.echo(), fmt.Sprintf("Contact: <sip:callee@%s>\r\n", l.own)
		body := description(l.own)
		l.send(from, "SIP/2.0 180 Ringing\r\n%s%s%s", echo, contact, empty)
		l.send(from, "SIP/2.0 200 OK\r\n%s%sContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", echo, contact, len(body), body)
	default:
		l.send(from, "SIP/2.0 200 OK\r\n%s%s", m.echo(), empty)
	}
}

// description is the offer and the answer: G.711, and nobody sends any.
func description(own netip.AddrPort) string {
	return fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %[1]s\r\ns=-\r\nc=IN IP4 %[1]s\r\nt=0 0\r\nm=audio 9 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n", own.Addr())
}
