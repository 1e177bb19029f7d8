package sipleg

import (
	"testing"

	"strowger/pkg/errs"
	"strowger/pkg/sdp"
)

// TestLine puts codecs into the order of a trunk, leaves out what it may not use, and hides the telephone events of one that has INFO.
func TestLine(t *testing.T) {
	const body = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0 8 9 13 101\r\na=rtpmap:101 telephone-event/8000\r\n"
	for _, c := range []struct {
		line                  *Line
		offered, heard, shown string
	}{
		{nil, "PCMU/8000 PCMA/8000 G722/8000 opus/48000/2 telephone-event/8000", "PCMU/8000 PCMA/8000 G722/8000 CN/8000 telephone-event/8000", ""},
		{&Line{Codecs: []string{"G722", "PCMA", "G729"}}, "G722/8000 PCMA/8000 telephone-event/8000", "G722/8000 PCMA/8000 CN/8000 telephone-event/8000", ""},
		{&Line{Info: true}, "PCMU/8000 PCMA/8000 G722/8000 opus/48000/2", "PCMU/8000 PCMA/8000 G722/8000 CN/8000", " telephone-event/8000"},
		{&Line{Codecs: []string{"G729"}}, "telephone-event/8000", "", ""},
	} {
		supported := Supported()
		if got := sdp.Names(c.line.Offered(supported).Codecs); got != c.offered {
			t.Errorf("%+v offers %s, want %s", c.line, got, c.offered)
		}
		if got, want := sdp.Names(supported.Codecs), sdp.Names(Supported().Codecs); got != want {
			t.Errorf("what was offered became %s", got)
		}
		s, err := c.line.Parse([]byte(body), sdp.Ways{Plain: true})
		if c.heard == "" {
			if errs.CodeOf(err) != errs.NoCommonCodec {
				t.Errorf("%+v takes it: %v", c.line, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%+v: %v", c.line, err)
		}
		if got := sdp.Names(s.Description().Codecs); got != c.heard {
			t.Errorf("%+v hears %s, want %s", c.line, got, c.heard)
		}
		if got := sdp.Names(c.line.Description(s).Codecs); got != c.heard+c.shown {
			t.Errorf("%+v shows %s, want %s", c.line, got, c.heard+c.shown)
		}
	}
}
