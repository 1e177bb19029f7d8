package sdp

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"strowger/pkg/errs"
)

// The bodies in testdata are what the named phones and switches write, with addresses of documentation.
func TestParse(t *testing.T) {
	tests := []struct {
		file      string
		formats   string
		direction Direction
		ptime     int
		audio     string
		rtcp      string
		refused   int
	}{
		{"baresip", "96 opus/48000/2 stereo=1;sprop-stereo=1, 0 PCMU/8000, 8 PCMA/8000, 9 G722/8000, 97 telephone-event/8000 0-15",
			SendRecv, 20, "192.168.1.20:19546", "192.168.1.20:19547", 0},
		{"linphone", "96 opus/48000/2 useinbandfec=1, 97 speex/16000 vbr=on, 98 speex/8000 vbr=on, 0 PCMU/8000, 8 PCMA/8000, " +
			"101 telephone-event/48000, 99 telephone-event/16000, 100 telephone-event/8000",
			SendRecv, 0, "203.0.113.9:7078", "203.0.113.9:7079", 1},
		{"yealink", "9 G722/8000, 0 PCMU/8000, 8 PCMA/8000, 18 G729/8000 annexb=no, 101 telephone-event/8000 0-15",
			SendRecv, 20, "192.168.10.31:11780", "192.168.10.31:11781", 0},
		{"cisco", "102 L16/16000, 9 G722/8000, 124 ISAC/16000, 0 PCMU/8000, 8 PCMA/8000, 116 iLBC/8000 mode=20, 18 G729/8000 annexb=yes, " +
			"101 telephone-event/8000 0-15", SendOnly, 0, "10.20.30.40:29674", "10.20.30.40:29675", 2},
		{"asterisk", "3 GSM/8000, 112 AMR/8000 octet-align=1, 13 CN/8000", SendRecv, 0, "198.51.100.4:18214", "198.51.100.4:18215", 1},
		{"ipv6", "8 PCMA/8000", Inactive, 0, "[2001:db8::5]:40000", "[2001:db8::6]:40100", 0},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			s, err := Parse(testdata(t, tt.file))
			if err != nil {
				t.Fatal(err)
			}
			if got := words(s.Formats); got != tt.formats {
				t.Errorf("formats\n got %s\nwant %s", got, tt.formats)
			}
			if s.Direction != tt.direction || s.Ptime != tt.ptime {
				t.Errorf("got %s, ptime %d, want %s, ptime %d", s.Direction, s.Ptime, tt.direction, tt.ptime)
			}
			if s.Audio.String() != tt.audio || s.RTCP.String() != tt.rtcp {
				t.Errorf("got RTP at %s and RTCP at %s, want %s and %s", s.Audio, s.RTCP, tt.audio, tt.rtcp)
			}
			if got := len(s.sections) - 1; got != tt.refused {
				t.Errorf("got %d sections to be refused, want %d", got, tt.refused)
			}
		})
	}
}

const head = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"

func TestParseRefuses(t *testing.T) {
	tests := []struct {
		name, body string
		code       errs.Code
	}{
		{"empty", "", errs.Invalid},
		{"not SDP", "hello", errs.Invalid},
		{"version 1", strings.Replace(head, "v=0", "v=1", 1) + "m=audio 4000 RTP/AVP 0\r\n", errs.Invalid},
		{"no origin", "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\n", errs.Invalid},
		{"origin without numbers", "v=0\r\no=- x y IN IP4 192.0.2.1\r\n", errs.Invalid},
		{"no connection", "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\n", errs.Invalid},
		{"name as address", head + "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 phone.example\r\n", errs.Invalid},
		{"multicast", head + "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 224.2.1.1\r\n", errs.Invalid},
		{"address of the other family", head + "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 2001:db8::1\r\n", errs.Invalid},
		{"port", head + "m=audio 70000 RTP/AVP 0\r\n", errs.Invalid},
		{"no format", head + "m=audio 4000 RTP/AVP\r\n", errs.Invalid},
		{"payload type", head + "m=audio 4000 RTP/AVP 128\r\n", errs.Invalid},
		{"rtpmap", head + "m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 opus\r\n", errs.Invalid},
		{"clock 0", head + "m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 x/0\r\n", errs.Invalid},
		{"flow", head + "m=audio 9 RTP/AVP 0\r\na=strowger-flow:-1\r\n", errs.Invalid},
		{"control character", head + "m=audio 4000 RTP/AVP 0\r\na=\x00\r\n", errs.Invalid},
		{"too long", head + "m=audio 4000 RTP/AVP 0\r\na=" + strings.Repeat("x", MaxBody), errs.Invalid},
		{"too many sections", head + strings.Repeat("m=audio 4000 RTP/AVP 0\r\n", 17), errs.Invalid},
		{"too many formats", head + "m=audio 4000 RTP/AVP" + strings.Repeat(" 0", 65), errs.Invalid},
		{"no media", head, errs.NoCommonCodec},
		{"fax only", head + "m=image 4000 udptl t38\r\n", errs.NoCommonCodec},
		{"audio refused", head + "m=audio 0 RTP/AVP 0\r\n", errs.NoCommonCodec},
		{"SRTP only", head + "m=audio 4000 RTP/SAVP 0\r\n", errs.NoCommonCodec},
		{"no speech codec", head + "m=audio 4000 RTP/AVP 101 13\r\na=rtpmap:101 telephone-event/8000\r\n", errs.NoCommonCodec},
		{"dynamic type without a=rtpmap", head + "m=audio 4000 RTP/AVP 96\r\n", errs.NoCommonCodec},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Parse([]byte(tt.body)); errs.CodeOf(err) != tt.code {
				t.Errorf("got %v, want code %s", err, tt.code)
			}
		})
	}
}

func TestParseLineEnds(t *testing.T) {
	body := string(testdata(t, "baresip"))
	want, err := Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, end := range []string{"\n", "\r", "\r\n\r\n"} {
		got, err := Parse([]byte(strings.ReplaceAll(body, "\r\n", end)))
		if err != nil || words(got.Formats) != words(want.Formats) || got.Audio != want.Audio {
			t.Errorf("lines ended by %q: got %+v, %v", end, got, err)
		}
	}
}

func TestHold(t *testing.T) {
	tests := []struct {
		lines string
		want  Direction
		held  bool
	}{
		{"", SendRecv, false},
		{"a=sendonly\r\n", SendOnly, true},
		{"a=recvonly\r\n", RecvOnly, false},
		{"a=inactive\r\n", Inactive, true},
		{"c=IN IP4 0.0.0.0\r\n", SendOnly, true}, // RFC 3264, 8.4
		{"c=IN IP4 0.0.0.0\r\na=recvonly\r\n", Inactive, true},
	}
	for _, tt := range tests {
		s, err := Parse([]byte(head + "m=audio 4000 RTP/AVP 0\r\n" + tt.lines))
		if err != nil || s.Direction != tt.want || s.Held() != tt.held {
			t.Errorf("%q: got %s, held %v, %v, want %s, held %v", tt.lines, s.Direction, s.Held(), err, tt.want, tt.held)
		}
	}
}

func TestG722ClockOfSomePhones(t *testing.T) {
	s, err := Parse([]byte(head + "m=audio 4000 RTP/AVP 9\r\na=rtpmap:9 g722/16000\r\n"))
	if err != nil || s.Formats[0].String() != "G722/8000" {
		t.Errorf("got %v, %v", s.Formats, err)
	}
}

func TestFindPrefersEqualParameters(t *testing.T) {
	amr := Codec{Name: "AMR", Clock: 8000, Channels: 1}
	aligned := amr
	aligned.Fmtp = "octet-align=1"
	formats := []Format{{aligned, 96}, {amr, 97}}
	if f, ok := Find(formats, amr); !ok || f.PT != 97 {
		t.Errorf("got %v", f)
	}
	other := amr
	other.Fmtp = "mode-set=7"
	if f, ok := Find(formats, other); !ok || f.PT != 96 {
		t.Errorf("got %v", f)
	}
	if _, ok := Find(formats, Codec{Name: "AMR-WB", Clock: 16000, Channels: 1}); ok {
		t.Error("found what is not there")
	}
}

func TestCommon(t *testing.T) {
	pcmu, pcma := staticFormats[0], staticFormats[8]
	event := Codec{TelephoneEvent, 8000, 1, "0-15"}
	offer := Description{Codecs: []Codec{pcmu, pcma, event}, Direction: SendOnly, Ptime: 20}
	got, err := Common(offer, Description{Codecs: []Codec{pcma, staticFormats[9], event}, Direction: RecvOnly, Ptime: 30})
	if err != nil || !slices.Equal(got.Codecs, []Codec{pcma, event}) || got.Direction != RecvOnly || got.Ptime != 30 {
		t.Errorf("got %+v, %v", got, err)
	}
	if c, ok := got.Speech(); !ok || c != pcma {
		t.Errorf("speech codec is %v", c)
	}
	wide, opus := Codec{TelephoneEvent, 48000, 1, "0-16"}, Codec{"opus", 48000, 2, ""}
	offer.Codecs = append(offer.Codecs, opus)
	if got, err := Common(offer, Description{Codecs: []Codec{opus, wide, event}}); err != nil || !slices.Equal(got.Codecs, []Codec{opus, event}) {
		t.Errorf("events of another clock: %+v, %v", got, err)
	}
	formats := []Format{{opus, 96}, {wide, 97}, {event, 98}}
	if f, ok := Match(formats, event); !ok || f.PT != 98 {
		t.Errorf("events become %+v", f)
	}
	if f, ok := Match(formats[:2], event); !ok || f.PT != 97 {
		t.Errorf("events become %+v", f)
	}
	if f, ok := Match(formats, pcmu); ok {
		t.Errorf("speech becomes %+v", f)
	}
	if _, err := Common(offer, Description{Codecs: []Codec{event}}); errs.CodeOf(err) != errs.NoCommonCodec {
		t.Errorf("only events in common: got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.sdp")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(head + "m=audio 9 RTP/AVP 0\r\na=strowger-flow:7\r\n"))
	for _, c := range []string{"IN IP6 2001:db8::20", "IN IP6 ::ffff:192.0.2.2", "IN IP6 [2001:db8::20]", "IN IP6 2001:db8:::192.0.2.1", "IN IP6 ff15::101/3"} { // RFC 5118, 4.6 to 4.9
		f.Add([]byte("v=0\r\no=a 1 0 " + c + "\r\ns=-\r\nc=" + c + "\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\n"))
		f.Add([]byte("v=0\r\no=a 1 0 IN IP4 192.0.2.1\r\ns=\r\nt=0 0\r\nm=audio 22334 RTP/AVP 0\r\nc=IN IP4 192.0.2.1\r\nm=video 6024 RTP/AVP 107\r\nc=" + c + "\r\n"))
	}
	at := Local{Addr: netip.MustParseAddrPort("192.0.2.9:4000")}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Parse(b)
		if err != nil {
			return
		}
		// What is taken can be answered and offered on, and what is written can be read.
		body, formats, err := NewWriter().Answer(s, s.Description(), at)
		if err != nil {
			t.Fatalf("cannot answer with what was offered: %v", err)
		}
		again, err := Parse(body)
		if err != nil {
			t.Fatalf("cannot read the answer: %v\n%s", err, body)
		}
		if words(again.Formats) != words(formats) {
			t.Fatalf("wrote %v, read %v", formats, again.Formats)
		}
		body, formats = NewWriter().Offer(s.Description(), at)
		if again, err = Parse(body); err != nil || words(again.Formats) != words(formats) {
			t.Fatalf("wrote %v, read %v, %v\n%s", formats, again.Formats, err, body)
		}
	})
}

func testdata(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".sdp"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func words(formats []Format) string {
	var s []string
	for _, f := range formats {
		s = append(s, strings.TrimSpace(itoa(f.PT)+" "+f.String()+" "+f.Fmtp))
	}
	return strings.Join(s, ", ")
}

// The answer of a browser: what matters is the codecs, the direction and the certificates; its address means nothing.
func TestParseSecure(t *testing.T) {
	body := strings.ReplaceAll(`v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=fingerprint:sha-256 AA:BB
m=audio 9 UDP/TLS/RTP/SAVPF 8 101
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:x
a=fingerprint:sha-256 CC:DD
a=recvonly
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
`, "\n", "\r\n")
	s, err := ParseSecure([]byte(body))
	if s.Video.Sends() || s.Video.Receives() {
		t.Errorf("there is video: %+v", s.Video)
	}
	if err != nil || len(s.Formats) != 2 || s.Formats[0].Name != "PCMA" || s.Direction != RecvOnly || s.Audio.IsValid() ||
		!slices.Equal(s.Fingerprints, []string{"sha-256 CC:DD"}) {
		t.Errorf("%+v, %v", s, err)
	}
	for without, want := range map[string][]string{
		"a=fingerprint:sha-256 AA:BB\r\n": {"sha-256 CC:DD"},
		"a=fingerprint:sha-256 CC:DD\r\n": {"sha-256 AA:BB"}, // then the session's goes for the medium
	} {
		if s, err := ParseSecure([]byte(strings.Replace(body, without, "", 1))); err != nil || !slices.Equal(s.Fingerprints, want) {
			t.Errorf("without %q: %v, %v", without, s.Fingerprints, err)
		}
	}
	if _, err := Parse([]byte(body)); errs.CodeOf(err) != errs.NoCommonCodec {
		t.Errorf("as the answer of a phone: %v", err)
	}
	if _, err := ParseSecure([]byte(strings.Replace(body, "UDP/TLS/RTP/SAVPF", "RTP/AVP", 1))); errs.CodeOf(err) != errs.NoCommonCodec {
		t.Errorf("without DTLS: %v", err)
	}
}

// TestVideo: the camera and the screen of a WebRTC peer.
func TestVideo(t *testing.T) {
	const audio = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\n"
	const camera = "m=video 9 UDP/TLS/RTP/SAVPF 96 97 102\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n" +
		"a=rtpmap:102 H264/90000\r\na=fmtp:102 packetization-mode=1\r\na=ssrc:7 cname:x\r\n"
	for name, c := range map[string]struct {
		section         string
		formats         string
		sends, receives bool
		sources         int
	}{
		"both ways":        {camera, "96 VP8/90000, 102 H264/90000 packetization-mode=1", true, true, 1},
		"one way":          {camera + "a=recvonly\r\n", "96 VP8/90000, 102 H264/90000 packetization-mode=1", false, true, 1},
		"the other way":    {camera + "a=sendonly\r\n", "96 VP8/90000, 102 H264/90000 packetization-mode=1", true, false, 1},
		"refused":          {strings.Replace(camera, " 9 ", " 0 ", 1), "", false, false, 0},
		"without DTLS":     {strings.Replace(camera, "UDP/TLS/RTP/SAVPF", "RTP/AVP", 1), "", false, false, 0},
		"cannot be read":   {strings.Replace(camera, "VP8/90000", "VP8", 1), "", false, false, 1},
		"none":             {"", "", false, false, 0},
		"the second of it": {strings.Replace(camera, " 9 ", " 0 ", 1) + camera, "96 VP8/90000, 102 H264/90000 packetization-mode=1", true, true, 1},
	} {
		s, err := ParseSecure([]byte(audio + c.section))
		if err != nil || words(s.Video.Formats) != c.formats || s.Video.Sends() != c.sends || s.Video.Receives() != c.receives || len(s.Video.Sources) != c.sources {
			t.Errorf("%s: %+v, %v", name, s.Video, err)
		}
	}
}

// TestConnectionOfIPv4InIPv6 reads the address that RFC 5118, 4.9 has.
func TestConnectionOfIPv4InIPv6(t *testing.T) {
	s, err := Parse([]byte("v=0\r\no=UserA 2890844526 2890844526 IN IP6 2001:db8::20\r\ns=Session SDP\r\nc=IN IP6 ::ffff:192.0.2.1\r\nt=0 0\r\nm=audio 49170 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"))
	if want := netip.MustParseAddrPort("192.0.2.1:49170"); err != nil || s.Audio != want {
		t.Errorf("%v, %v, want %v", s.Audio, err, want)
	}
}
