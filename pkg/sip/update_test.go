package sip

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
)

// updating is an answered outgoing call to a phone that takes UPDATE.
func updating(t *testing.T) *bench {
	b, invite := outgoingCall(t)
	b.want("Answered", replyTo(invite, 200, "theirs", "answer", NewHeader("Allow", "INVITE, update, BYE"),
		NewHeader("Session-Expires", "600;refresher=uac")))
	b.wantSent("ACK")
	return b
}

func TestSessionIsRefreshedByUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := updating(t)
		for range 3 {
			if got := b.ticksOf(time.Second, 301*time.Second); got != "" {
				t.Errorf("events %q", got)
			}
			update := b.wantSent("UPDATE")[0]
			if len(update.Body()) > 0 || update.Contact() == nil || value(update, "Session-Expires") != "600;refresher=uac" {
				t.Errorf("refreshed by\n%s", update)
			}
			b.want("", replyTo(update, 200, "theirs", "", NewHeader("Session-Expires", "600;refresher=uac")))
			b.wantSent("")
		}
		b.d.Refresh()
		b.want("", replyTo(b.wantSent("UPDATE")[0], 422, "theirs", "", NewHeader("Min-SE", "900")))
		again := b.wantSent("UPDATE")[0]
		if value(again, "Session-Expires") != "900;refresher=uac" || value(again, "Min-SE") != "900" {
			t.Errorf("refreshed again by\n%s", again)
		}
		b.d.Reoffer([]byte("hold")) // waits for the refresh
		b.wantSent("")
		b.want("", replyTo(again, 500, "theirs", ""))
		b.wantSent("INVITE")
	})
}

func TestRefreshFallsBackToInvite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := updating(t)
		b.d.Refresh()
		b.want("", replyTo(b.wantSent("UPDATE")[0], 405, "theirs", ""))
		b.want("", replyTo(b.wantSent("INVITE")[0], 200, "theirs", "answer"))
		b.wantSent("ACK")
		b.d.Refresh()
		b.wantSent("INVITE")
	})
}

func TestUpdateFindsThePeerGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := updating(t)
		b.d.Refresh()
		b.want("Lost Closed", replyTo(b.wantSent("UPDATE")[0], 481, "theirs", ""))
		b = updating(t)
		b.d.Refresh()
		b.want("Lost", failed{req: b.wantSent("UPDATE")[0], err: ErrTimeout})
		b.wantSent("BYE")
		b = updating(t) // its stream is gone; it may come back
		b.lost = true
		b.d.Refresh()
		b.want("")
		b.d.Refresh()
		b.wantSent("UPDATE UPDATE")
	})
}

func TestUpdateMovesTheTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := connected(t)
		update, x := b.theirs(sip.UPDATE, 9, "")
		update.(arrived).req.AppendHeader(NewHeader("Supported", "timer"))
		update.(arrived).req.AppendHeader(NewHeader("Session-Expires", "120;refresher=uac"))
		b.want("", update)
		x.want(200)
		if value(x.last, "Session-Expires") != "120;refresher=uac" || x.last.Contact() == nil || len(x.last.Body()) > 0 {
			t.Errorf("answered\n%s", x.last)
		}
		b.d.SendDTMF('5', 0)
		if info := b.wantSent("INFO")[0]; info.Recipient.Port != 9 {
			t.Errorf("sent to %s", info.Recipient.String())
		}
		if got := b.ticks(89 * time.Second); got != "Lost" { // RFC 4028, 10
			t.Errorf("events %q", got)
		}
	})
}

func TestOfferByUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := connected(t)
		hold, x := b.theirs(sip.UPDATE, 5, "hold")
		b.want("Offered", hold)
		second, y := b.theirs(sip.UPDATE, 6, "more")
		b.want("", second)
		y.want(500)
		if value(y.last, "Retry-After") == "" {
			t.Error("no Retry-After")
		}
		invite, y := b.theirs(sip.INVITE, 7, "more")
		b.want("", invite)
		y.want(500)
		b.d.Reoffer([]byte("ours")) // waits for its turn
		b.wantSent("")
		b.d.AcceptOffer([]byte("held"))
		x.want(200)
		ours := b.wantSent("INVITE")[0]
		third, y := b.theirs(sip.UPDATE, 8, "more")
		b.want("", third)
		y.want(491)
		same, y := b.theirs(sip.UPDATE, 9, "")
		b.want("", same)
		y.want(200)
		b.want("OfferAccepted", replyTo(ours, 200, "theirs", "answer"))
		b.wantSent("ACK")
		refused, y := b.theirs(sip.UPDATE, 10, "fax")
		b.want("Offered", refused)
		b.d.RefuseOffer(488, "Not Acceptable Here")
		y.want(488)
		left, y := b.theirs(sip.UPDATE, 11, "hold")
		b.want("Offered", left)
		b.d.Bye(Cause{})
		y.want(487) // RFC 3261, 15.1.2
		after, y := b.theirs(sip.UPDATE, 12, "hold")
		b.want("", after)
		y.want(481)
	})
}

// RFC 3311, 5.2: an UPDATE cannot wait for a user.
func TestOfferByUpdateIsNotAnsweredInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := connected(t)
		hold, x := b.theirs(sip.UPDATE, 5, "hold")
		b.want("Offered", hold)
		if got := b.ticks(deliberation + time.Second); got != "Withdrawn" {
			t.Errorf("events %q", got)
		}
		x.want(504)
		b.d.AcceptOffer([]byte("held"))
		x.want(504)
	})
}

func TestUpdateBeforeTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, x := incomingCall(t)
		b.d.Progress(180, "Ringing")
		offer, y := b.theirs(sip.UPDATE, 2, "another offer")
		b.want("", offer)
		y.want(500) // that of the INVITE is not answered
		target, y := b.theirs(sip.UPDATE, 3, "")
		b.want("", target)
		y.want(200)
		b.d.Answer([]byte("answer"))
		late, y := b.theirs(sip.UPDATE, 4, "hold") // its ACK is late
		b.want("Acked Offered", late)
		b.d.AcceptOffer([]byte("held"))
		y.want(200)
		x.want(180, 200)

		b, invite := outgoingCall(t)
		b.want("Progress", replyTo(invite, 180, "theirs", ""))
		offer, y = b.theirs(sip.UPDATE, 2, "an offer")
		b.want("", offer)
		y.want(491)
		b.want("Progress", reliably(invite, 183, "theirs", 1, "answer"))
		offer, y = b.theirs(sip.UPDATE, 3, "an offer")
		b.want("", offer)
		y.want(504)
	})
}

func TestUpdateWhileTheAckHasTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := connected(t)
		invite, _ := b.theirs(sip.INVITE, 5, "")
		b.want("Offered", invite)
		b.d.AcceptOffer([]byte("our offer"))
		update, x := b.theirs(sip.UPDATE, 6, "their offer")
		b.want("", update)
		x.want(491)
	})
}
