package sip

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
)

// bench is the network and the mailbox of one dialog: it keeps what is sent and delivers what the test gives it, in any
// order.
type bench struct {
	t    *testing.T
	d    *Dialog
	sent []*Request
	mu   sync.Mutex
	box  []Input
	past []Event
	lost bool // the stream is gone
}

func (b *bench) request(_ *Dialog, req *Request) func() {
	b.via(req)
	b.sent = append(b.sent, req)
	if b.lost {
		b.post(b.d, failed{req: req, err: sip.ErrTransactionTransport})
	}
	return func() {}
}

func (b *bench) write(ack *Request) error {
	b.via(ack)
	b.sent = append(b.sent, ack)
	return nil
}

func (b *bench) via(req *Request) {
	if req.Via() == nil {
		via := &sip.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: UDP, Host: "near", Port: 5060}
		via.Params.Add("branch", sip.GenerateBranch())
		req.PrependHeader(via)
	}
}

func (b *bench) post(_ *Dialog, in Input) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.box = append(b.box, in)
}

func (b *bench) next() Input {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.box) == 0 {
		return nil
	}
	in := b.box[0]
	b.box = b.box[1:]
	return in
}

func (b *bench) local(Peer) (string, int)    { return "near", 5060 }
func (b *bench) forget(*Dialog)              {}
func (b *bench) own(_ *Dialog, _ Input) bool { return true }

// take returns what happened, having handled all that was posted.
func (b *bench) take(inputs ...Input) string {
	for _, in := range inputs {
		b.post(b.d, in)
	}
	var all []string
	for in := b.next(); in != nil; in = b.next() {
		for _, e := range b.d.Handle(in) {
			all = append(all, strings.TrimPrefix(fmt.Sprintf("%T", e), "sip."))
			b.past = append(b.past, e)
		}
	}
	return strings.Join(all, " ")
}

func (b *bench) want(want string, inputs ...Input) {
	b.t.Helper()
	if got := b.take(inputs...); got != want {
		b.t.Errorf("events %q, want %q", got, want)
	}
}

// wantSent checks the methods sent since the last time.
func (b *bench) wantSent(want string) []*Request {
	b.t.Helper()
	var methods []string
	for _, r := range b.sent {
		methods = append(methods, string(r.Method))
	}
	if got := strings.Join(methods, " "); got != want {
		b.t.Errorf("sent %q, want %q", got, want)
	}
	sent := b.sent
	b.sent = nil
	return sent
}

// ticks lets time pass and handles what the timers say.
func (b *bench) ticks(d time.Duration) string { return b.ticksOf(100*time.Millisecond, d) }

func (b *bench) ticksOf(step, d time.Duration) string {
	end := time.Now().Add(d)
	var all []string
	for time.Now().Before(end) {
		<-time.After(step)
		synctest.Wait()
		if s := b.take(); s != "" {
			all = append(all, s)
		}
	}
	return strings.Join(all, " ")
}

// transaction records the responses to one request.
type transaction struct {
	b       *bench
	codes   []int
	last    *Response
	dropped bool
}

func (x *transaction) respond(res *Response) error {
	x.codes, x.last = append(x.codes, res.StatusCode), res
	return nil
}
func (x *transaction) drop()         { x.dropped = true }
func (x *transaction) redirect(Peer) {}

func (x *transaction) want(codes ...int) {
	x.b.t.Helper()
	if !slices.Equal(x.codes, codes) {
		x.b.t.Errorf("responses %v, want %v", x.codes, codes)
	}
}

const peerAddr = "192.0.2.7:5060"

// theirs is a request of the peer.
func (b *bench) theirs(method sip.RequestMethod, seq uint32, body string) (Input, *transaction) {
	req := sip.NewRequest(method, URI{Scheme: "sip", User: "us", Host: "near"})
	from := &sip.FromHeader{Address: URI{Scheme: "sip", User: "them", Host: "far"}}
	from.Params.Add("tag", "theirs")
	to := &sip.ToHeader{Address: URI{Scheme: "sip", User: "us", Host: "near"}}
	to.Params.Add("tag", "ours")
	if b.d != nil {
		to.Params.Add("tag", b.d.local.tag)
	}
	id := sip.CallIDHeader("call")
	via := &sip.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: UDP, Host: "far", Port: 5060}
	via.Params.Add("branch", sip.GenerateBranch())
	for _, h := range []Header{via, from, to, &id, &sip.CSeqHeader{SeqNo: seq, MethodName: method},
		&sip.ContactHeader{Address: URI{Scheme: "sip", User: "them", Host: "far", Port: int(seq)}}} {
		req.AppendHeader(h)
	}
	if method == sip.INFO {
		req.AppendHeader(NewHeader("Content-Type", "application/dtmf-relay"))
	}
	req.SetBody([]byte(body))
	req.SetTransport(UDP)
	req.SetSource(peerAddr)
	x := &transaction{b: b}
	return arrived{req: req, tx: x, at: time.Now()}, x
}

// replyTo is the peer's response to a request of ours.
func replyTo(req *Request, code int, tag, body string, headers ...Header) Input {
	res := sip.NewResponseFromRequest(req, code, "Reason", nil)
	res.To().Params.Add("tag", tag)
	for _, h := range headers {
		res.AppendHeader(h)
	}
	res.AppendHeader(&sip.ContactHeader{Address: URI{Scheme: "sip", User: "them", Host: "far", Port: 7}})
	res.SetBody([]byte(body))
	return answered{res: res, at: time.Now()}
}

// incomingCall returns a dialog that has just been invited, with the transaction of its INVITE.
func incomingCall(t *testing.T) (*bench, *transaction) {
	b := &bench{t: t}
	in, x := b.theirs(sip.INVITE, 1, "offer")
	b.d = newIncoming(b, b, in.(arrived).req, x, time.Now())
	b.d.SetOwner(b.own)
	x.want(100)
	x.codes = nil
	return b, x
}

// outgoingCall returns a dialog that has just sent its INVITE.
func outgoingCall(t *testing.T) (*bench, *Request) {
	b := &bench{t: t}
	b.d = newOutgoing(b, b, "near", InviteParams{
		To: URI{Scheme: "sip", User: "1001", Host: "far"}, CallID: "call", Owner: b.own,
		Peer: Peer{UDP, netip.MustParseAddrPort(peerAddr)},
	})
	b.d.Invite([]byte("offer"))
	return b, b.wantSent("INVITE")[0]
}

// connected returns an answered outgoing call, whose peer is "theirs".
func connected(t *testing.T) *bench {
	b, invite := outgoingCall(t)
	b.want("Answered", replyTo(invite, 200, "theirs", "answer"))
	b.wantSent("ACK")
	return b
}

func TestProvisionalAfterFinalIsIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, invite := outgoingCall(t)
		b.want("Answered", replyTo(invite, 200, "theirs", "answer"))
		b.want("", replyTo(invite, 180, "theirs", ""))
		b.d.Bye(Cause{})
		bye := b.wantSent("ACK BYE")[1]
		b.want("Closed", replyTo(bye, 200, "theirs", ""))
	})
}

func TestCancelWaitsForProvisional(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, invite := outgoingCall(t)
		b.d.Cancel(Cause{SIP: 200, Text: "Call completed elsewhere"})
		b.wantSent("")
		b.want("", replyTo(invite, 100, "", ""))
		cancel := b.wantSent("CANCEL")[0]
		if branch(cancel) != branch(invite) || cancel.CSeq().SeqNo != invite.CSeq().SeqNo {
			t.Error("the CANCEL does not name its INVITE")
		}
		if got := value(cancel, "Reason"); got != `SIP;cause=200;text="Call completed elsewhere"` {
			t.Errorf("Reason %q", got)
		}
		b.want("", replyTo(cancel, 200, "theirs", ""), replyTo(invite, 180, "theirs", ""))
		b.want("Closed", replyTo(invite, 487, "theirs", ""))
		b.wantSent("")
	})
}

func TestAnswerCrossesCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, invite := outgoingCall(t)
		b.want("Progress", replyTo(invite, 180, "theirs", ""))
		b.d.Cancel(Cause{Q850: 16})
		b.wantSent("CANCEL")
		b.want("", replyTo(invite, 200, "theirs", "answer"))
		sent := b.wantSent("ACK BYE")
		b.want("Closed", replyTo(sent[1], 200, "theirs", ""))
	})
}

func TestCancelledInviteWithoutFinalResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, invite := outgoingCall(t)
		b.want("Progress", replyTo(invite, 180, "theirs", ""))
		b.d.Cancel(Cause{})
		if got := b.ticks(giveUp + time.Second); got != "Closed" {
			t.Errorf("events %q", got)
		}
	})
}

func TestCopiesOfTheAnswerAreAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, invite := outgoingCall(t)
		ok := replyTo(invite, 200, "theirs", "answer")
		b.want("Answered", ok, ok, ok)
		acks := b.wantSent("ACK ACK ACK")
		if branch(acks[0]) == branch(invite) {
			t.Error("the ACK of a 2xx is a transaction of its own (RFC 3261, 13.2.2.4)")
		}
		if acks[0].Recipient.Port != 7 {
			t.Errorf("the ACK goes to %s, not to the Contact of the 200", acks[0].Recipient.String())
		}
	})
}

func TestSecondDeviceThatAnswersIsHungUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, invite := outgoingCall(t)
		b.want("Answered", replyTo(invite, 200, "theirs", "answer"), replyTo(invite, 200, "other", "answer"))
		sent := b.wantSent("ACK ACK BYE")
		if tag(sent[1].To().Params) != "other" || tag(sent[2].To().Params) != "other" {
			t.Error("the other device was not the one told")
		}
		b.d.Bye(Cause{})
		if bye := b.wantSent("BYE")[0]; tag(bye.To().Params) != "theirs" {
			t.Error("the call itself has changed its peer")
		}
	})
}

func TestRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, invite := outgoingCall(t)
		b.want("Refused Closed", replyTo(invite, 486, "theirs", "",
			NewHeader(HeaderRefusal, "busy"), NewHeader("Reason", `Q.850;cause=17;text="User busy"`)))
		want := Refused{Code: 486, Reason: "Reason", Refusal: "busy", Cause: Cause{Q850: 17, Text: "User busy"}}
		if b.past[0] != want {
			t.Errorf("%+v, want %+v", b.past[0], want)
		}
	})
}

func TestUnreachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, invite := outgoingCall(t)
		b.want("Lost Closed", failed{req: invite, err: ErrTimeout})
		b, _ = outgoingCall(t)
		b.d.Cancel(Cause{})
		b.want("Closed", failed{req: b.d.request, err: ErrTimeout})
	})
}

func TestChallengeIsAnsweredOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, invite := outgoingCall(t)
		b.d.extra.creds = &Credentials{User: "1001", Password: "secret"}
		asks := NewHeader("WWW-Authenticate", `Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth"`)
		b.want("", replyTo(invite, 401, "theirs", "", asks))
		second := b.wantSent("INVITE")[0]
		if second.CSeq().SeqNo != invite.CSeq().SeqNo+1 || branch(second) == branch(invite) || value(second, "Authorization") == "" {
			t.Errorf("second try:\n%s", second)
		}
		b.want("Refused Closed", replyTo(second, 401, "theirs", "", asks))
	})
}

// TestChallengedBye shows the password to who asks for it at the end of a call, once, and keeps the reason.
func TestChallengedBye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, code := range []int{401, 407} {
			ask, reply := "WWW-Authenticate", "Authorization"
			if code == 407 {
				ask, reply = "Proxy-Authenticate", "Proxy-Authorization"
			}
			asks := NewHeader(ask, `Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth"`)
			b := connected(t)
			b.d.extra.creds = &Credentials{User: "1001", Password: "secret"}
			b.d.Bye(Cause{Q850: 16})
			first := b.wantSent("BYE")[0]
			b.want("", replyTo(first, code, "theirs", "", asks))
			second := b.wantSent("BYE")[0]
			if second.CSeq().SeqNo != first.CSeq().SeqNo+1 || value(second, reply) == "" || value(second, "Reason") != value(first, "Reason") {
				t.Errorf("second try:\n%s", second)
			}
			b.want("Closed", replyTo(second, code, "theirs", "", asks))
		}
		b := connected(t) // without a password
		b.d.Bye(Cause{})
		b.want("Closed", replyTo(b.wantSent("BYE")[0], 401, "theirs", ""))
	})
}

func TestAnswerIsRepeatedUntilAck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, x := incomingCall(t)
		b.d.Progress(180, "Ringing")
		b.d.Answer([]byte("answer"))
		b.ticks(3600 * time.Millisecond) // T1, then 2*T1, then 4*T1 later
		x.want(180, 200, 200, 200, 200)
		ack, _ := b.theirs(sip.ACK, 1, "")
		b.want("Acked", ack)
		b.want("", ack)
		if got := b.ticks(time.Minute); got != "" {
			t.Errorf("events %q", got)
		}
		x.want(180, 200, 200, 200, 200)
	})
}

func TestAnswerWithoutAckIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, x := incomingCall(t)
		b.d.Answer([]byte("answer"))
		if got := b.ticks(giveUp + t2); got != "Lost" {
			t.Errorf("events %q", got)
		}
		if n := len(x.codes); n < 10 || n > 12 { // RFC 3261, 13.3.1.4: 0.5, 1, 2, 4, 4, ... up to 32 s
			t.Errorf("the 200 was sent %d times", n)
		}
		bye := b.wantSent("BYE")[0]
		b.want("Closed", failed{req: bye, err: ErrTimeout})
	})
}

func TestByeBeforeAck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, x := incomingCall(t)
		b.d.Answer([]byte("answer"))
		bye, y := b.theirs(sip.BYE, 2, "")
		b.want("HungUp Closed", bye)
		y.want(200)
		ack, _ := b.theirs(sip.ACK, 1, "")
		b.want("", ack)
		b.ticks(time.Minute)
		x.want(200)
	})
}

func TestHangUpBeforeAckWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := incomingCall(t)
		b.d.Answer([]byte("answer"))
		b.d.Bye(Cause{Q850: 16})
		b.wantSent("") // RFC 3261, 15
		ack, _ := b.theirs(sip.ACK, 1, "")
		b.want("", ack)
		bye := b.wantSent("BYE")[0]
		b.want("Closed", replyTo(bye, 200, "theirs", ""))

		b, _ = incomingCall(t)
		b.d.Answer([]byte("answer"))
		b.d.Bye(Cause{Q850: 16})
		theirs, x := b.theirs(sip.BYE, 2, "")
		b.want("Closed", theirs)
		x.want(200)
	})
}

func TestByesCross(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := connected(t)
		b.d.Bye(Cause{})
		ours := b.wantSent("BYE")[0]
		theirs, x := b.theirs(sip.BYE, 1, "")
		b.want("", theirs)
		x.want(200)
		b.want("Closed", replyTo(ours, 481, "theirs", ""))
	})
}

func TestCancelAndAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, x := incomingCall(t)
		cancel, y := b.theirs(sip.CANCEL, 1, "")
		cancel.(arrived).req.AppendHeader(NewHeader("Reason", "SIP;cause=200"))
		b.want("Cancelled Closed", cancel)
		b.d.Answer([]byte("too late"))
		x.want(487)
		y.want(200)
		if b.past[0] != (Cancelled{Cause: Cause{SIP: 200}}) {
			t.Errorf("%+v", b.past[0])
		}

		b, x = incomingCall(t)
		b.d.Answer([]byte("answer"))
		cancel, y = b.theirs(sip.CANCEL, 1, "")
		b.want("", cancel)
		x.want(200)
		y.want(200) // RFC 3261, 9.2: the CANCEL has no effect
	})
}

func TestByeOfAnEarlyDialog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, x := incomingCall(t)
		b.d.Progress(180, "Ringing")
		bye, y := b.theirs(sip.BYE, 2, "")
		b.want("HungUp Closed", bye)
		x.want(180, 487)
		y.want(200)
	})
}

func TestStreamGoneBeforeTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, x := incomingCall(t)
		b.want("Lost Closed", dropped{tx: x, err: errors.New("gone")})
		b.d.Answer(nil)
		x.want()
	})
}

func TestSequenceNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, x := incomingCall(t)
		b.d.Answer([]byte("answer"))
		again, y := b.theirs(sip.INVITE, 1, "offer")
		again.(arrived).req.Via().Params.Add("branch", branch(b.d.Request()))
		b.want("", again)
		if !y.dropped {
			t.Error("a copy of the INVITE was not ignored")
		}
		ack, _ := b.theirs(sip.ACK, 1, "")
		b.want("Acked", ack)
		x.want(200)
		five, _ := b.theirs(sip.INFO, 5, "Signal=5\r\nDuration=100\r\n")
		b.want("DTMF", five)
		late, y := b.theirs(sip.INFO, 4, "Signal=4\r\n")
		b.want("", late)
		y.want(500)
		offer, y := b.theirs(sip.INVITE, 6, "another offer")
		b.want("Offered", offer)
		b.d.RefuseOffer(488, "Not Acceptable Here")
		y.want(488)
		for _, seq := range []uint32{6, 5} { // of the number of the one that was refused, and lower
			other, y := b.theirs(sip.INVITE, seq, "another offer")
			b.want("", other)
			y.want(500)
		}
		copied, y := b.theirs(sip.INVITE, 6, "another offer")
		copied.(arrived).req.Via().Params.Add("branch", branch(offer.(arrived).req))
		b.want("", copied)
		if !y.dropped {
			t.Error("a copy of a re-INVITE was not ignored")
		}
		stranger, y := b.theirs(sip.BYE, 9, "")
		stranger.(arrived).req.From().Params.Add("tag", "stranger")
		b.want("", stranger)
		y.want(481)
	})
}

func TestGlare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := connected(t)
		b.d.Reoffer([]byte("hold"))
		ours := b.wantSent("INVITE")[0]
		theirs, x := b.theirs(sip.INVITE, 5, "theirs")
		b.want("", theirs)
		x.want(491)
		b.want("", replyTo(ours, 491, "theirs", ""))
		b.wantSent("")
		theirs, x = b.theirs(sip.INVITE, 6, "theirs") // while we wait, theirs goes first
		b.want("Offered", theirs)
		b.ticks(5 * time.Second)
		b.wantSent("")
		b.d.AcceptOffer([]byte("answer"))
		ack, _ := b.theirs(sip.ACK, 6, "")
		b.want("Acked", ack)
		again := b.wantSent("INVITE")[0]
		if string(again.Body()) != "hold" || again.CSeq().SeqNo != ours.CSeq().SeqNo+1 {
			t.Errorf("the second try is\n%s", again)
		}
		b.want("OfferAccepted", replyTo(again, 200, "theirs", "held"))
		b.wantSent("ACK")
		x.want(200)
	})
}

func TestGlareOfAnOfferThatIsPassedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := connected(t)
		b.d.PassOffer([]byte("hold"))
		b.want("OfferRefused", replyTo(b.wantSent("INVITE")[0], 491, "theirs", ""))
		b.ticks(5 * time.Second)
		b.wantSent("")
		theirs, _ := b.theirs(sip.INVITE, 5, "theirs")
		b.want("Offered", theirs)
	})
}

func TestOfferWhileInviteIsPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := connected(t)
		first, x := b.theirs(sip.INVITE, 5, "one")
		b.want("Offered", first)
		second, y := b.theirs(sip.INVITE, 6, "two")
		b.want("", second)
		y.want(500)
		if value(y.last, "Retry-After") == "" {
			t.Error("no Retry-After")
		}
		b.d.Reoffer([]byte("ours")) // waits for its turn
		b.wantSent("")
		cancel, z := b.theirs(sip.CANCEL, 5, "")
		b.want("Withdrawn", cancel)
		x.want(487)
		z.want(200)
		b.wantSent("INVITE")
		b.d.AcceptOffer([]byte("of nothing"))
		x.want(487)
	})
}

// A copy of the answer that comes while an offer of ours waits for its turn is acknowledged like any other.
func TestCopyOfTheAnswerWhileAnOfferWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, invite := outgoingCall(t)
		ok := replyTo(invite, 200, "theirs", "answer")
		b.want("Answered", ok)
		theirs, _ := b.theirs(sip.INVITE, 5, "one")
		b.want("Offered", theirs)
		b.d.Reoffer([]byte("ours"))
		b.want("", ok)
		b.wantSent("ACK ACK")
	})
}

func TestNewOfferStandsForTheLateAck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, x := incomingCall(t)
		b.d.Answer([]byte("answer"))
		offer, y := b.theirs(sip.INVITE, 2, "hold")
		b.want("Acked Offered", offer)
		ack, _ := b.theirs(sip.ACK, 1, "")
		b.want("", ack)
		b.d.AcceptOffer([]byte("held"))
		ack, _ = b.theirs(sip.ACK, 2, "")
		b.want("Acked", ack)
		x.want(200)
		y.want(200)
	})
}

func TestOfferTooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := connected(t)
		for _, o := range []string{"one", "two", "three"} {
			b.d.Reoffer([]byte(o))
		}
		first := b.wantSent("INVITE")[0]
		b.want("OfferRefused", replyTo(first, 488, "theirs", ""))
		second := b.wantSent("INVITE")[0]
		if string(second.Body()) != "three" {
			t.Errorf("offered %q, not the newest", second.Body())
		}
		b.lost = true
		b.want("OfferRefused", failed{req: second, err: sip.ErrTransactionTransport})
		b.d.Bye(Cause{})
		b.want("Closed")
	})
}

func TestPeerForgotTheDialog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := connected(t)
		b.d.Reoffer([]byte("hold"))
		b.want("Lost Closed", replyTo(b.wantSent("INVITE")[0], 481, "theirs", ""))

		b = connected(t)
		b.d.SendDTMF('5', 0)
		b.want("Lost", failed{req: b.wantSent("INFO")[0], err: ErrTimeout})
		b.want("Closed", failed{req: b.wantSent("BYE")[0], err: ErrTimeout})
	})
}

func TestDigitsWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := connected(t)
		for range maxDigits + 5 {
			b.d.SendDTMF('1', time.Second)
		}
		for range maxDigits {
			b.want("", replyTo(b.wantSent("INFO")[0], 415, "theirs", ""))
		}
		b.wantSent("")
	})
}

func TestRouteSetAndPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, invite := outgoingCall(t)
		ok := replyTo(invite, 200, "theirs", "answer").(answered)
		for _, host := range []string{"p2", "p1"} {
			ok.res.AppendHeader(&sip.RecordRouteHeader{Address: URI{Scheme: "sip", Host: host}})
		}
		b.want("Answered", ok)
		b.wantSent("ACK")
		b.d.Redirect(Peer{TCP, netip.MustParseAddrPort("192.0.2.9:1234")})
		b.d.Bye(Cause{})
		bye := b.wantSent("BYE")[0]
		if r := bye.GetHeaders("Route"); len(r) != 2 || !strings.Contains(r[0].Value(), "p1") {
			t.Errorf("route set %v", r)
		}
		if bye.Destination() != "192.0.2.9:1234" || bye.Transport() != TCP {
			t.Errorf("sent to %s %s", bye.Transport(), bye.Destination())
		}
	})
}

func TestEveryCommandInEveryState(t *testing.T) {
	commands := map[string]func(*Dialog){
		"invite": func(d *Dialog) { d.Invite(nil) }, "cancel": func(d *Dialog) { d.Cancel(Cause{}) },
		"progress": func(d *Dialog) { d.Progress(180, "Ringing") }, "answer": func(d *Dialog) { d.Answer(nil) },
		"refuse": func(d *Dialog) { d.Refuse(486, "Busy Here", Cause{}) }, "bye": func(d *Dialog) { d.Bye(Cause{}) },
		"reoffer": func(d *Dialog) { d.Reoffer(nil) }, "accept": func(d *Dialog) { d.AcceptOffer(nil) },
		"decline": func(d *Dialog) { d.RefuseOffer(488, "No") }, "dtmf": func(d *Dialog) { d.SendDTMF('1', 0) },
		"redirect": func(d *Dialog) { d.Redirect(Peer{}) }, "refresh": func(d *Dialog) { d.Refresh() },
		"ring": func(d *Dialog) { d.ProgressOffer(180, "Ringing", []byte("offer")) },
	}
	states := map[string]func(*testing.T) *bench{
		"incoming": func(t *testing.T) *bench { b, _ := incomingCall(t); return b },
		"outgoing": func(t *testing.T) *bench { b, _ := outgoingCall(t); return b },
		"fresh":    func(t *testing.T) *bench { b, _ := outgoingCall(t); b.d.state, b.d.out = fresh, nil; return b },
		"up":       connected,
		"answered": func(t *testing.T) *bench { b, _ := incomingCall(t); b.d.Answer(nil); return b },
		"offered": func(t *testing.T) *bench {
			b := connected(t)
			in, _ := b.theirs(sip.INVITE, 5, "offer")
			b.take(in)
			return b
		},
		"updated": func(t *testing.T) *bench {
			b := connected(t)
			in, _ := b.theirs(sip.UPDATE, 5, "offer")
			b.take(in)
			return b
		},
		"held up": func(t *testing.T) *bench {
			b, _ := incomingCall(t)
			b.d.ProgressOffer(180, "Ringing", []byte("offer"))
			b.d.Answer(nil)
			return b
		},
		"refreshing": func(t *testing.T) *bench { b := updating(t); b.d.Refresh(); return b },
		"ending":     func(t *testing.T) *bench { b := connected(t); b.d.Bye(Cause{}); return b },
		"over":       func(t *testing.T) *bench { b, _ := incomingCall(t); b.d.Refuse(486, "", Cause{}); b.take(); return b },
	}
	for state, start := range states {
		for first, one := range commands {
			for _, two := range commands {
				synctest.Test(t, func(t *testing.T) {
					b := start(t)
					one(b.d)
					two(b.d)
					b.d.Bye(Cause{})
					b.take()
					if out := b.d.out; out != nil && out.req != nil {
						b.take(failed{req: out.req, err: ErrTimeout})
					}
					for _, req := range b.sent {
						b.take(failed{req: req, err: ErrTimeout})
					}
					b.ticksOf(giveUp/4, 2*giveUp)
					for _, req := range b.sent {
						b.take(failed{req: req, err: ErrTimeout})
					}
					if n := slices.IndexFunc(b.past, func(e Event) bool { _, ok := e.(Closed); return ok }); b.d.state != over || state != "over" && n != len(b.past)-1 {
						t.Errorf("%s, %s: state %d, events %T", state, first, b.d.state, b.past)
					}
				})
			}
		}
	}
}
