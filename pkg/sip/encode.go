package sip

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// encode writes a message, with a Content-Length whether it has one or not. sipgo's own writer puts quotes around
// parameters that have theirs.
func encode(m sip.Message) []byte {
	var scratch [1024]byte // what is kept for copies of the message is no longer than it
	b := scratch[:0]
	var headers []Header
	switch m := m.(type) {
	case *Request:
		b = append(append(b, m.Method...), ' ')
		b = append(append(appendURI(b, &m.Recipient), ' '), m.SipVersion...)
		headers = m.Headers()
	case *Response:
		b = append(append(b, m.SipVersion...), ' ')
		b = append(append(strconv.AppendInt(b, int64(m.StatusCode), 10), ' '), m.Reason...)
		headers = m.Headers()
	}
	for _, h := range headers {
		if _, ok := h.(*sip.ContentLengthHeader); ok {
			continue
		}
		b = append(append(append(b, "\r\n"...), h.Name()...), ": "...)
		b = appendValue(b, h)
	}
	b = strconv.AppendInt(append(b, "\r\nContent-Length: "...), int64(len(m.Body())), 10)
	return bytes.Clone(append(append(b, "\r\n\r\n"...), m.Body()...))
}

func appendValue(b []byte, h Header) []byte {
	switch h := h.(type) {
	case *sip.ViaHeader:
		b = append(append(append(append(b, h.ProtocolName...), '/'), h.ProtocolVersion...), '/')
		b = append(append(b, h.Transport...), ' ')
		return appendParams(appendHost(b, h.Host, h.Port), h.Params)
	case *sip.FromHeader:
		return appendAddress(b, h.DisplayName, &h.Address, h.Params)
	case *sip.ToHeader:
		return appendAddress(b, h.DisplayName, &h.Address, h.Params)
	case *sip.ContactHeader:
		if h.Address.Wildcard {
			return append(b, '*')
		}
		return appendAddress(b, h.DisplayName, &h.Address, h.Params)
	case *sip.RouteHeader:
		return appendAddress(b, "", &h.Address, nil)
	case *sip.RecordRouteHeader:
		return appendAddress(b, "", &h.Address, nil)
	case *sip.CSeqHeader:
		return append(append(strconv.AppendUint(b, uint64(h.SeqNo), 10), ' '), h.MethodName...)
	}
	return append(b, h.Value()...)
}

func appendAddress(b []byte, display string, u *URI, params sip.HeaderParams) []byte {
	if display != "" {
		b = append(append(append(b, '"'), display...), `" `...)
	}
	b = append(b, '<')
	return appendParams(append(appendURI(b, u), '>'), params)
}

func appendParams(b []byte, params sip.HeaderParams) []byte {
	for _, p := range params {
		if b = append(append(b, ';'), p.K...); p.V != "" {
			b = append(append(b, '='), p.V...)
		}
	}
	return b
}

func appendHost(b []byte, host string, port int) []byte {
	if strings.IndexByte(host, ':') >= 0 && host[0] != '[' {
		b = append(append(append(b, '['), host...), ']')
	} else {
		b = append(b, host...)
	}
	if port > 0 {
		b = strconv.AppendInt(append(b, ':'), int64(port), 10)
	}
	return b
}

func appendURI(b []byte, u *URI) []byte {
	if u.Scheme != "sip" && u.Scheme != "sips" || u.Raw() != "" {
		return append(b, u.String()...)
	}
	b = append(append(b, u.Scheme...), ':')
	if u.User != "" {
		if b = append(b, u.User...); u.Password != "" {
			b = append(append(b, ':'), u.Password...)
		}
		b = append(b, '@')
	}
	b = appendParams(appendHost(b, u.Host, u.Port), u.UriParams)
	for i, h := range u.Headers {
		b = append(b, "?&"[min(i, 1)])
		b = append(append(append(b, h.K...), '='), h.V...)
	}
	return b
}

// newResponse makes a response to a request (RFC 3261, 8.2.6), which it shares headers with, the To tag
// among them.
func newResponse(req *Request, code int, reason string) *Response {
	res := sip.NewResponse(code, reason)
	for _, h := range req.Headers() {
		switch h := h.(type) {
		case *sip.ViaHeader, *sip.FromHeader, *sip.ToHeader, *sip.CallIDHeader, *sip.CSeqHeader:
			res.AppendHeader(h)
		case *sip.RecordRouteHeader:
			if (req.IsInvite() || req.Method == sip.SUBSCRIBE) && code > 100 && code < 300 { // RFC 3261, 12.1.1
				res.AppendHeader(h)
			}
		default:
			if code == 100 && strings.EqualFold(h.Name(), "Timestamp") { // RFC 3261, 8.2.6.1
				res.AppendHeader(h)
			}
		}
	}
	return res
}
