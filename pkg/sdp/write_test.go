package sdp

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"

	pion "github.com/pion/sdp/v3"
	"pgregory.net/rapid"

	"strowger/pkg/errs"
)

func itoa(pt uint8) string { return strconv.Itoa(int(pt)) }

var at = Local{Addr: netip.MustParseAddrPort("198.51.100.7:20000")}

func writer(id uint64) *Writer {
	w := NewWriter()
	w.id = id
	return w
}

func TestOffer(t *testing.T) {
	offer := Description{Direction: SendRecv, Ptime: 20, Codecs: []Codec{
		{"opus", 48000, 2, "useinbandfec=1"}, {"PCMU", 8000, 1, ""}, {"G722", 8000, 1, ""},
		{TelephoneEvent, 8000, 1, "0-15"}, {TelephoneEvent, 48000, 1, "0-15"},
	}}
	body, formats := writer(77).Offer(offer, at)
	want := crlf(`v=0
o=- 77 0 IN IP4 198.51.100.7
s=-
c=IN IP4 198.51.100.7
t=0 0
m=audio 20000 RTP/AVP 96 0 9 101 97
a=rtpmap:96 opus/48000/2
a=fmtp:96 useinbandfec=1
a=rtpmap:0 PCMU/8000
a=rtpmap:9 G722/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=rtpmap:97 telephone-event/48000
a=fmtp:97 0-15
a=ptime:20
a=sendrecv
`)
	if string(body) != want {
		t.Errorf("got\n%s\nwant\n%s", body, want)
	}
	if got := words(formats); !strings.HasPrefix(got, "96 opus/48000/2 useinbandfec=1, 0 PCMU/8000") {
		t.Errorf("formats: %s", got)
	}
}

func TestAnswer(t *testing.T) {
	offer, err := Parse(testdata(t, "cisco"))
	if err != nil {
		t.Fatal(err)
	}
	body, formats, err := writer(5).Answer(offer, Description{Direction: SendRecv, Codecs: []Codec{
		{"PCMA", 8000, 1, ""}, {"opus", 48000, 2, ""}, {TelephoneEvent, 8000, 1, "0-16"},
	}}, at)
	if err != nil {
		t.Fatal(err)
	}
	want := crlf(`v=0
o=- 5 0 IN IP4 198.51.100.7
s=-
c=IN IP4 198.51.100.7
t=0 0
m=audio 20000 RTP/AVP 8 101
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=recvonly
m=video 0 RTP/AVP 97
m=application 0 UDP/BFCP *
`)
	if string(body) != want {
		t.Errorf("got\n%s\nwant\n%s", body, want)
	}
	if got := words(formats); got != "8 PCMA/8000, 101 telephone-event/8000 0-16" {
		t.Errorf("formats: %s", got)
	}
}

func TestAnswerWithoutCommonCodec(t *testing.T) {
	offer, err := Parse(testdata(t, "ipv6"))
	if err != nil {
		t.Fatal(err)
	}
	w := writer(5)
	_, _, err = w.Answer(offer, Description{Codecs: []Codec{staticFormats[0]}}, at)
	if errs.CodeOf(err) != errs.NoCommonCodec || w.last != nil || len(w.known) != 0 {
		t.Errorf("got %v, writer %+v", err, w)
	}
}

func TestAnswerKeepsPlacesAndProfile(t *testing.T) {
	for _, name := range []string{"asterisk", "linphone"} {
		offer, err := Parse(testdata(t, name))
		if err != nil {
			t.Fatal(err)
		}
		w := writer(1)
		body, _, err := w.Answer(offer, offer.Description(), at)
		if err != nil {
			t.Fatal(err)
		}
		reoffer, _ := w.Offer(offer.Description(), at)
		for _, b := range [][]byte{body, reoffer} {
			got, err := Parse(b)
			if err != nil || len(got.sections) != len(offer.sections) || got.audio != offer.audio {
				t.Fatalf("%s: got %+v, %v", name, got, err)
			}
			if got.sections[got.audio].proto != offer.sections[offer.audio].proto {
				t.Errorf("%s: the profile changed to %s", name, got.sections[got.audio].proto)
			}
			if words(got.Formats) != words(offer.Formats) {
				t.Errorf("%s: payload types changed from %s to %s", name, words(offer.Formats), words(got.Formats))
			}
		}
	}
}

// RFC 3264, 8: the version grows by one when the body changes, and only then.
func TestVersion(t *testing.T) {
	w := writer(9)
	d := Description{Direction: SendRecv, Codecs: []Codec{staticFormats[0]}}
	held := d
	held.Direction = SendOnly
	for i, step := range []struct {
		d       Description
		version uint64
	}{{d, 0}, {d, 0}, {held, 1}, {held, 1}, {d, 2}} {
		body, _ := w.Offer(step.d, at)
		if s, err := Parse(body); err != nil || s.Version != step.version || s.ID != 9 {
			t.Errorf("step %d: got id %d, version %d, %v, want version %d", i, s.ID, s.Version, err, step.version)
		}
	}
}

// TestOriginStays has a session go to other addresses: all that changes in o= is the version.
func TestOriginStays(t *testing.T) {
	w := writer(9)
	d := Description{Direction: SendRecv, Codecs: []Codec{staticFormats[0]}}
	for i, to := range []string{"198.51.100.7:20000", "10.0.0.5:4000", "[2001:db8::1]:4000", "198.51.100.7:20000"} {
		body, _ := w.Offer(d, Local{Addr: netip.MustParseAddrPort(to)})
		if origin := "o=- 9 " + strconv.Itoa(i) + " IN IP4 198.51.100.7\r\n"; !strings.Contains(string(body), origin) {
			t.Errorf("to %s: no %q in %q", to, origin, body)
		}
		if s, err := Parse(body); err != nil || s.Audio.String() != to {
			t.Errorf("audio goes to %v, %v, want %s", s.Audio, err, to)
		}
	}
}

func TestPayloadTypesStay(t *testing.T) {
	w := writer(1)
	opus, speex := Codec{"opus", 48000, 2, ""}, Codec{"speex", 16000, 1, ""}
	w.Offer(Description{Codecs: []Codec{opus, speex}, Direction: SendRecv}, at)
	_, formats := w.Offer(Description{Codecs: []Codec{{"iLBC", 8000, 1, ""}, speex, opus}, Direction: SendRecv}, at)
	if got := words(formats); got != "98 iLBC/8000, 97 speex/16000, 96 opus/48000/2" {
		t.Errorf("got %s", got)
	}
}

func TestOneEncodingTwice(t *testing.T) {
	_, formats := writer(1).Offer(Description{Direction: SendRecv, Codecs: []Codec{
		{"AMR", 8000, 1, "octet-align=1"}, {"AMR", 8000, 1, ""}, {"PCMU", 8000, 1, ""}, {"PCMU", 8000, 1, "x=1"},
	}}, at)
	if got := words(formats); got != "96 AMR/8000 octet-align=1, 97 AMR/8000, 0 PCMU/8000, 98 PCMU/8000 x=1" {
		t.Errorf("got %s", got)
	}
}

func TestMoreCodecsThanPayloadTypes(t *testing.T) {
	d := Description{Direction: SendRecv}
	for i := range 40 {
		d.Codecs = append(d.Codecs, Codec{"codec" + strconv.Itoa(i), 8000, 1, ""})
	}
	_, formats := writer(1).Offer(d, at)
	if len(formats) != lastDynamic-firstDynamic { // all but 101, which is kept for telephone events
		t.Errorf("offered %d formats", len(formats))
	}
}

func TestFlow(t *testing.T) {
	body, _ := writer(1).Offer(Description{Direction: SendRecv, Codecs: []Codec{staticFormats[0]}}, Local{Flow: 1<<62 - 1})
	s, err := Parse(body)
	if err != nil || s.Flow != 1<<62-1 || s.Held() || s.Audio != discard() {
		t.Errorf("got %+v, %v\n%s", s, err, body)
	}
}

func TestAnswerDirection(t *testing.T) {
	want := map[[2]Direction]Direction{ // {offered, wanted by the answerer}
		{SendRecv, SendRecv}: SendRecv, {SendRecv, SendOnly}: SendOnly, {SendRecv, Inactive}: Inactive,
		{SendOnly, SendRecv}: RecvOnly, {SendOnly, SendOnly}: Inactive, {SendOnly, RecvOnly}: RecvOnly,
		{RecvOnly, SendRecv}: SendOnly, {RecvOnly, RecvOnly}: Inactive, {Inactive, SendRecv}: Inactive,
	}
	for pair, direction := range want {
		offer, err := Parse([]byte(head + "m=audio 4000 RTP/AVP 0\r\na=" + string(pair[0]) + "\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		body, _, err := writer(1).Answer(offer, Description{Direction: pair[1], Codecs: []Codec{staticFormats[0]}}, at)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Parse(body); err != nil || got.Direction != direction {
			t.Errorf("offered %s, wanted %s: got %s, %v, want %s", pair[0], pair[1], got.Direction, err, direction)
		}
	}
}

// What is written is read back as it was, by us and by pion/sdp.
func TestRoundTrip(t *testing.T) {
	codec := rapid.Custom(func(t *rapid.T) Codec {
		return Codec{
			Name:     rapid.SampledFrom([]string{"PCMU", "PCMA", "G722", "opus", "speex", "AMR", "L16"}).Draw(t, "name"),
			Clock:    8000 * rapid.IntRange(1, 6).Draw(t, "clock"),
			Channels: rapid.IntRange(1, 2).Draw(t, "channels"),
			Fmtp:     rapid.StringMatching(`([a-z]{1,8}=[0-9]{1,3}(;[a-z]{1,8}=[0-9]{1,3}){0,2})?`).Draw(t, "fmtp"),
		}
	}).Filter(func(c Codec) bool { return c.Name != "G722" || c.Clock == 8000 })
	rapid.Check(t, func(t *rapid.T) {
		d := Description{
			Codecs:    rapid.SliceOfN(codec, 1, 8).Draw(t, "codecs"),
			Direction: rapid.SampledFrom([]Direction{SendRecv, SendOnly, RecvOnly, Inactive}).Draw(t, "direction"),
			Ptime:     rapid.IntRange(0, 120).Draw(t, "ptime"),
		}
		if rapid.Bool().Draw(t, "dtmf") {
			d.Codecs = append(d.Codecs, Codec{TelephoneEvent, 8000, 1, "0-15"})
		}
		local := Local{Addr: netip.AddrPortFrom(netip.MustParseAddr(
			rapid.SampledFrom([]string{"192.0.2.1", "2001:db8::1"}).Draw(t, "addr")), rapid.Uint16Range(1, 65534).Draw(t, "port"))}
		body, formats := NewWriter().Offer(d, local)
		s, err := Parse(body)
		if err != nil {
			t.Fatal(err)
		}
		if words(s.Formats) != words(formats) || s.Direction != d.Direction || s.Ptime != d.Ptime || s.Audio != local.Addr {
			t.Fatalf("wrote %+v, read %+v\n%s", d, s, body)
		}
		var foreign pion.SessionDescription
		if err := foreign.Unmarshal(body); err != nil {
			t.Fatalf("pion/sdp cannot read it: %v\n%s", err, body)
		}
		for _, f := range formats {
			c, err := foreign.GetCodecForPayloadType(f.PT)
			if err != nil || !strings.EqualFold(c.Name, f.Name) || int(c.ClockRate) != f.Clock || c.Fmtp != f.Fmtp {
				t.Fatalf("pion/sdp reads payload type %d as %+v, %v, want %+v", f.PT, c, err, f)
			}
		}
	})
}

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
