package webside

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/proof"
	"strowger/pkg/sdp"
)

// A device that calls with a proof that counts for nothing leaves nothing behind.
func TestVisitWithoutProof(t *testing.T) {
	l := legs{now: time.Now}
	if _, err := l.visit("lg_1", proof.Call{}, nil); errs.CodeOf(err) != errs.Replayed {
		t.Errorf("a proof without an id: %v", err)
	}
	if len(l.waiting) != 0 {
		t.Errorf("%d legs wait for ever", len(l.waiting))
	}
}

// An app is offered what the caller has and no more, wideband first, and keys in the clock of each codec.
func TestFormats(t *testing.T) {
	opus := sdp.Codec{Name: "opus", Clock: 48000, Channels: 2, Fmtp: "useinbandfec=1"}
	g722, noise := sdp.Codec{Name: "G722", Clock: 8000, Channels: 1}, sdp.Codec{Name: sdp.ComfortNoise, Clock: 8000, Channels: 1}
	got, err := formats(sdp.Description{Codecs: []sdp.Codec{g729, pcmu, g722, opus, pcmu, pcma, digits, noise}})
	wide := digits
	wide.Clock = 48000
	want := []sdp.Format{
		{Codec: opus, PT: 111}, {Codec: g722, PT: 9}, {Codec: pcmu, PT: 0}, {Codec: pcma, PT: 8},
		{Codec: wide, PT: 110}, {Codec: digits, PT: 101}, {Codec: noise, PT: 13},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	if c := clock(want, 101); c != 48000 {
		t.Errorf("keys among Opus have timestamps of %d Hz", c)
	}
	if _, err := mediaEngine(want); err != nil {
		t.Error(err)
	}
	_, err = formats(sdp.Description{Codecs: []sdp.Codec{g729, digits}})
	words := "no common codec: the caller's phone speaks G729/8000 telephone-event/8000, apps speak opus/48000/2 G722/8000 PCMU/8000 PCMA/8000"
	if errs.CodeOf(err) != errs.NoCommonCodec || err.Error() != words {
		t.Errorf("without a codec that an app has: %v", err)
	}
}

// Whatever the first line of a stream is, it is one of the two or an error.
func FuzzEntry(f *testing.F) {
	f.Add([]byte(`{"key":"eyJhbGciOiJFZERTQSJ9.e30.c2ln","proof":"eyJhbGciOiJFUzI1NiJ9.e30.c2ln"}`))
	f.Add([]byte(`{"key":"","proof":""}`))
	f.Add([]byte(`{}`))
	f.Add([]byte("null"))
	f.Add([]byte("{\"key\":\"k\"}\nINVITE sip:x SIP/2.0\r\n"))
	f.Add([]byte(strings.Repeat("x", proof.MaxEntry+1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := strings.NewReader(string(b))
		e, err := readEntry(r)
		if err == nil && e.Key == "" || err != nil && (e != proof.Entry{} || errs.CodeOf(err) == errs.Internal) {
			t.Fatalf("%+v, %v", e, err)
		}
		if read := len(b) - r.Len(); read > proof.MaxEntry+1 || bytes.IndexByte(b[:read], '\n') >= 0 && bytes.IndexByte(b[:read], '\n') != read-1 {
			t.Fatalf("read %d bytes", read)
		}
	})
}
