package proof

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"strowger/pkg/errs"
)

func TestLinesLeaveWhatFollows(t *testing.T) {
	var b bytes.Buffer
	said := Verdict{Error: errs.New(errs.Gone, "the caller hung up")}
	if err := errors.Join(WriteLine(&b, Entry{Key: "k\n", Proof: "p"}), WriteLine(&b, said)); err != nil {
		t.Fatal(err)
	}
	b.WriteString("INVITE")
	var e Entry
	var v Verdict
	if err := errors.Join(ReadLine(&b, MaxEntry, &e), ReadLine(&b, MaxVerdict, &v)); err != nil {
		t.Fatal(err)
	}
	if e != (Entry{Key: "k\n", Proof: "p"}) || v.OK || v.Error.Code != errs.Gone || v.Error.Words != "the caller hung up" || b.String() != "INVITE" {
		t.Errorf("read %+v, %+v, left %q", e, v, b.String())
	}
}

func TestReadLineRefuses(t *testing.T) {
	var v Verdict
	for line, want := range map[string]errs.Code{
		strings.Repeat(" ", 65) + "\n": errs.Invalid,
		"{\"ok\":1}\n":                 errs.Invalid,
		"\n":                           errs.Invalid,
	} {
		if err := ReadLine(strings.NewReader(line), 64, &v); errs.CodeOf(err) != want {
			t.Errorf("%q: %v", line, err)
		}
	}
	if err := ReadLine(strings.NewReader(`{"ok":true}`), 64, &v); !errors.Is(err, io.EOF) {
		t.Errorf("a line without end: %v", err)
	}
	if err := ReadLine(strings.NewReader(`{"ok":true}`+strings.Repeat(" ", 64-11)+"\n"), 64, &v); err != nil || !v.OK {
		t.Errorf("the longest line: %v", err)
	}
}

func FuzzReadLine(f *testing.F) {
	f.Add([]byte("{\"ok\":true}\nINVITE sip:1@x SIP/2.0\r\n"))
	f.Add([]byte(`{"error":{"code":"gone","words":"the caller hung up"}}` + "\n"))
	f.Add([]byte(`{"key":"a.b.c","proof":"d.e.f"}` + "\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		var v Verdict
		if ReadLine(r, 100, &v) == nil && (len(b)-r.Len() > 101 || b[len(b)-r.Len()-1] != '\n') {
			t.Errorf("read %d bytes of %q", len(b)-r.Len(), b)
		}
	})
}
