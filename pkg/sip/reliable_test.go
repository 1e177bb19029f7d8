package sip

import (
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
)

// prack is the caller's PRACK of a reliable response.
func (b *bench) prack(seq uint32, res *Response, answer string) (Input, *transaction) {
	in, x := b.theirs(sip.PRACK, seq, answer)
	cseq := res.CSeq()
	in.(arrived).req.AppendHeader(NewHeader("RAck", fmt.Sprintf("%s %d %s", value(res, "RSeq"), cseq.SeqNo, cseq.MethodName)))
	return in, x
}

// reliably is the peer's reliable response to our INVITE.
func reliably(invite *Request, code int, tag string, rseq int, sdp string) Input {
	return replyTo(invite, code, tag, sdp, NewHeader("Require", "100rel"), NewHeader("RSeq", strconv.Itoa(rseq)))
}

func TestReliableRinging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, x := invited(t, NewHeader("Require", "100rel"))
		b.d.Progress(180, "Ringing")
		b.d.Progress(182, "Queued") // waits for the PRACK; the newest takes its place
		b.d.Progress(183, "Session Progress")
		b.ticks(4 * time.Second) // T1, 2*T1, 4*T1, ...
		x.want(180, 180, 180, 180)
		first := x.last
		if value(first, "Require") != "100rel" || first.Contact() == nil {
			t.Errorf("rings with\n%s", first)
		}
		wrong, y := b.theirs(sip.PRACK, 2, "")
		wrong.(arrived).req.AppendHeader(NewHeader("RAck", "1 1 INVITE"))
		b.want("", wrong)
		y.want(481)
		right, y := b.prack(3, first, "")
		b.want("", right)
		y.want(200)
		x.want(180, 180, 180, 180, 183)
		if was, is := value(first, "RSeq"), value(x.last, "RSeq"); atoi(is) != atoi(was)+1 {
			t.Errorf("RSeq %s, then %s", was, is)
		}
		b.d.Answer([]byte("answer")) // without a description in it, the 183 holds nothing up
		again, y := b.prack(4, first, "")
		b.want("", again)
		y.want(481)
		late, y := b.prack(5, x.last, "") // x.last is the 200 now: no RSeq
		b.want("", late)
		y.want(481)
		b.ticks(time.Second)
		if x.codes[5] != 200 || x.codes[len(x.codes)-1] != 200 {
			t.Errorf("responses %v: a provisional one after the final", x.codes)
		}
	})
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

func TestPrackAfterTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, x := invited(t, NewHeader("Require", "100rel"))
		b.d.Progress(180, "Ringing")
		ringing, late := x.last, ticked{timer: b.d.rel.timer}
		b.d.Answer([]byte("answer"))
		b.want("", late) // the timer ran out just before
		prack, y := b.prack(2, ringing, "")
		b.want("", prack)
		y.want(200)
		ack, _ := b.theirs(sip.ACK, 1, "")
		b.want("Acked", ack)
		b.ticks(time.Minute)
		x.want(180, 200)
	})
}

func TestNobodyAcknowledgesTheRinging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, x := invited(t, NewHeader("Require", "100rel"))
		b.d.Progress(180, "Ringing")
		if got := b.ticks(giveUp + time.Second); got != "Lost Closed" {
			t.Errorf("events %q", got)
		}
		if n := len(x.codes); x.codes[n-1] != 504 || n != 8 { // at 0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5 s, and the last
			t.Errorf("responses %v", x.codes)
		}
	})
}

func TestCancelWhileTheRingingWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, x := invited(t, NewHeader("Require", "100rel"))
		b.d.Progress(180, "Ringing")
		ringing := x.last
		cancel, y := b.theirs(sip.CANCEL, 1, "")
		b.want("Cancelled Closed", cancel)
		y.want(200)
		prack, y := b.prack(2, ringing, "")
		b.want("", prack)
		y.want(481)
		b.ticks(time.Minute)
		x.want(180, 487)
	})
}

// RFC 3262, 5: the offer of an INVITE without one comes with the ringing, and the 200 waits for the answer.
func TestOfferInTheRinging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t}
		in, x := b.theirs(sip.INVITE, 1, "")
		in.(arrived).req.AppendHeader(NewHeader("Supported", "replaces, 100REL"))
		b.d = newIncoming(b, b, in.(arrived).req, x, time.Now())
		b.d.SetOwner(b.own)
		if !b.d.Reliable() {
			t.Fatal("the caller takes no reliable responses")
		}
		b.d.ProgressOffer(180, "Ringing", []byte("our offer"))
		ringing := x.last
		b.d.Answer(nil)
		update, y := b.theirs(sip.UPDATE, 2, "another offer")
		b.want("", update)
		y.want(491) // RFC 3311, 5.2
		empty, y := b.prack(3, ringing, "")
		b.want("", empty)
		y.want(400)
		prack, y := b.prack(4, ringing, "their answer")
		b.want("Pracked", prack)
		y.want(200)
		x.want(100, 180, 200)
		if len(x.last.Body()) > 0 || string(b.d.Described()) != "our offer" {
			t.Errorf("answered with %q, described %q", x.last.Body(), b.d.Described())
		}
		ack, _ := b.theirs(sip.ACK, 1, "")
		b.want("Acked", ack)
		same, y := b.theirs(sip.UPDATE, 5, "their answer")
		b.want("", same)
		y.want(200)
		b.d.Abandon()
	})
}

func TestHangUpWhileTheAnswerWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t}
		in, x := b.theirs(sip.INVITE, 1, "")
		in.(arrived).req.AppendHeader(NewHeader("Supported", "100rel"))
		b.d = newIncoming(b, b, in.(arrived).req, x, time.Now())
		b.d.SetOwner(b.own)
		b.d.ProgressOffer(180, "Ringing", []byte("our offer"))
		b.d.Answer(nil)
		b.d.Bye(Cause{})
		b.want("Closed")
		b.ticks(time.Minute)
		x.want(100, 180, 480)
	})
}

func TestReliableResponsesAreAcknowledgedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, invite := outgoingCall(t)
		if !knows(invite, extensionReliable) {
			t.Fatalf("Supported: %v", value(invite, "Supported"))
		}
		b.want("Progress", reliably(invite, 183, "theirs", 7788, "answer"))
		prack := b.wantSent("PRACK")[0]
		if got := value(prack, "RAck"); got != "7788 1 INVITE" || tag(prack.To().Params) != "theirs" || prack.Recipient.Port != 7 || prack.CSeq().SeqNo != 2 {
			t.Errorf("acknowledged by\n%s", prack)
		}
		b.want("", reliably(invite, 183, "theirs", 7788, "answer"), reliably(invite, 180, "theirs", 7790, ""))
		b.wantSent("") // a copy, and one out of order
		b.want("Progress Progress", reliably(invite, 180, "theirs", 7789, "changed"), replyTo(invite, 180, "theirs", ""))
		b.want("", replyTo(prack, 481, "theirs", ""), failed{req: b.wantSent("PRACK")[0], err: ErrTimeout}) // the callee will see to it
		b.want("Answered", replyTo(invite, 200, "theirs", ""))
		if got := string(b.past[len(b.past)-1].(Answered).SDP); got != "answer" {
			t.Errorf("the answer is %q", got)
		}
		if ack := b.wantSent("ACK")[0]; ack.CSeq().SeqNo != 1 {
			t.Errorf("the ACK has CSeq %d", ack.CSeq().SeqNo)
		}
		b.d.Bye(Cause{})
		if bye := b.wantSent("BYE")[0]; bye.CSeq().SeqNo != 4 {
			t.Errorf("the BYE has CSeq %d", bye.CSeq().SeqNo)
		}
	})
}

// The answer that another device gave early is not that of the one that picks up.
func TestReliableResponsesOfSeveralDevices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, invite := outgoingCall(t)
		b.want("Progress Progress", reliably(invite, 183, "one", 5, "of one"), reliably(invite, 183, "two", 5, "of two"))
		sent := b.wantSent("PRACK PRACK")
		if tag(sent[0].To().Params) != "one" || tag(sent[1].To().Params) != "two" {
			t.Error("a PRACK went to the wrong dialog")
		}
		update, x := b.theirs(sip.UPDATE, 9, "")
		update.(arrived).req.From().Params.Add("tag", "one")
		b.want("", update)
		x.want(200)
		stranger, x := b.theirs(sip.UPDATE, 9, "")
		b.want("", stranger)
		x.want(481)
		b.want("Answered", replyTo(invite, 200, "two", "repeated otherwise"))
		if got := string(b.past[len(b.past)-1].(Answered).SDP); got != "of two" {
			t.Errorf("the answer is %q", got)
		}
		b.wantSent("ACK")
		first, x := b.theirs(sip.INFO, 1, "Signal=5\r\n") // the numbers of "one" are not those of "two"
		first.(arrived).req.From().Params.Add("tag", "two")
		b.want("DTMF", first)
		x.want(200)

		b, invite = outgoingCall(t)
		b.want("Progress", replyTo(invite, 180, "theirs", ""))
		update, _ = b.theirs(sip.UPDATE, 9, "")
		b.want("", update)
		b.want("Answered", replyTo(invite, 200, "theirs", "answer"))
		older, x := b.theirs(sip.INFO, 8, "Signal=5\r\n")
		b.want("", older)
		x.want(500) // the early dialog goes on, with its numbers

		for i := range 2 * maxEarly {
			if i == 0 {
				b, invite = outgoingCall(t)
			}
			b.take(reliably(invite, 183, fmt.Sprint("phone", i), 1, ""))
		}
		if n := len(b.sent); n != maxEarly {
			t.Errorf("%d early dialogs were acknowledged", n)
		}
	})
}

// The answer of a cancelled INVITE that had a reliable response is hung up as any other.
func TestReliableResponseCrossesCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, invite := outgoingCall(t)
		b.d.Cancel(Cause{})
		b.want("", reliably(invite, 180, "theirs", 1, ""))
		b.wantSent("CANCEL PRACK")
		b.want("", replyTo(invite, 200, "theirs", "answer"))
		sent := b.wantSent("ACK BYE")
		b.want("Closed", replyTo(sent[1], 200, "theirs", ""))
	})
}

// RFC 3261, 13.2.1: who plays before the answer answers the offer with it, and says the same ever after.
func TestPreview(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, x := invited(t)
		b.d.Progress(180, "Ringing")
		if len(x.last.Body()) > 0 {
			t.Errorf("rings with %q", x.last.Body())
		}
		b.d.Preview([]byte("our answer"))
		b.d.Preview([]byte("another"))
		five, y := b.theirs(sip.INFO, 2, "Signal=5\r\n") // a key of a caller who listens
		b.want("DTMF", five)
		y.want(200)
		for _, send := range []func(){func() {}, func() { b.d.Progress(182, "Queued") }, func() { b.d.Answer([]byte("our answer")) }} {
			if send(); string(x.last.Body()) != "our answer" || value(x.last, "RSeq") != "" {
				t.Errorf("sent\n%s", x.last)
			}
		}
		x.want(180, 183, 182, 200)
		b.d.Preview([]byte("too late"))
		x.want(180, 183, 182, 200)
	})
}

// RFC 3262, 3: a description in a reliable response, which the caller may rely on, must have come before the 2xx goes.
func TestReliablePreview(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, x := invited(t, NewHeader("Supported", "100rel"))
		b.d.Preview([]byte("our answer"))
		preview := x.last
		if value(preview, "Require") != "100rel" || string(preview.Body()) != "our answer" {
			t.Errorf("sent\n%s", preview)
		}
		b.d.Progress(182, "Queued")
		b.d.Answer([]byte("our answer"))
		b.d.Reoffer([]byte("an offer")) // goes behind the answer, and so behind the PRACK
		b.ticks(time.Second)
		x.want(183, 182, 183)
		wrong, y := b.prack(2, preview, "an offer")
		b.want("", wrong)
		y.want(400)
		prack, y := b.prack(3, preview, "")
		b.want("", prack)
		y.want(200)
		x.want(183, 182, 183, 200)
		b.wantSent("")
		ack, _ := b.theirs(sip.ACK, 1, "")
		b.want("Acked", ack)
		b.wantSent("INVITE")
	})
}

// An INVITE without an offer has nothing to be answered early.
func TestNoPreviewWithoutAnOffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t}
		in, x := b.theirs(sip.INVITE, 1, "")
		b.d = newIncoming(b, b, in.(arrived).req, x, time.Now())
		b.d.SetOwner(b.own)
		b.d.Preview([]byte("our answer"))
		b.d.Progress(182, "Queued")
		x.want(100, 182)
		if len(x.last.Body()) > 0 {
			t.Errorf("sent\n%s", x.last)
		}
	})
}
