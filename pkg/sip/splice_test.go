package sip

import (
	"strings"
	"testing"

	"strowger/pkg/errs"
)

func TestFirst(t *testing.T) {
	const message = "BYE sip:a@b SIP/2.0\r\nContent-Length: 3\r\n\r\nabc"
	for b, want := range map[string]int{
		"": 0, "BYE": 0, message[:20]: 0, message[:len(message)-1]: 0, message: len(message), message + "BYE": len(message),
		"\r\n\r\n" + message: 4, "\r\n": 2,
	} {
		if n, err := First([]byte(b)); n != want || err != nil {
			t.Errorf("%q: %d, %v, want %d", b, n, err, want)
		}
	}
	for _, b := range []string{"BYE sip:a@b SIP/2.0\r\n\r\n", "hello\r\n\r\n", "BYE sip:a@b SIP/2.0\nl: 0\n\n", strings.Repeat("x", maxHeader+1)} {
		if n, err := First([]byte(b)); err == nil {
			t.Errorf("%.40q: %d", b, n)
		}
	}
}

func TestWhole(t *testing.T) {
	const head = "BYE sip:a@b SIP/2.0\r\nCall-ID: 1\r\n"
	for b, want := range map[string]string{
		head + "l: 0\r\n\r\n":                 head + "l: 0\r\n\r\n",
		head + "\r\n":                         head + "Content-Length: 0\r\n\r\n",
		head + "\r\nabc":                      head + "Content-Length: 3\r\n\r\nabc",
		head + "Content-Length: 3\r\n\r\nabc": head + "Content-Length: 3\r\n\r\nabc",
	} {
		if got, err := Whole([]byte(b)); string(got) != want || err != nil {
			t.Errorf("%q: %q, %v", b, got, err)
		}
	}
	for _, b := range []string{"", "\r\n\r\n", head, head + "l: 4\r\n\r\nabc", head + "l: 2\r\n\r\nabc", head + "l: 1\r\nl: 2\r\n\r\nab", "hello\r\n\r\n"} {
		if got, err := Whole([]byte(b)); errs.CodeOf(err) != errs.Invalid {
			t.Errorf("%q: %q, %v", b, got, err)
		}
	}
}

// FuzzWhole: what is passed on as one message is exactly one on a stream.
func FuzzWhole(f *testing.F) {
	f.Add([]byte("BYE sip:a@b SIP/2.0\r\nCall-ID: 1\r\n\r\nabc"))
	f.Add([]byte("SIP/2.0 200 OK\r\nl: 3\r\n\r\nabc"))
	f.Fuzz(func(t *testing.T, b []byte) {
		whole, err := Whole(b)
		if err != nil {
			return
		}
		if n, err := First(whole); n != len(whole) || err != nil {
			t.Errorf("%q became %q, of which the first %d bytes are a message (%v)", b, whole, n, err)
		}
	})
}
