package sip

import (
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
)

func TestAttach(t *testing.T) {
	req := sip.NewRequest(sip.INVITE, URI{Scheme: "sip", Host: "h"})
	setSDP(req, []byte("v=0\r\n"))
	attach(req, nil)
	if req.ContentType().Value() != "application/sdp" {
		t.Fatalf("%s", req.ContentType().Value())
	}
	attach(req, []Part{{"application/pidf+xml", "where@h", []byte("<presence/>")}})
	kind, params, err := mime.ParseMediaType(req.ContentType().Value())
	if err != nil || kind != "multipart/mixed" || int(*req.ContentLength()) != len(req.Body()) {
		t.Fatalf("%s, %v, length %d of %d", kind, err, *req.ContentLength(), len(req.Body()))
	}
	r := multipart.NewReader(strings.NewReader(string(req.Body())), params["boundary"])
	for _, want := range [][3]string{{"application/sdp", "", "v=0\r\n"}, {"application/pidf+xml", "<where@h>", "<presence/>"}} {
		p, err := r.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(p)
		if got := [3]string{p.Header.Get("Content-Type"), p.Header.Get("Content-ID"), string(body)}; err != nil || got != want {
			t.Errorf("%q, want %q, %v", got, want, err)
		}
	}
	if _, err := r.NextPart(); err != io.EOF {
		t.Errorf("more: %v", err)
	}
}

// parcel is an INVITE whose body has the parts.
func parcel(parts ...string) *Request {
	req := sip.NewRequest(sip.INVITE, URI{Scheme: "sip", Host: "h"})
	kind, body := sip.ContentTypeHeader(`Multipart/Mixed;boundary="x y"`), ""
	for _, p := range parts {
		body += "--x y\r\n" + p + "\r\n"
	}
	length := sip.ContentLengthHeader(0)
	req.AppendHeader(&kind)
	req.AppendHeader(&length)
	req.SetBody([]byte(body + "--x y--\r\n"))
	return req
}

func TestUnpack(t *testing.T) {
	const sdp, place = "Content-Type: application/sdp\r\n\r\nv=0\r\n", "Content-Type: application/pidf+xml\r\nContent-ID: <a@h>\r\n\r\n<presence/>"
	for name, c := range map[string]struct {
		parts []string
		want  string
	}{
		"a place":                  {[]string{place, sdp}, "v=0\r\n"},
		"two descriptions":         {[]string{sdp, "Content-Type: application/sdp\r\n\r\nv=1\r\n"}, "v=0\r\n"},
		"no description":           {[]string{place, "\r\nhi"}, ""},
		"nothing":                  {nil, ""},
		"must be understood":       {[]string{sdp, "Content-Type: text/x\r\nContent-Disposition: session;handling=required\r\n\r\nhi"}, ""},
		"need not be understood":   {[]string{sdp, "Content-Disposition: render; handling=optional\r\n\r\nhi"}, "v=0\r\n"},
		"a description is the one": {[]string{"Content-Disposition: session;handling=required\r\n" + sdp}, "v=0\r\n"},
	} {
		req := parcel(c.parts...)
		unpack(req)
		if readable(req) != (c.want != "") || c.want != "" && (string(req.Body()) != c.want || int(*req.ContentLength()) != len(c.want)) {
			t.Errorf("%s: %s %q", name, req.ContentType().Value(), req.Body())
		}
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add("multipart/mixed;boundary=b", []byte("--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b--\r\n"))
	f.Add("multipart/mixed", []byte("--"))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		req := sip.NewRequest(sip.INVITE, URI{Scheme: "sip", Host: "h"})
		h, length := sip.ContentTypeHeader(kind), sip.ContentLengthHeader(len(body))
		req.AppendHeader(&h)
		req.AppendHeader(&length)
		req.SetBody(body)
		unpack(req)
		if len(req.Body()) > len(body) || int(*req.ContentLength()) != len(req.Body()) {
			t.Errorf("%d bytes, said to be %d, of %d", len(req.Body()), int(*req.ContentLength()), len(body))
		}
	})
}
