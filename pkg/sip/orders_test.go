package sip

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// peer is a phone that writes what it likes, in whatever order, to an endpoint on UDP.
type peer struct {
	t      *testing.T
	c      net.Conn
	callID string
	to     string // To, with the tag once there is one
}

// send writes a request of the call. The branch names its transaction.
func (p *peer) send(method string, seq int, branch, body string) {
	p.t.Helper()
	kind := ""
	if body != "" {
		kind = "Content-Type: application/sdp\r\n"
	}
	if _, err := fmt.Fprintf(p.c, "%s sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK%s\r\nFrom: <sip:a@example.com>;tag=1\r\n"+
		"To: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\nContact: <sip:a@192.0.2.1>\r\nMax-Forwards: 70\r\n%sContent-Length: %d\r\n\r\n%s",
		method, branch, p.to, p.callID, seq, method, kind, len(body), body); err != nil {
		p.t.Fatal(err)
	}
}

// await returns the next message that begins with want and whose CSeq is cseq; copies and others are passed over.
func (p *peer) await(want, cseq string) string {
	p.t.Helper()
	if err := p.c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		p.t.Fatal(err)
	}
	b := make([]byte, 64<<10)
	for {
		n, err := p.c.Read(b)
		if err != nil {
			p.t.Fatalf("no %q (%s): %v", want, cseq, err)
		}
		text := string(b[:n])
		if strings.HasPrefix(text, want) && strings.Contains(text, "CSeq: "+cseq+"\r\n") {
			return text
		}
	}
}

// answer responds to a request of the endpoint.
func (p *peer) answer(request, status string) {
	p.t.Helper()
	var kept []string
	for line := range strings.SplitSeq(request, "\r\n") {
		for _, name := range []string{"Via:", "From:", "To:", "Call-ID:", "CSeq:"} {
			if strings.HasPrefix(line, name) {
				kept = append(kept, line)
			}
		}
	}
	if _, err := fmt.Fprintf(p.c, "SIP/2.0 %s\r\n%s\r\nContent-Length: 0\r\n\r\n", status, strings.Join(kept, "\r\n")); err != nil {
		p.t.Fatal(err)
	}
}

// talking is a call of a peer that the endpoint has answered and that has not been acknowledged yet.
func talking(t *testing.T) (*peer, *party) {
	t.Helper()
	callee := newParty(t)
	_, udp, _ := entry(t, handler{invite: func(d *Dialog) {
		callee.d = d
		d.SetOwner(callee.own)
		callee.do(func(d *Dialog) { d.Answer([]byte("answer")) })
	}})
	p := &peer{t: t, c: udp.Conn, callID: rand16(), to: "<sip:b@example.com>"}
	p.send("INVITE", 1, "first", "offer")
	_, to, _ := strings.Cut(p.await("SIP/2.0 200", "1 INVITE"), "\r\nTo: ")
	p.to, _, _ = strings.Cut(to, "\r\n")
	return p, callee
}

// Offers overlap (RFC 3261, 14.2; RFC 3311, 5.2), their ACK is lost or late, and copies come between.
func TestOffersInOddOrders(t *testing.T) {
	p, callee := talking(t)
	p.send("INVITE", 2, "second", "hold") // stands for the ACK, which was lost
	callee.expect(Acked{})
	callee.expect(Offered{SDP: []byte("hold")})
	p.send("INVITE", 3, "overlap", "more")
	if text := p.await("SIP/2.0 500", "3 INVITE"); !strings.Contains(text, "Retry-After: ") {
		t.Errorf("refused without Retry-After:\n%s", text)
	}
	p.send("ACK", 3, "overlap", "")
	p.send("UPDATE", 4, "update", "more")
	p.await("SIP/2.0 500", "4 UPDATE")
	p.send("INVITE", 2, "second", "hold") // a copy
	p.send("ACK", 1, "late", "")
	p.send("UPDATE", 3, "old", "")
	p.await("SIP/2.0 500", "3 UPDATE") // RFC 3261, 12.2.2
	callee.do(func(d *Dialog) { d.AcceptOffer([]byte("held")) })
	if text := p.await("SIP/2.0 200", "2 INVITE"); !strings.HasSuffix(text, "held") {
		t.Errorf("answered\n%s", text)
	}
	p.send("BYE", 5, "bye", "") // overtakes the ACK
	p.await("SIP/2.0 200", "5 BYE")
	callee.expect(HungUp{})
	callee.expect(Closed{})
	p.send("ACK", 2, "acknowledged", "")
	p.send("BYE", 6, "again", "")
	p.await("SIP/2.0 481", "6 BYE")
}

// Both sides offer at once: each refuses the other's with 491, and may be tried again (RFC 3261, 14.1).
func TestGlareOnTheWire(t *testing.T) {
	p, callee := talking(t)
	p.send("ACK", 1, "ack", "")
	callee.expect(Acked{})
	callee.do(func(d *Dialog) { d.Reoffer([]byte("ours")) })
	ours := p.await("INVITE", "1 INVITE")
	p.send("INVITE", 2, "theirs", "theirs")
	p.await("SIP/2.0 491", "2 INVITE")
	p.send("ACK", 2, "theirs", "")
	p.send("UPDATE", 3, "update", "theirs")
	p.await("SIP/2.0 491", "3 UPDATE")
	p.answer(ours, "491 Request Pending")
	p.await("ACK", "1 ACK")
	again := p.await("INVITE", "2 INVITE") // within two seconds: the Call-ID is the peer's
	p.answer(again, "488 Not Acceptable Here")
	callee.expect(OfferRefused{Code: 488})
	p.send("BYE", 4, "bye", "")
	callee.expect(HungUp{})
}

func TestWaitAfterGlare(t *testing.T) {
	for range 1000 {
		if w := (&Dialog{uac: true}).glare(); w < 2100*time.Millisecond || w > 4*time.Second || w%(10*time.Millisecond) != 0 {
			t.Fatalf("the owner of the Call-ID waits %v", w)
		}
		if w := (&Dialog{}).glare(); w < 0 || w > 2*time.Second || w%(10*time.Millisecond) != 0 {
			t.Fatalf("the other side waits %v", w)
		}
	}
}

// A call of ours that is sent back to us goes in circles.
func TestLoop(t *testing.T) {
	invited := 0
	e, udp, _ := entry(t, handler{invite: func(d *Dialog) { invited++; d.Refuse(486, "Busy Here", Cause{}) }})
	caller := newParty(t)
	caller.d = e.NewDialog(InviteParams{To: URI{Scheme: "sip", User: "b", Host: "example.com"}, Peer: Peer{UDP, netip.MustParseAddrPort(udp.LocalAddr().String())}, Owner: caller.own})
	caller.do(func(d *Dialog) { d.Invite([]byte("offer")) })
	p := &peer{t: t, c: udp.Conn}
	invite := p.await("INVITE", "1 INVITE")
	if _, err := udp.Write([]byte(strings.Replace(invite, "\r\nVia: ", "\r\nVia: SIP/2.0/UDP 192.0.2.1;rport;branch=z9hG4bKproxy\r\nVia: ", 1))); err != nil {
		t.Fatal(err)
	}
	p.await("SIP/2.0 482", "1 INVITE")
	p.answer(invite, "486 Busy Here")
	caller.expect(Refused{})
	if invited > 0 {
		t.Error("the handler was asked")
	}
}
