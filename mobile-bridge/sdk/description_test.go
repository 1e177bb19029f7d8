package sdk

import (
	"slices"
	"strings"
	"testing"

	"strowger/pkg/errs"
)

const written = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=fingerprint:sha-256 ab:cd\r\n" +
	"m=audio 9 UDP/TLS/RTP/SAVPF 111 9 0 8 110 126\r\nc=IN IP4 0.0.0.0\r\na=setup:actpass\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:0 PCMU/8000/1\r\n" +
	"a=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\na=sendrecv\r\nm=video 0 UDP/TLS/RTP/SAVPF 96\r\na=inactive\r\n"

func TestParseOffer(t *testing.T) {
	for frames, want := range map[bool][]string{false: {G722, PCMU, PCMA}, true: {Opus, G722, PCMU, PCMA}} {
		o, err := parseOffer([]byte(written), frames)
		var got []string
		for _, f := range o.speech {
			got = append(got, f.Name)
		}
		if err != nil || !slices.Equal(got, want) || len(o.events) != 2 || !o.sends || !o.receives || o.from("sha-256 AB:CD") != nil {
			t.Errorf("read %+v, %v", o, err)
		}
		keys, ok := o.keys(o.speech[0])
		if !ok || keys.Clock != o.speech[0].Clock {
			t.Errorf("%s has keys of %+v", got[0], keys)
		}
	}
	for _, direction := range []string{"sendonly", "recvonly", "inactive"} {
		o, err := parseOffer([]byte(strings.Replace(written, "sendrecv", direction, 1)), false)
		if err != nil || o.sends != (direction == "sendonly") || o.receives != (direction == "recvonly") {
			t.Errorf("%s is read as %+v, %v", direction, o, err)
		}
	}
	for change, want := range map[*strings.Replacer]errs.Code{
		strings.NewReplacer(" 9 0 8", ""):                    errs.NoCommonCodec,
		strings.NewReplacer("m=audio", "m=text"):             errs.NoCommonCodec,
		strings.NewReplacer("PCMU", "G729", " 9 0 8", " 0 "): errs.NoCommonCodec,
		strings.NewReplacer("v=0", "v=1"):                    errs.Invalid,
	} {
		if _, err := parseOffer([]byte(change.Replace(written)), false); errs.CodeOf(err) != want {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	_, err := parseOffer([]byte(strings.Replace(written, " 9 0 8", "", 1)), false)
	if want := "no common codec: the caller speaks opus/48000/2 telephone-event/48000 telephone-event/8000, this phone G722/8000 PCMU/8000 PCMA/8000"; err == nil || err.Error() != want {
		t.Errorf("the user is told %v", err)
	}
}

func TestFingerprintsOfAnOffer(t *testing.T) {
	for name, c := range map[string]struct {
		offered []string
		known   string
		ok      bool
	}{
		"the node's":           {[]string{"sha-256 AB:CD"}, "sha-256 AB:CD", true},
		"in lower case, twice": {[]string{"sha-256 ab:cd", "SHA-256 AB:CD\r"}, "sha-256 AB:CD", true},
		"another's":            {[]string{"sha-256 AB:CE"}, "sha-256 AB:CD", false},
		"another's beside it":  {[]string{"sha-256 AB:CD", "sha-256 AB:CE"}, "sha-256 AB:CD", false},
		"by another hash":      {[]string{"sha-1 AB:CD"}, "sha-256 AB:CD", false},
		"none":                 {nil, "sha-256 AB:CD", false},
		"none is known":        {[]string{""}, "", false},
	} {
		if err := (offer{fingerprints: c.offered}).from(c.known); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRedescribe(t *testing.T) {
	got := string(redescribe([]byte(written), 7, directions{"sendonly", "recvonly"}, "actpass"))
	want := strings.NewReplacer("o=- 1 1", "o=- 1 7", "sendrecv", "sendonly", "a=inactive", "a=recvonly").Replace(written)
	if got != want {
		t.Errorf("wrote\n%s", got)
	}
	if again := string(redescribe([]byte(strings.Replace(got, "actpass", "active", 1)), 8, bothWays, "passive")); !strings.Contains(again, "a=setup:passive") {
		t.Errorf("wrote\n%s", again)
	}
}

// TestComplete: pion hears that what it offered of video was taken, wherever the answer left it out, and nothing else changes.
func TestComplete(t *testing.T) {
	const session, audio = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\n", "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=setup:active\r\n"
	const video = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\na=sendrecv\r\n"
	const sent = "a=ssrc:7 cname:x\r\na=msid:a b\r\na=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\na=setup:actpass\r\na=ice-ufrag:u\r\n"
	const refused = "m=video 0 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\n"
	for name, c := range map[string]struct{ answer, want string }{
		"taken":    {session + audio + video, session + audio + video},
		"refused":  {session + audio + refused, session + audio + video},
		"left out": {session + audio, session + audio + video},
		"more":     {session + audio + refused + video, session + audio + video + video},
		"no audio": {session, session + video},
	} {
		if got := string(complete([]byte(c.answer), []byte(session+audio+video+sent))); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func FuzzParseOffer(f *testing.F) {
	f.Add([]byte(written), false)
	f.Add([]byte("m=audio 9 RTP/AVP 0\na=rtpmap:999 PCMU/8000\n"), true)
	f.Fuzz(func(t *testing.T, sdp []byte, hold bool) {
		o, err := parseOffer(sdp, !hold)
		if err == nil && (len(o.speech) == 0 || o.find(o.speech[0].PT) != o.speech[0]) {
			t.Errorf("read %+v", o)
		}
		redescribe(sdp, 2, directions{direction(o.sends, hold), "inactive"}, "active")
		complete(sdp, []byte(written))
		complete([]byte(written), sdp)
	})
}
