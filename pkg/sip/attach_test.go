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
