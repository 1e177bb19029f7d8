package sip

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// Part is something that goes with the offer of a session: headers name it by its ID, "cid:ID" (RFC 2392).
type Part struct {
	Type string // "application/pidf+xml"
	ID   string
	Body []byte
}

// attach puts parts beside the body of a request (RFC 5621: multipart/mixed).
func attach(req *Request, parts []Part) {
	if len(parts) == 0 || len(req.Body()) == 0 {
		return
	}
	boundary := sip.GenerateTagN(24)
	var b bytes.Buffer
	add := func(kind, id string, body []byte) {
		b.WriteString("--" + boundary + "\r\nContent-Type: " + oneLine(kind) + "\r\n")
		if id != "" {
			b.WriteString("Content-ID: <" + oneLine(id) + ">\r\n")
		}
		b.WriteString("\r\n")
		b.Write(body)
		b.WriteString("\r\n")
	}
	add("application/sdp", "", req.Body())
	for _, p := range parts {
		add(p.Type, p.ID, p.Body)
	}
	b.WriteString("--" + boundary + "--\r\n")
	kind := sip.ContentTypeHeader("multipart/mixed;boundary=" + boundary)
	length := sip.ContentLengthHeader(b.Len())
	req.ReplaceHeader(&kind)
	req.SetBody(b.Bytes())
	req.ReplaceHeader(&length)
}

// unpack takes the session description out of a request whose body has several parts, and passes over the others unless one must be
// understood (RFC 5621, 8.3: handling; what says nothing of it is no reason to lose a call). The request stays as it is where there is
// no description, and is refused.
func unpack(req *Request) {
	t := req.ContentType()
	if t == nil || len(req.Body()) == 0 {
		return
	}
	kind, params, err := mime.ParseMediaType(t.Value())
	if err != nil || kind != "multipart/mixed" {
		return
	}
	var sdp []byte
	for r := multipart.NewReader(bytes.NewReader(req.Body()), params["boundary"]); ; {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return
		}
		kind, _, _ := mime.ParseMediaType(cmp.Or(p.Header.Get("Content-Type"), "text/plain"))
		_, how, _ := mime.ParseMediaType(p.Header.Get("Content-Disposition"))
		switch {
		case kind == "application/sdp" && sdp == nil:
			if sdp, err = io.ReadAll(p); err != nil {
				return
			}
		case strings.EqualFold(how["handling"], "required"):
			return
		}
	}
	if len(sdp) == 0 {
		return
	}
	only, length := sip.ContentTypeHeader("application/sdp"), sip.ContentLengthHeader(len(sdp))
	req.ReplaceHeader(&only)
	req.ReplaceHeader(&length)
	req.SetBody(sdp)
}
