package sip

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
)

// invited is an incoming call whose INVITE has more headers.
func invited(t *testing.T, headers ...Header) (*bench, *transaction) {
	b := &bench{t: t}
	in, x := b.theirs(sip.INVITE, 1, "offer")
	for _, h := range headers {
		in.(arrived).req.AppendHeader(h)
	}
	b.d = newIncoming(b, b, in.(arrived).req, x, time.Now())
	b.d.SetOwner(b.own)
	x.codes = nil
	return b, x
}

func TestSessionIsRefreshed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := connected(t) // with a phone that does not know session timers
		for range 3 {
			if got := b.ticksOf(time.Second, usualInterval/2+time.Second); got != "" {
				t.Errorf("events %q", got)
			}
			refresh := b.wantSent("INVITE")[0]
			if string(refresh.Body()) != "offer" || value(refresh, "Session-Expires") != "1800;refresher=uac" || value(refresh, "Supported") != "timer, 100rel" {
				t.Errorf("the refresh is\n%s", refresh)
			}
			b.want("", replyTo(refresh, 200, "theirs", "answer"))
			b.wantSent("ACK")
		}
		b.ticksOf(time.Second, usualInterval/2+time.Second)
		b.want("Described", replyTo(b.wantSent("INVITE")[0], 200, "theirs", "moved"))
		b.d.Bye(Cause{})
		b.wantSent("ACK BYE")
		b.ticksOf(time.Minute, usualInterval)
		b.wantSent("")
	})
}

func TestVanishedPhoneIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := connected(t)
		b.ticksOf(time.Second, usualInterval/2+time.Second)
		b.want("Lost", failed{req: b.wantSent("INVITE")[0], err: ErrTimeout})
		if got := value(b.wantSent("BYE")[0], "Reason"); got != `SIP;cause=408;text="no answer within 64*T1"` {
			t.Errorf("Reason %q", got)
		}

		b = connected(t) // on a stream, which is gone
		b.lost = true
		if got := b.ticksOf(time.Second, usualInterval+time.Second); got != "Lost Closed" {
			t.Errorf("events %q", got)
		}
		b.wantSent("INVITE INVITE BYE") // it may come back until the session expires

		b = connected(t) // it forgot the call
		b.d.Redirect(Peer{TCP, b.d.Peer().Addr})
		b.d.Refresh()
		b.want("Lost Closed", replyTo(b.wantSent("INVITE")[0], 481, "theirs", ""))
	})
}

func TestRefusedRefreshEndsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := connected(t)
		for _, code := range []int{488, 491, 500, 403} {
			b.d.Refresh()
			b.want("", replyTo(b.wantSent("INVITE")[0], code, "theirs", ""))
		}
		b.ticksOf(time.Second, usualInterval/4+time.Second)
		refresh := b.wantSent("INVITE")[0]
		b.d.Reoffer([]byte("hold")) // waits for the refresh
		b.wantSent("")
		b.want("", replyTo(refresh, 488, "theirs", ""))
		b.want("OfferAccepted", replyTo(b.wantSent("INVITE")[0], 200, "theirs", "held"))
		b.wantSent("ACK")
		b.d.Refresh()
		if refresh = b.wantSent("INVITE")[0]; string(refresh.Body()) != "hold" {
			t.Errorf("refreshed with %q, which is not what was agreed", refresh.Body())
		}
		theirs, x := b.theirs(sip.INVITE, 5, "theirs")
		b.want("", theirs)
		x.want(491)
	})
}

// A peer may say an interval of a hundred years, and vanish: the call is watched as any other.
func TestLongIntervalsAreWatched(t *testing.T) {
	const years = "4294967295"
	synctest.Test(t, func(t *testing.T) {
		for _, refresher := range []string{"uac", "uas"} {
			b, invite := outgoingCall(t)
			extra := []Header{NewHeader("Session-Expires", years+";refresher="+refresher), NewHeader("Require", "timer")}
			b.want("Answered", replyTo(invite, 200, "theirs", "answer", extra...))
			b.wantSent("ACK")
			for range 2 {
				b.ticksOf(time.Second, usualInterval/2+time.Second)
				b.want("", replyTo(b.wantSent("INVITE")[0], 200, "theirs", "answer", extra...))
				b.wantSent("ACK")
			}
			b.ticksOf(time.Second, usualInterval/2+time.Second)
			b.want("", replyTo(b.wantSent("INVITE")[0], 488, "theirs", ""))
			b.ticksOf(time.Second, usualInterval/4+time.Second)
			b.want("Lost", failed{req: b.wantSent("INVITE")[0], err: ErrTimeout})
		}

		b, _ := invited(t, NewHeader("Supported", "timer"), NewHeader("Session-Expires", years+";refresher=uac"), NewHeader("Min-SE", years))
		b.d.Answer([]byte("answer"))
		ack, _ := b.theirs(sip.ACK, 1, "")
		b.want("Acked", ack)
		b.ticksOf(time.Second, usualInterval/2+time.Second)
		b.want("Lost", failed{req: b.wantSent("INVITE")[0], err: ErrTimeout})
	})
}

func TestPeerRefreshes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, x := invited(t, NewHeader("Supported", "replaces, timer"), NewHeader("Session-Expires", "90;refresher=uac"))
		b.d.Answer([]byte("answer"))
		if value(x.last, "Session-Expires") != "90;refresher=uac" || value(x.last, "Require") != "timer" {
			t.Errorf("answered\n%s", x.last)
		}
		ack, _ := b.theirs(sip.ACK, 1, "")
		b.want("Acked", ack)
		for seq := uint32(2); seq < 5; seq++ {
			if got := b.ticks(45 * time.Second); got != "" {
				t.Errorf("events %q", got)
			}
			again, y := b.theirs(sip.INVITE, seq, "offer")
			again.(arrived).req.AppendHeader(NewHeader("Supported", "timer"))
			again.(arrived).req.AppendHeader(NewHeader("Session-Expires", "90;refresher=uac"))
			b.want("", again) // nothing for the owner, whom a change would concern
			y.want(200)
			if string(y.last.Body()) != "answer" {
				t.Errorf("answered with %q", y.last.Body())
			}
			ack, _ = b.theirs(sip.ACK, seq, "")
			b.want("Acked", ack)
		}
		b.wantSent("")
		// RFC 4028, 10: the other side is hung up min(32 s, a third) before the session expires.
		if got := b.ticks(59 * time.Second); got != "" {
			t.Errorf("events %q", got)
		}
		if got := b.ticks(2 * time.Second); got != "Lost" {
			t.Errorf("events %q", got)
		}
		b.wantSent("BYE")
	})
}

// RFC 4028, 9, table 2.
func TestWhoRefreshes(t *testing.T) {
	timer := NewHeader("Supported", "timer")
	for name, c := range map[string]struct {
		headers       []Header
		want, require string
	}{
		"no timer":             {nil, "1800;refresher=uas", ""},
		"no timer, a proxy's":  {[]Header{NewHeader("Session-Expires", "600")}, "600;refresher=uas", ""},
		"left open":            {[]Header{timer, NewHeader("Session-Expires", "600")}, "600;refresher=uas", "timer"},
		"the caller":           {[]Header{timer, NewHeader("Session-Expires", "600;refresher=uac")}, "600;refresher=uac", "timer"},
		"the callee":           {[]Header{timer, NewHeader("Session-Expires", "3600; refresher=UAS")}, "1800;refresher=uas", "timer"},
		"longer at least":      {[]Header{timer, NewHeader("Session-Expires", "3600"), NewHeader("Min-SE", "2000")}, "2000;refresher=uas", "timer"},
		"supported, not asked": {[]Header{timer, NewHeader("Min-SE", "2000;x=y")}, "2000;refresher=uas", "timer"},
		"malformed":            {[]Header{timer, NewHeader("Session-Expires", "soon"), NewHeader("Min-SE", "-1")}, "1800;refresher=uas", "timer"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, x := invited(t, c.headers...)
				b.d.Answer([]byte("answer"))
				if value(x.last, "Session-Expires") != c.want || value(x.last, "Require") != c.require {
					t.Errorf("%q, %q", value(x.last, "Session-Expires"), value(x.last, "Require"))
				}
				b.d.Abandon()
			})
		})
	}
}

func TestSessionIntervalTooSmall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, invite := outgoingCall(t)
		if value(invite, "Session-Expires") != "1800" || value(invite, "Min-SE") != "" {
			t.Errorf("invited with\n%s", invite)
		}
		b.want("", replyTo(invite, 422, "theirs", "", NewHeader("Min-SE", "3600")))
		again := b.wantSent("INVITE")[0]
		if value(again, "Session-Expires") != "3600" || value(again, "Min-SE") != "3600" || again.CSeq().SeqNo != 2 {
			t.Errorf("second try:\n%s", again)
		}
		b.want("Answered", replyTo(again, 200, "theirs", "answer", NewHeader("Session-Expires", "3600;refresher=uac")))
		b.wantSent("ACK")
		b.ticksOf(time.Second, 1801*time.Second)
		if got := value(b.wantSent("INVITE")[0], "Session-Expires"); got != "3600;refresher=uac" {
			t.Errorf("refreshed with Session-Expires %q", got)
		}

		b, invite = outgoingCall(t)
		b.want("Refused Closed", replyTo(invite, 422, "theirs", "")) // names nothing longer

		b, invite = outgoingCall(t)
		b.want("Answered", replyTo(invite, 200, "theirs", "answer", NewHeader("Session-Expires", "120;refresher=uas")))
		b.wantSent("ACK")
		if got := b.ticks(89 * time.Second); got != "Lost" && got != "" {
			t.Errorf("events %q", got)
		}
		b.wantSent("BYE") // 120 s without 32
	})
}

// A re-INVITE that repeats the answer of an ACK changes nothing either.
func TestAnswerInTheAckIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t}
		in, x := b.theirs(sip.INVITE, 1, "")
		b.d = newIncoming(b, b, in.(arrived).req, x, time.Now())
		b.d.SetOwner(b.own)
		b.d.Answer([]byte("our offer"))
		ack, _ := b.theirs(sip.ACK, 1, "their answer")
		b.want("Acked", ack)
		again, y := b.theirs(sip.INVITE, 2, "their answer")
		b.want("", again)
		y.want(200)
		if got := string(b.d.Described()); got != "our offer" || string(y.last.Body()) != got {
			t.Errorf("answered %q, described %q", y.last.Body(), got)
		}
		b.d.Abandon()
	})
}
