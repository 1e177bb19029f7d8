package call

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/sdp"
)

// ring plans a call with branches of the given delays and returns it with the actions so far.
func ring(delays ...time.Duration) *Call {
	c := New("caller", "dv_a", speech)
	c.Step(Planned{Branches: newWorld(budget{}, budget{}, delays...).branches, Ring: time.Minute})
	return c
}

// kinds is what a person would want to see of actions.
func kinds(acts []Action) []string {
	var s []string
	for _, a := range acts {
		switch a := a.(type) {
		case Note:
			s = append(s, "note "+string(a.Event.Kind))
		case Cancel:
			s = append(s, fmt.Sprintf("cancel %d %s", a.Leg, a.Cause.Code))
		case HangUp:
			s = append(s, fmt.Sprintf("hangup %d %s", a.Leg, a.Cause.Code))
		case Refuse:
			s = append(s, fmt.Sprintf("refuse %d", a.Cause.SIP))
		case Offer:
			s = append(s, fmt.Sprintf("offer %d", a.Leg))
		case AcceptOffer:
			s = append(s, fmt.Sprintf("accept-offer %d", a.Leg))
		case RefuseOffer:
			s = append(s, fmt.Sprintf("refuse-offer %d %d", a.Leg, a.Status))
		case Press:
			s = append(s, fmt.Sprintf("press %d %c", a.Leg, a.Digit))
		case Start:
			s = append(s, fmt.Sprintf("start %d", a.Leg))
		case Arm, Disarm:
		case Count:
			s = append(s, "count "+a.Name)
		default:
			s = append(s, fmt.Sprintf("%T", a))
		}
	}
	return s
}

func want(t *testing.T, c *Call, ev Event, expect ...string) {
	t.Helper()
	if got := kinds(c.Step(ev)); !slices.Equal(got, expect) {
		t.Fatalf("%T: got %q, want %q", ev, got, expect)
	}
}

func TestFirstAnswerWinsOthersAreToldWhy(t *testing.T) {
	c := ring(0, 0, 5*time.Second)
	want(t, c, Ringing{Leg: 1}, "note ringing", "call.Ring")
	want(t, c, Ringing{Leg: 2}, "note ringing")
	want(t, c, Answered{2, speech, "", nil}, "cancel 1 elsewhere", "note leg-ended", "note answered", "call.Connect", "call.Accept")
	want(t, c, Refused{1, CauseOf(errs.CallerLeft, "")}, "note leg-ended")
	want(t, c, HungUp{Caller, normal}, "note leg-ended", "hangup 2 normal", "note leg-ended", "note ended")
}

func TestBusyPhoneDoesNotEndTheSearch(t *testing.T) {
	c := ring(0, 0)
	want(t, c, Refused{1, busy}, "note leg-ended")
	want(t, c, Answered{2, speech, "", nil}, "note answered", "call.Connect", "call.Accept")
}

func TestDeclineEndsTheSearch(t *testing.T) {
	c := ring(0, 0)
	want(t, c, Refused{1, declined}, "note leg-ended", "cancel 2 declined", "refuse 603", "note leg-ended", "note ended")
}

func TestMostTellingCauseReachesTheCaller(t *testing.T) {
	c := ring(0, 0)
	c.Step(Refused{1, busy})
	want(t, c, Refused{2, lost}, "note leg-ended", "refuse 486", "note leg-ended", "note ended")
}

func TestNobodyRegistered(t *testing.T) {
	c := New("caller", "dv_a", speech)
	want(t, c, Planned{}, "note admitted", "note refused", "refuse 480", "note leg-ended", "note ended")
}

func TestNoAnswer(t *testing.T) {
	c := ring(0)
	c.Step(Ringing{Leg: 1})
	want(t, c, Fired{RingTimer}, "cancel 1 no-answer", "refuse 408", "note leg-ended", "note ended")
}

func TestAnswerWithForeignCodec(t *testing.T) {
	c := ring(0)
	want(t, c, Answered{1, foreign, "", nil}, "hangup 1 no-common-codec", "note leg-ended", "refuse 488", "note leg-ended", "note ended")
}

func TestHoldAndResume(t *testing.T) {
	c := ring(0)
	c.Step(Answered{1, speech, "", nil})
	want(t, c, Offered{Leg: 1, Description: holding}, "offer 0")
	want(t, c, Offered{Leg: Caller, Description: speech}, "refuse-offer 0 491")
	want(t, c, OfferAccepted{Caller, sdp.Description{Codecs: speech.Codecs, Direction: sdp.RecvOnly}}, "accept-offer 1", "note held")
	want(t, c, Offered{Leg: 1, Description: speech}, "offer 0")
	want(t, c, OfferAccepted{Caller, speech}, "accept-offer 1", "note resumed")
	want(t, c, Offered{Leg: 1, Description: foreign}, "offer 0")
	want(t, c, OfferRefused{Caller, 488}, "refuse-offer 1 488")
	want(t, c, Pressed{Caller, '7', 100 * time.Millisecond}, "press 1 7")
}

// What one leg has settled the other is brought to, and if it will not, the first is brought back.
func TestSettledChange(t *testing.T) {
	up := func() *Call {
		c := ring(0)
		c.Step(Answered{1, speech, "", nil})
		return c
	}
	settles := Offered{Leg: Caller, Description: wide, Settled: true}
	refused := OfferRefused{1, 488}

	c := up()
	want(t, c, settles, "offer 1")
	want(t, c, OfferWithdrawn{Caller}, "count withdrawal of no offer")
	want(t, c, Offered{Leg: 1, Description: holding}, "refuse-offer 1 491")
	want(t, c, OfferAccepted{Caller, wide}, "count answer to no offer")
	want(t, c, OfferAccepted{1, wide})

	c = up() // what the other takes of it is less
	want(t, c, settles, "offer 1")
	want(t, c, OfferAccepted{1, speech}, "offer 0")
	want(t, c, OfferAccepted{Caller, speech})

	c = up()
	want(t, c, settles, "offer 1")
	want(t, c, refused, "offer 0")
	want(t, c, OfferAccepted{Caller, speech})
	want(t, c, settles, "offer 1")
	want(t, c, refused, "offer 0")
	want(t, c, OfferRefused{Caller, 488}, "hangup 0 no-common-codec", "note leg-ended", "hangup 1 no-common-codec", "note leg-ended", "note ended")
	want(t, c, settles, "count change outside the conversation")

	c = up() // it waits for what is under way, unless its own answer to that is newer
	want(t, c, Offered{Leg: 1, Description: holding}, "offer 0")
	want(t, c, settles)
	want(t, c, OfferRefused{Caller, 488}, "refuse-offer 1 488", "offer 1")
	want(t, c, OfferAccepted{1, wide})
	want(t, c, Offered{Leg: 1, Description: holding}, "offer 0")
	want(t, c, settles)
	want(t, c, OfferAccepted{Caller, speech}, "accept-offer 1", "note held")

	c = up() // nobody waits for the answer any more
	want(t, c, Offered{Leg: 1, Description: holding}, "offer 0")
	want(t, c, OfferWithdrawn{1})
	want(t, c, OfferAccepted{Caller, speech}, "offer 0")
	want(t, c, OfferAccepted{Caller, speech})
	want(t, c, Offered{Leg: 1, Description: holding}, "offer 0")
	want(t, c, OfferWithdrawn{1})
	want(t, c, OfferRefused{Caller, 491})
}

func TestUnexpectedEventsAreCounted(t *testing.T) {
	c := ring(0)
	c.Step(Answered{1, speech, "", nil})
	want(t, c, Ringing{Leg: 1}, "count late or repeated ringing")
	want(t, c, Answered{1, speech, "", nil}, "count answer of a leg that was not asked")
	want(t, c, Cancelled{}, "count cancel after the final response")
	want(t, c, Fired{RingTimer}, "count timer after the attempt")
	want(t, c, Ringing{Leg: 7}, "count event of no leg")
	want(t, c, Planned{}, "count plan after the end")
}

func TestCauses(t *testing.T) {
	for code, o := range outcomes {
		c := CauseOf(code, "")
		if c.SIP == 0 || c.Q850 < 1 || c.Q850 > 127 || c.Words == "" {
			t.Errorf("%s: %+v from %+v", code, c, o)
		}
	}
	if c := CauseOf(errs.Replayed, "used"); c.SIP != 403 || c.Code != "replayed" || c.Words != "used" {
		t.Errorf("refused key: %+v", c)
	}
	if c := CauseOfResponse(480, "Gone home", "no-answer", 0); c.Code != "no-answer" || c.SIP != 480 || c.Q850 != 19 {
		t.Errorf("named refusal: %+v", c)
	}
	if c := CauseOfResponse(486, "Busy Here", "", 34); c.Code != "busy" || c.Q850 != 34 {
		t.Errorf("reason header: %+v", c)
	}
	if c := CauseOfResponse(401, "Unauthorized", "", 0); c.Code != "forbidden" || c.SIP != 403 {
		t.Errorf("challenge for this switch: %+v", c)
	}
	if c := CauseOfResponse(401, "No key", "key-missing", 0); c.Code != "key-missing" || c.SIP != 403 {
		t.Errorf("key refused by another switch: %+v", c)
	}
	if c := CauseOfResponse(302, "Moved Temporarily", "", 0); c.Code != "offline" || c.SIP != 480 {
		t.Errorf("redirection: %+v", c)
	}
	if c := CauseOfResponse(440, "Max-Breadth Exceeded", "", 0); c.Code != "too-wide" || c.SIP != 440 {
		t.Errorf("breadth: %+v", c)
	}
	if c := CauseOf(errs.Invalid, strings.Repeat("ä", 5000)); len(c.Words) > maxWords+len("…") || !utf8.ValidString(c.Words) {
		t.Errorf("%d bytes of words: %q", len(c.Words), c.Words)
	}
	if c := (ledger.Cause{}); rank(c) >= rank(busy) {
		t.Error("no cause outranks busy")
	}
}

// listening is a call whose caller can hear something before the answer.
func listening(offer sdp.Description) *Call {
	c := New("caller", "dv_a", offer)
	c.TakeEarly()
	return c
}

// A phone company's tones are heard; its silent 183 rings, and so does one that cannot be heard.
func TestEarlyMediaOfACarrier(t *testing.T) {
	plan := Planned{Branches: newWorld(budget{}, budget{}, 0).branches, Ring: time.Minute}
	c := listening(wide)
	c.Step(plan)
	want(t, c, Early{1, other, true}, "note ringing", "call.Preview", "call.Connect")
	want(t, c, Early{1, other, true}, "call.Connect") // of the next carrier
	want(t, c, Ringing{Leg: 1}, "call.Ring")
	want(t, c, Answered{1, other, "", nil}, "note answered", "call.Connect", "call.Accept")

	c = listening(wide)
	c.Step(plan)
	c.Step(Early{1, other, false})
	want(t, c, Answered{1, speech, "", nil}, "note answered", "call.Connect", "call.Accept", "offer 0") // it chose another codec then
	want(t, c, OfferRefused{0, 488}, "offer 1")                                                         // back to what the caller knows

	c = listening(wide)
	c.Step(plan)
	want(t, c, Early{1, foreign, true}, "note ringing", "call.Ring")
	want(t, c, Early{1, foreign, true})

	deaf := New("caller", "dv_a", wide)
	deaf.Step(plan)
	want(t, deaf, Early{1, other, false})
	want(t, deaf, Early{1, other, true}, "note ringing", "call.Ring")

	two := listening(wide)
	two.Step(Planned{Branches: newWorld(budget{}, budget{}, 0, 0).branches, Ring: time.Minute})
	want(t, two, Early{1, other, true}, "note ringing", "call.Ring")
}

// Who is called next is not heard by what was before.
func TestEarlyMediaEndsWhereItForks(t *testing.T) {
	c := listening(wide)
	c.Step(Planned{Branches: newWorld(budget{}, budget{}, 0).branches, Ring: time.Minute})
	c.Step(Early{1, other, true})
	want(t, c, Joined{Branch{Leg: "guest"}}, "call.Disconnect", "note trying", "start 2")
}

// A caller who waits hears music, the ringing, and the callee, who is offered what the caller's phone was told.
func TestMusicOnHold(t *testing.T) {
	opus := sdp.Codec{Name: "opus", Clock: 48000, Channels: 2}
	offer := sdp.Description{Codecs: []sdp.Codec{opus, pcma, {Name: sdp.ComfortNoise, Clock: 8000, Channels: 1}, {Name: sdp.TelephoneEvent, Clock: 8000, Channels: 1}}, Direction: sdp.SendRecv}
	c := listening(offer)
	c.Step(Planned{Queue: bench{}, Ring: time.Minute, Language: "zh", To: designation.Party{Number: "301001"}})
	acts := c.Step(Placed{Standing{Position: 2}})
	if got, expect := kinds(acts), []string{"call.Preview", "call.Play", "call.Stand", "note queued"}; !slices.Equal(got, expect) {
		t.Fatalf("%q, want %q", got, expect)
	}
	if got := sdp.Names(acts[0].(Preview).Description.Codecs); got != "PCMA/8000 telephone-event/8000" {
		t.Errorf("the caller is told %s", got)
	}
	if got := acts[1].(Play).Sound; got != (Sound{OnHold, "zh", Standing{Position: 2}, false, false}) {
		t.Errorf("the caller hears %+v", got)
	}
	want(t, c, Placed{Standing{Position: 1}}, "call.Play", "call.Stand", "note queued")
	want(t, c, Key{Caller, '1'}, "count digit while waiting")
	want(t, c, Pressed{Caller, '1', 0}, "count digit while waiting") // by INFO
	c.Step(Turn{})
	want(t, c, Key{Caller, '1'}, "count digit outside the conversation")
	acts = c.Step(Diverted{Branches: []Branch{{Leg: "b1"}}})
	if got := sdp.Names(acts[2].(Start).Offer.Codecs); got != "PCMA/8000 telephone-event/8000" {
		t.Errorf("the callee is offered %s", got)
	}
	want(t, c, Ringing{Leg: 1}, "note ringing", "call.Ring", "call.Play")
	want(t, c, Answered{1, sdp.Description{Codecs: offer.Codecs[1:], Direction: sdp.SendRecv}, "", nil}, "note unqueued", "call.Dequeue", "note answered", "call.Play", "call.Connect", "call.Accept")

	wideband := listening(sdp.Description{Codecs: []sdp.Codec{opus}, Direction: sdp.SendRecv})
	wideband.Step(Planned{Queue: bench{}, Ring: time.Minute})
	want(t, wideband, Placed{Standing{Position: 2}}, "call.Stand", "note queued")
	const dear = "+499001234567"
	for name, v := range map[string]struct {
		caller designation.Party
		codecs []sdp.Codec
		number string // of the callee
		told   bool
	}{
		"who can be called back":      {designation.Party{User: "us_a", Device: "dv_a"}, offer.Codecs[1:], "301001", true},
		"who hides the number":        {designation.Party{Trunk: "tk_a"}, offer.Codecs[1:], "301001", false},
		"who may be called back":      {designation.Party{Trunk: "tk_a", Number: "+4930123456"}, offer.Codecs[1:], "301001", true},
		"who may not be":              {designation.Party{Trunk: "tk_a", Number: dear}, offer.Codecs[1:], "301001", false},
		"a phone that sends no keys":  {designation.Party{User: "us_a", Device: "dv_a"}, offer.Codecs[1:2], "301001", false},
		"who waits for a free switch": {designation.Party{User: "us_a", Device: "dv_a"}, offer.Codecs[1:], "", false},
	} {
		c := listening(sdp.Description{Codecs: v.codecs, Direction: sdp.SendRecv})
		if v.number == "" {
			c.Step(Crowded{bench{}})
		} else {
			c.Step(Planned{Queue: bench{}, Ring: time.Minute, From: v.caller, To: designation.Party{Number: v.number}, Barred: v.caller.Number == dear})
		}
		if got := c.Step(Placed{Standing{Position: 2}})[1].(Play).Sound.Keeps; got != v.told {
			t.Errorf("%s is told of the key: %t", name, got)
		}
		if v.caller.Number != dear {
			continue
		}
		if acts := c.Step(Key{Leg: Caller, Digit: keyBack}); len(acts) != 1 {
			t.Errorf("%s presses the key: %+v", name, acts)
		}
	}
	held := listening(sdp.Description{Codecs: []sdp.Codec{pcma}, Direction: sdp.SendOnly})
	held.Step(Planned{Queue: bench{}, Ring: time.Minute})
	want(t, held, Placed{Standing{Position: 2}}, "call.Stand", "note queued")

	gone := listening(speech)
	gone.Step(Planned{Queue: bench{}, Ring: time.Minute})
	gone.Step(Placed{Standing{Position: 1}})
	want(t, gone, Cancelled{}, "note leg-ended", "note unqueued", "call.Dequeue", "call.Play", "note ended")
}
