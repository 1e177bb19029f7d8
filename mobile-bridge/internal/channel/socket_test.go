package channel

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"strowger/mobile-bridge/internal/face"
	"strowger/pkg/channel"
	"strowger/pkg/errs"
)

// line is a connection on which some bytes came, and which remembers what is written.
type line struct {
	net.Conn // nil
	in       io.Reader
	out      bytes.Buffer
	closed   bool
}

func (l *line) Read(b []byte) (int, error)       { return l.in.Read(b) }
func (l *line) Write(b []byte) (int, error)      { return l.out.Write(b) }
func (l *line) Close() error                     { l.closed = true; return nil }
func (l *line) SetReadDeadline(time.Time) error  { return nil }
func (l *line) SetWriteDeadline(time.Time) error { return nil }

func (l *line) socket() *socket { return &socket{net: l, in: bufio.NewReaderSize(l, sizeIn)} }

// masked is a frame as a client sends it.
func masked(op ws.OpCode, fin bool, payload string) []byte {
	return ws.MustCompileFrame(ws.MaskFrame(ws.NewFrame(op, fin, []byte(payload))))
}

// TestSocket is what RFC 6455 demands of a server's end: each case is the frames that came, what is read of them, and the answers.
func TestSocket(t *testing.T) {
	closing := func(code ws.StatusCode, why string) ws.Frame {
		return ws.NewCloseFrame(ws.NewCloseFrameBody(code, why))
	}
	for name, tt := range map[string]struct {
		came   [][]byte
		read   []string // "!" for what is no frame
		answer []ws.Frame
		end    error // of the connection, by the server; nil: it goes on
	}{
		"a text":            {came: [][]byte{masked(ws.OpText, true, "é")}, read: []string{"é"}},
		"an empty one":      {came: [][]byte{masked(ws.OpText, true, "")}, read: []string{""}},
		"two at once":       {came: [][]byte{masked(ws.OpText, true, "a"), masked(ws.OpText, true, "b")}, read: []string{"a", "b"}},
		"no text":           {came: [][]byte{masked(ws.OpBinary, true, "a"), masked(ws.OpText, true, "\xff"), masked(ws.OpText, true, "b")}, read: []string{"!", "!", "b"}},
		"the largest":       {came: [][]byte{masked(ws.OpText, true, strings.Repeat("a", channel.MaxFrame))}, read: []string{strings.Repeat("a", channel.MaxFrame)}},
		"fragments":         {came: [][]byte{masked(ws.OpText, false, "a"), masked(ws.OpPing, true, "?"), masked(ws.OpContinuation, false, ""), masked(ws.OpContinuation, true, "b")}, read: []string{"ab"}, answer: []ws.Frame{ws.NewPongFrame([]byte("?"))}},
		"pings and pongs":   {came: [][]byte{masked(ws.OpPing, true, "?"), masked(ws.OpPong, true, "!"), masked(ws.OpText, true, "a")}, read: []string{"a"}, answer: []ws.Frame{ws.NewPongFrame([]byte("?"))}},
		"a close":           {came: [][]byte{masked(ws.OpClose, true, "\x03\xe9bye")}, answer: []ws.Frame{ws.NewCloseFrame([]byte("\x03\xe9"))}, end: io.EOF},
		"one without words": {came: [][]byte{masked(ws.OpClose, true, "")}, answer: []ws.Frame{ws.NewCloseFrame(nil)}, end: io.EOF},
		"too much": {
			came:   [][]byte{masked(ws.OpText, false, strings.Repeat("a", channel.MaxFrame)), masked(ws.OpContinuation, true, "a")},
			answer: []ws.Frame{closing(ws.StatusMessageTooBig, errTooLarge.Error())}, end: errTooLarge,
		},
		"more than there is": {
			came:   [][]byte{{0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4}},
			answer: []ws.Frame{closing(ws.StatusMessageTooBig, errTooLarge.Error())}, end: errTooLarge,
		},
		"no mask": {
			came:   [][]byte{ws.MustCompileFrame(ws.NewTextFrame([]byte("a")))},
			answer: []ws.Frame{closing(ws.StatusProtocolError, ws.ErrProtocolMaskRequired.Error())}, end: ws.ErrProtocolMaskRequired,
		},
		"another in the midst": {
			came:   [][]byte{masked(ws.OpText, false, "a"), masked(ws.OpText, true, "b")},
			answer: []ws.Frame{closing(ws.StatusProtocolError, ws.ErrProtocolContinuationExpected.Error())}, end: ws.ErrProtocolContinuationExpected,
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := &line{in: bytes.NewReader(slices.Concat(tt.came...))}
			s := l.socket()
			var read []string
			var err error
			for err == nil || errs.CodeOf(err) == errs.Invalid {
				var frame []byte
				if frame, err = s.next(); err == nil {
					read = append(read, string(frame))
				} else if errs.CodeOf(err) == errs.Invalid {
					read = append(read, "!")
				}
			}
			want := tt.end
			if want == nil {
				want = io.EOF // of what came
			}
			if !slices.Equal(read, tt.read) || !errors.Is(err, want) || l.closed != (tt.end != nil) {
				t.Errorf("read %.40q, then %v, closed %t", read, err, l.closed)
			}
			var answer []byte
			for _, f := range tt.answer {
				answer = append(answer, ws.MustCompileFrame(f)...)
			}
			if !bytes.Equal(l.out.Bytes(), answer) {
				t.Errorf("answered %q, want %q", l.out.Bytes(), answer)
			}
		})
	}
}

// FuzzSocket reads anything that may come: it ends, and what is taken for a frame is a text that is not too large.
func FuzzSocket(f *testing.F) {
	f.Add(masked(ws.OpText, true, `{"type":"ping","received":3}`))
	f.Add(slices.Concat(masked(ws.OpText, false, `{"type":`), masked(ws.OpPing, true, ""), masked(ws.OpContinuation, true, `"ack"}`)))
	f.Add(masked(ws.OpClose, true, "\x03\xe8"))
	f.Add([]byte{0x81, 0xfe, 0xff, 0xff, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, came []byte) {
		s := (&line{in: bytes.NewReader(came)}).socket()
		for {
			frame, err := s.next()
			switch {
			case err == nil && (len(frame) > channel.MaxFrame || !utf8.Valid(frame)):
				t.Fatalf("took %q", frame)
			case err != nil && errs.CodeOf(err) != errs.Invalid:
				return
			}
		}
	})
}

// TestSocketWaits reads frames of a connection that the reader waits for: those that come together, in halves, and bit by bit.
func TestSocketWaits(t *testing.T) {
	near, far := net.Pipe()
	calm := &face.Patient{Conn: near}
	s := &socket{net: calm, in: bufio.NewReaderSize(calm, sizeIn), calm: calm, more: true}
	one, two := masked(ws.OpText, true, "one"), masked(ws.OpText, true, strings.Repeat("two", 100))
	sent := make(chan error, 1)
	go func() {
		for _, part := range slices.Concat([][]byte{slices.Concat(one, two), one[:3], one[3:]}, slices.Collect(slices.Chunk(two, 1))) {
			if _, err := far.Write(part); err != nil {
				sent <- err
				return
			}
		}
		sent <- far.Close()
	}()
	for i, want := range []string{"one", strings.Repeat("two", 100), "one", strings.Repeat("two", 100)} {
		frame, err := s.Read(t.Context())
		if err != nil || string(frame) != want {
			t.Errorf("frame %d: %.20q, %v", i, frame, err)
		}
	}
	if frame, err := s.Read(t.Context()); err == nil {
		t.Errorf("after the end: %q", frame)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	near, far = net.Pipe()
	defer func() { _ = far.Close() }()
	calm = &face.Patient{Conn: near}
	s = &socket{net: calm, in: bufio.NewReaderSize(calm, sizeIn), calm: calm}
	ctx, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	if _, err := s.Read(ctx); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("without time: %v", err)
	}
	s.Close()
}
