package sip

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// fault is what is wrong with a message, as the reason phrase of a 400 says it (RFC 3261, 21.4.1); "" is nothing.
type fault string

// A message without one of these headers is not answered, or not as it should be (RFC 3261, 8.1.1).
const (
	badStart    fault = "Malformed Request Line"
	badURI      fault = "Malformed Request-URI"
	badVia      fault = "Malformed Via"
	badHeader   fault = "Malformed Header Line"
	badLength   fault = "Malformed Content-Length"
	badHops     fault = "Malformed Max-Forwards"
	missingSome fault = "Missing Via, From, To, Call-ID Or CSeq"
)

// parse reads one message: a start line, headers, an empty line and a body. Whatever is wrong, the message has what could
// be read; a header that could not stands there as it came. A response whose dialog can be found has no fault. The message
// is nil if there is not even a start line.
func parse(b []byte) (sip.Message, fault) {
	head, body, _ := bytes.Cut(b, []byte("\r\n\r\n"))
	if bytes.IndexByte(head, 0) >= 0 { // of a quoted-pair; what is read here goes to where NUL ends strings or is refused
		head = bytes.ReplaceAll(head, []byte{0}, []byte{' '})
	}
	first, rest, _ := strings.Cut(string(head), "\r\n")
	p := parser{}
	switch {
	case strings.HasPrefix(first, "SIP/"):
		p.response(first)
	default:
		p.request(first)
	}
	if p.m == nil {
		return nil, p.fault
	}
	for rest != "" {
		var line string
		line, rest = unfolded(rest)
		p.header(line)
	}
	if len(body) > 0 {
		p.body(bytes.Clone(body))
	}
	if p.seen&needed != needed {
		p.note(missingSome)
	}
	return p.m, p.fault
}

// unfolded returns the next header line, with the lines that continue it (RFC 3261, 7.3.1), and the rest.
func unfolded(s string) (line, rest string) {
	line, rest, _ = strings.Cut(s, "\r\n")
	if rest == "" || rest[0] != ' ' && rest[0] != '\t' {
		return line, rest
	}
	var whole strings.Builder // a line may be continued by thousands
	whole.WriteString(strings.TrimRight(line, " \t"))
	for rest != "" && (rest[0] == ' ' || rest[0] == '\t') {
		line, rest, _ = strings.Cut(rest, "\r\n")
		whole.WriteByte(' ')
		whole.WriteString(strings.Trim(line, " \t"))
	}
	return whole.String(), rest
}

// parser is a message in the making.
type parser struct {
	m     sip.Message
	fault fault // the first
	seen  kinds
	reply bool // a response
}

func (p *parser) note(f fault) {
	if p.fault == "" {
		p.fault = f
	}
}

// request reads a request line: method, Request-URI and version with one space between each (RFC 3261, 7.1).
func (p *parser) request(line string) {
	method, rest, _ := strings.Cut(line, " ")
	uri, version := rest, ""
	if i := strings.LastIndex(rest, " SIP/"); i >= 0 {
		uri, version = rest[:i], rest[i+1:]
	}
	if method == "" || version == "" {
		p.note(badStart)
		return
	}
	req := sip.NewRequest(sip.RequestMethod(method), sip.Uri{})
	req.SipVersion = version
	p.m = req
	if !token(method) || strings.HasPrefix(uri, " ") || strings.HasSuffix(uri, " ") || strings.ContainsAny(version, " \t") {
		p.note(badStart)
		return
	}
	u, err := parseURI(uri)
	if err != nil || len(u.Headers) > 0 { // RFC 3261, 19.1.1, table 1: no headers in a Request-URI
		p.note(badURI)
		return
	}
	req.Recipient = u
}

// response reads a status line (RFC 3261, 7.2).
func (p *parser) response(line string) {
	p.reply = true
	version, rest, _ := strings.Cut(line, " ")
	number, reason, _ := strings.Cut(rest, " ")
	code, err := strconv.ParseUint(number, 10, 16)
	if err != nil || len(number) != 3 || code < 100 || code > 699 {
		p.note(badStart)
		return
	}
	res := sip.NewResponse(int(code), reason)
	res.SipVersion = version
	p.m = res
}

// body sets the body without adding a Content-Length that did not come.
func (p *parser) body(b []byte) {
	if p.seen&kindLength == 0 {
		length := sip.ContentLengthHeader(len(b))
		p.m.AppendHeader(&length)
	}
	p.m.SetBody(b)
}

// kinds are headers that are read, in bits.
type kinds uint16

const (
	kindVia kinds = 1 << iota
	kindFrom
	kindTo
	kindCallID
	kindCSeq
	kindHops
	kindLength
	kindType
	kindContact
	kindRoute
	kindRecordRoute

	needed = kindVia | kindFrom | kindTo | kindCallID | kindCSeq
	single = kindFrom | kindTo | kindCallID | kindCSeq | kindHops | kindType
	vital  = needed | kindLength // what a response must have right
)

// known returns what a header that is read or has a compact form is, and how it is written. Compact forms are
// those of RFC 3261, 7.3.3, RFC 4028, RFC 6665 and RFC 8224.
func known(name string) (kind kinds, canonical string) {
	var lower [len("content-length")]byte
	if len(name) > len(lower) {
		return 0, name
	}
	for i, c := range []byte(name) {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	switch string(lower[:len(name)]) {
	case "via", "v":
		return kindVia, "Via"
	case "from", "f":
		return kindFrom, "From"
	case "to", "t":
		return kindTo, "To"
	case "call-id", "i":
		return kindCallID, "Call-ID"
	case "cseq":
		return kindCSeq, "CSeq"
	case "max-forwards":
		return kindHops, "Max-Forwards"
	case "content-length", "l":
		return kindLength, "Content-Length"
	case "content-type", "c":
		return kindType, "Content-Type"
	case "contact", "m":
		return kindContact, "Contact"
	case "route":
		return kindRoute, "Route"
	case "record-route":
		return kindRecordRoute, "Record-Route"
	case "e":
		return 0, "Content-Encoding"
	case "k":
		return 0, "Supported"
	case "s":
		return 0, "Subject"
	case "x":
		return 0, "Session-Expires"
	case "o":
		return 0, "Event"
	case "u":
		return 0, "Allow-Events"
	case "y":
		return 0, "Identity"
	case "r": // RFC 3515, 2.1
		return 0, "Refer-To"
	case "b": // RFC 3892, 3
		return 0, "Referred-By"
	}
	return 0, name
}

// header reads one header line. What stands once is read once: the first counts.
func (p *parser) header(line string) {
	name, value, ok := strings.Cut(line, ":")
	name, value = strings.TrimRight(name, " \t"), strings.Trim(value, " \t")
	if !ok || !token(name) {
		p.note(badHeader)
		return
	}
	kind, name := known(name)
	switch again := p.seen & kind; {
	case again == kindLength: // frame has compared them
		return
	case again&single != 0:
		p.note(fault("Repeated " + name))
		return
	}
	p.seen |= kind
	if kind == 0 {
		p.m.AppendHeader(sip.NewHeader(name, value))
		return
	}
	if f := p.typed(kind, name, value); f != "" {
		p.m.AppendHeader(sip.NewHeader(name, value))
		if !p.reply || kind&vital != 0 {
			p.note(f)
		}
	}
}

// typed appends the header of a kind.
func (p *parser) typed(kind kinds, name, value string) fault {
	switch kind {
	case kindVia:
		return p.vias(value)
	case kindContact, kindRoute, kindRecordRoute:
		return p.addresses(kind, name, value)
	case kindFrom, kindTo:
		return p.party(kind, name, value)
	case kindCSeq:
		number, method := value, ""
		if i := strings.IndexAny(value, " \t"); i >= 0 {
			number, method = value[:i], strings.TrimLeft(value[i:], " \t")
		}
		n, err := strconv.ParseUint(number, 10, 31) // RFC 3261, 8.1.1.5: less than 2**31
		if err != nil || !token(method) {
			return "Malformed CSeq"
		}
		p.m.AppendHeader(&sip.CSeqHeader{SeqNo: uint32(n), MethodName: sip.RequestMethod(method)})
	case kindHops:
		n, err := strconv.ParseUint(value, 10, 8) // RFC 3261, 20.22: 0 to 255
		if err != nil {
			return badHops
		}
		h := sip.MaxForwardsHeader(n)
		p.m.AppendHeader(&h)
	case kindLength:
		n, err := strconv.ParseUint(value, 10, 31)
		if err != nil {
			return badLength
		}
		h := sip.ContentLengthHeader(n)
		p.m.AppendHeader(&h)
	default:
		return p.text(kind, name, value)
	}
	return ""
}

// text appends Call-ID or Content-Type, which may be anything but empty.
func (p *parser) text(kind kinds, name, value string) fault {
	if value == "" {
		return fault("Malformed " + name)
	}
	if kind == kindCallID {
		h := sip.CallIDHeader(value)
		p.m.AppendHeader(&h)
		return ""
	}
	h := sip.ContentTypeHeader(value)
	p.m.AppendHeader(&h)
	return ""
}

// party appends From or To.
func (p *parser) party(kind kinds, name, value string) fault {
	a, err := parseAddress(value)
	if err != nil || a.uri.Wildcard {
		return fault("Malformed " + name)
	}
	if kind == kindFrom {
		p.m.AppendHeader(&sip.FromHeader{DisplayName: a.display, Address: a.uri, Params: a.params})
	} else {
		p.m.AppendHeader(&sip.ToHeader{DisplayName: a.display, Address: a.uri, Params: a.params})
	}
	return ""
}

// addresses appends Contact, Route or Record-Route, one header for each element.
func (p *parser) addresses(kind kinds, name, value string) fault {
	for more := true; more; {
		var one string
		one, value, more = element(value)
		a, err := parseAddress(one)
		if err != nil || a.uri.Wildcard && kind != kindContact {
			return fault("Malformed " + name)
		}
		switch kind {
		case kindContact:
			p.m.AppendHeader(&sip.ContactHeader{DisplayName: a.display, Address: a.uri, Params: a.params})
		case kindRoute:
			p.m.AppendHeader(&sip.RouteHeader{Address: a.uri})
		default:
			p.m.AppendHeader(&sip.RecordRouteHeader{Address: a.uri})
		}
	}
	return ""
}

// vias appends Via, one header for each element. Of the topmost, what is needed to answer is kept if its parameters are
// malformed.
func (p *parser) vias(value string) (f fault) {
	for more := true; more; {
		var one string
		one, value, more = element(value)
		h, err := parseVia(one)
		if h == nil {
			return badVia
		}
		p.m.AppendHeader(h)
		if err != nil {
			p.note(badVia)
			return ""
		}
	}
	return ""
}
