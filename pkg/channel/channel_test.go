package channel

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"

	"strowger/pkg/errs"
)

func TestFrames(t *testing.T) {
	frame, err := Encode(Head{Seq: 3, Type: TypeWake}, Wake{Sealed: []byte("sealed"), Until: time.Unix(1_800_000_000, 0).UTC()})
	if err != nil || string(frame) != `{"seq":3,"type":"wake","sealed":"c2VhbGVk","until":"2027-01-15T08:00:00Z"}` {
		t.Fatalf("%s, %v", frame, err)
	}
	h, err := Decode(frame)
	if err != nil || h != (Head{Seq: 3, Type: TypeWake}) {
		t.Errorf("%+v, %v", h, err)
	}
	w, err := Body[Wake](frame)
	if err != nil || string(w.Sealed) != "sealed" {
		t.Errorf("%+v, %v", w, err)
	}
	if frame, err = Encode(Head{Type: TypePing}, nil); err != nil || string(frame) != `{"type":"ping"}` {
		t.Errorf("%s, %v", frame, err)
	}
	if frame, err = Encode(Head{Seq: 1, Type: TypeAdmitted, Re: 2}, Failure{}); err != nil || string(frame) != `{"seq":1,"type":"admitted","re":2}` {
		t.Errorf("%s, %v", frame, err)
	}
	for _, body := range []any{"text", []int{1}, Hello{Proof: strings.Repeat("x", MaxFrame)}} {
		if _, err := Encode(Head{Type: TypeHello}, body); errs.CodeOf(err) != errs.Invalid {
			t.Errorf("%.20v: %v", body, err)
		}
	}
	for _, bad := range []string{"", "null", "[]", `"x"`, "{}", `{"type":""}`, `{"type":"wake"}`, `{"type":"ping","seq":1}`, `{"type":"wake","seq":-1}`,
		`{"type":"ping"`, `{"type":7}`, ` {"type":"ping"}`, `{"type":"ping","x":"` + strings.Repeat("x", MaxFrame) + `"}`} {
		if _, err := Decode([]byte(bad)); errs.CodeOf(err) != errs.Invalid {
			t.Errorf("%.40q: %v", bad, err)
		}
	}
}

// TestStream writes frames to a stream and reads them, also when it comes byte by byte, and says what is none.
func TestStream(t *testing.T) {
	var b bytes.Buffer
	all := []string{`{"type":"ping"}`, strings.Repeat("x", MaxFrame), "y"}
	for _, frame := range all {
		if err := WriteFrame(&b, []byte(frame)); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.Bytes()[:4]; string(got) != "\x00\x0f{\"" {
		t.Errorf("the stream begins with %q", got)
	}
	r := iotest.OneByteReader(&b)
	for _, want := range all {
		if got, err := ReadFrame(r); err != nil || string(got) != want {
			t.Fatalf("%.20q, %v; want %.20q", got, err, want)
		}
	}
	if _, err := ReadFrame(r); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	for _, bad := range []string{"\x00", "\x00\x00", "\x40\x01" + strings.Repeat("x", MaxFrame+1), "\x00\x02x", "\xff\xff"} {
		if frame, err := ReadFrame(strings.NewReader(bad)); errs.CodeOf(err) != errs.Invalid {
			t.Errorf("%.20q: %q, %v", bad, frame, err)
		}
	}
	for _, bad := range []int{0, MaxFrame + 1} {
		if err := WriteFrame(&b, make([]byte, bad)); errs.CodeOf(err) != errs.Invalid || b.Len() > 0 {
			t.Errorf("a frame of %d bytes: %v, %d bytes written", bad, err, b.Len())
		}
	}
}

// TestNothingIsLostOrDoubled drives two sides over connections that break at any moment: each frame is taken once, in order.
func TestNothingIsLostOrDoubled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a, b Session
		var sent, taken []uint64
		var wire [][]byte // from a to b
		var written uint64
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0:
				seq, err := a.Put(TypeReport, 0, nil)
				if err != nil && errs.CodeOf(err) != errs.Congested {
					t.Fatal(err)
				}
				if err == nil {
					sent = append(sent, seq)
				}
			case 1:
				if frame, seq := a.After(written); frame != nil {
					written, wire = seq, append(wire, frame)
				}
			case 2:
				if len(wire) == 0 {
					continue
				}
				h, err := Decode(wire[0])
				wire = wire[1:]
				if err != nil {
					t.Fatal(err)
				}
				fresh, err := b.Take(h.Seq)
				if err != nil {
					t.Fatal(err)
				}
				if fresh {
					taken = append(taken, h.Seq)
				}
			case 3:
				if err := a.Acked(b.Received()); err != nil {
					t.Fatal(err)
				}
			case 4: // the connection breaks, and is opened again
				wire, written = nil, b.Received()
				if err := a.Acked(b.Received()); err != nil {
					t.Fatal(err)
				}
			}
			if !slices.Equal(taken, sent[:len(taken)]) {
				t.Fatalf("taken %v of %v", taken, sent)
			}
			if n := len(a.unacked); n > MaxUnacked {
				t.Fatalf("%d frames are kept", n)
			}
		}
	})
}

func TestSessionRefuses(t *testing.T) {
	var s Session
	if _, err := s.Put(TypeReport, 0, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Acked(2); errs.CodeOf(err) != errs.Invalid {
		t.Errorf("an ack of what was never sent: %v", err)
	}
	if err := s.Acked(1); err != nil || s.unacked != nil || !s.Delivered(1) || s.Delivered(2) {
		t.Errorf("acked: %v, %d kept", err, len(s.unacked))
	}
	if _, err := s.Take(2); errs.CodeOf(err) != errs.Invalid {
		t.Errorf("a gap: %v", err)
	}
	for range MaxUnacked {
		if _, err := s.Put(TypeReport, 0, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Put(TypeReport, 0, nil); errs.CodeOf(err) != errs.Congested {
		t.Errorf("one too many: %v", err)
	}
}

// FuzzReadFrame reads streams of strangers: frame after frame, what was read is what they are made of, and nothing is read on.
func FuzzReadFrame(f *testing.F) {
	f.Add([]byte("\x00\x0f{\"type\":\"ping\"}\x00\x0f{\"type\":\"ping\"}"))
	f.Add([]byte("\x00\x1f{\"type\":\"ack\",\"received\":7}\x00\x0f{\"type\":"))
	f.Add([]byte("\x00\x00"))
	f.Add([]byte("\xff\xffGET / HTTP/1.1\r\n"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := bytes.NewReader(stream)
		var again bytes.Buffer
		for {
			frame, err := ReadFrame(r)
			if err == nil {
				err = WriteFrame(&again, frame)
			} else if err != io.EOF && errs.CodeOf(err) != errs.Invalid {
				t.Fatal(err)
			} else {
				break
			}
			if err != nil || !bytes.Equal(again.Bytes(), stream[:len(stream)-r.Len()]) {
				t.Fatalf("%q, %v: of %q", again.Bytes(), err, stream)
			}
		}
	})
}

// FuzzDecode reads frames of strangers.
func FuzzDecode(f *testing.F) {
	for _, v := range []struct {
		head Head
		body any
	}{
		{Head{Type: TypeChallenge}, Challenge{Bridge: "br_1", Nonce: "n"}},
		{Head{Type: TypeHello, Received: 4}, Hello{Proof: "a.b.c", Resume: "r"}},
		{Head{Type: TypeAck, Received: 7}, nil},
		{Head{Type: TypeBye}, errs.New(errs.Revoked, "words")},
		{Head{Seq: 1, Type: TypeReport}, Report{Node: "sw_1", Report: "a.b.c"}},
		{Head{Seq: 2, Type: TypeCancel}, Cancel{Call: "ca_1", Leg: "lg_1", Code: errs.Elsewhere, Words: "words", Sealed: []byte("sealed")}},
	} {
		frame, err := Encode(v.head, v.body)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(frame)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		h, err := Decode(frame)
		if err != nil {
			if errs.CodeOf(err) != errs.Invalid {
				t.Errorf("%v", err)
			}
			return
		}
		again, err := Encode(h, nil)
		if err != nil {
			t.Fatal(err)
		}
		if g, err := Decode(again); err != nil || g != h {
			t.Errorf("%+v does not survive: %+v, %v", h, g, err)
		}
		if !json.Valid(frame) || bytes.IndexByte(frame, '{') != 0 {
			t.Errorf("took %q", frame)
		}
		_, _ = Body[Hello](frame)
		_, _ = Body[Report](frame)
	})
}
