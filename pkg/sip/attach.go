package sip

import (
	"bytes"

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
