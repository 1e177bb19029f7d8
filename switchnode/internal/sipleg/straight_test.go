package sipleg

import (
	"net/netip"
	"strings"
	"testing"

	"strowger/pkg/sdp"
	"strowger/switchnode/internal/call"
)

// Another phone is told only the address that the SIP of a phone comes from, and only if nothing has to be done to its packets here.
func TestReach(t *testing.T) {
	phone := "v=0\r\no=- 1 1 IN IP4 10.0.0.5\r\ns=-\r\nc=IN IP4 10.0.0.5\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"
	leg := func(change func(*Leg), says string) *Leg {
		s, err := sdp.ParseMedia([]byte(says), sdp.Ways{Plain: true, SDES: true})
		if err != nil {
			t.Fatal(err)
		}
		l := &Leg{source: netip.MustParseAddr("10.0.0.5"), agreed: []sdp.Format{{Codec: pcma, PT: 8}, {Codec: telephoneEvent, PT: 101}}}
		l.theirs, l.direct, l.cipher.means = s, true, plain
		change(l)
		return l
	}
	same := func(*Leg) {}
	r := leg(same, phone).reach()
	if r.At != netip.MustParseAddrPort("10.0.0.5:4000") || len(r.Formats) != 2 || r.Formats[0].PT != 8 || r.Formats[1].PT != 101 {
		t.Errorf("a phone is reached at %+v", r)
	}
	for name, l := range map[string]*Leg{
		"not allowed":                 leg(func(l *Leg) { l.direct = false }, phone),
		"a link":                      leg(func(l *Leg) { l.flows = true }, phone),
		"a phone company":             leg(func(l *Leg) { l.line = &Line{} }, phone),
		"encrypted":                   leg(func(l *Leg) { l.cipher.means = sdes }, phone),
		"nothing agreed":              leg(func(l *Leg) { l.cipher.means = open }, phone),
		"SIP from elsewhere":          leg(func(l *Leg) { l.source = netip.MustParseAddr("203.0.113.9") }, phone),
		"audio at a third host":       leg(same, strings.Replace(phone, "c=IN IP4 10.0.0.5", "c=IN IP4 10.0.0.6", 1)),
		"the hold of RFC 2543":        leg(same, strings.Replace(phone, "c=IN IP4 10.0.0.5", "c=IN IP4 0.0.0.0", 1)),
		"RTCP at another port":        leg(same, phone+"a=rtcp:4005\r\n"),
		"RTCP at another host":        leg(same, phone+"a=rtcp:4001 IN IP4 10.0.0.6\r\n"),
		"no description of the phone": {straight: straight{direct: true}},
	} {
		if r := l.reach(); r.At.IsValid() {
			t.Errorf("%s: it is reached at %+v", name, r)
		}
	}
	if r := leg(func(l *Leg) { l.agreed[0].PT = 96 }, phone).reach(); len(r.Formats) != 1 || r.Formats[0].PT != 101 {
		t.Errorf("formats of two payload types are %+v", r.Formats)
	}
	l := leg(same, phone)
	evs := l.reached([]call.Event{call.HungUp{}})
	if _, ok := evs[0].(call.Reached); !ok || len(evs) != 2 || len(l.reached(nil)) != 0 {
		t.Errorf("the call is told %+v, and then again", evs)
	}
	l.source = netip.MustParseAddr("10.0.0.7") // it comes from elsewhere now
	if evs := l.reached(nil); len(evs) != 1 || evs[0].(call.Reached).At.IsValid() {
		t.Errorf("of a phone that has moved the call is told %+v", evs)
	}
}

// TestReachAfterAnAnswer has a leg answer, of which no other message may come: the call is told all the same.
func TestReachAfterAnAnswer(t *testing.T) {
	var posted []any
	l := &Leg{source: netip.MustParseAddr("10.0.0.5"), agreed: []sdp.Format{{Codec: pcma, PT: 8}}}
	l.direct, l.cipher.means, l.post = true, plain, func(in any) bool { posted = append(posted, in); return true }
	l.settles()
	if len(posted) != 0 {
		t.Errorf("with nothing new was posted %v", posted)
	}
	at := netip.MustParseAddrPort("10.0.0.5:4000")
	l.theirs = sdp.Session{Audio: at, RTCP: netip.AddrPortFrom(at.Addr(), 4001), Formats: l.agreed}
	l.settles()
	if len(posted) != 1 {
		t.Fatalf("posted %v", posted)
	}
	if evs := l.Handle(posted[0]); len(evs) != 1 || evs[0].(call.Reached).At != at {
		t.Errorf("the call is told %+v", evs)
	}
	if l.settles(); len(posted) != 1 {
		t.Errorf("told again: %v", posted)
	}
}
