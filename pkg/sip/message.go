package sip

import (
	"fmt"
	"iter"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Messages and their parts are sipgo's.
type (
	// Request is a SIP request.
	Request = sip.Request
	// Response is a SIP response.
	Response = sip.Response
	// Header is one header field of a message.
	Header = sip.Header
	// URI is a SIP, SIPS or foreign URI.
	URI = sip.Uri
)

// Our own headers.
const (
	HeaderState   = "Strowger-State"   // on provisional responses: what the callee's devices really do
	HeaderRefusal = "Strowger-Refusal" // on final responses: the errs code
	HeaderProof   = "Strowger-Proof"   // on the 200 to an app that calls an app: the call proof of the one that answered
	HeaderForward = "Strowger-Forward" // on 181: the number that the call goes on to
	HeaderPair    = "Strowger-Pair"    // on INFO of an app: by which pair of addresses its media go, "host/srflx"
)

// StateWaking is the value of HeaderState while a device of the callee's is being woken: it does not ring yet.
const StateWaking = "waking"

// NewHeader returns a header of any name. Line ends and NUL in the value become spaces, so that words from anywhere can
// be passed on.
func NewHeader(name, value string) Header { return sip.NewHeader(name, oneLine(value)) }

func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\r' || r == '\n' || r == 0 {
			return ' '
		}
		return r
	}, s)
}

// ParseURI reads a URI.
func ParseURI(s string) (URI, error) {
	u, err := parseURI(s)
	if err != nil {
		return URI{}, fmt.Errorf("uri %q: %w", s, err)
	}
	return u, nil
}

// ParseAddress reads a name-addr or addr-spec (RFC 3261, 20.10) with the header parameters behind it, as in Contact. The
// names of parameters are in lower case, quoted values have their quotes.
func ParseAddress(s string) (name string, u URI, params map[string]string, err error) {
	a, err := parseAddress(s)
	if err != nil {
		return "", URI{}, nil, fmt.Errorf("address %q: %w", s, err)
	}
	return a.display, a.uri, a.params.Items(), nil
}

// SplitAddresses cuts a list of addresses at the commas between them (RFC 3261, 7.3.1): those within quotes or <> are none.
func SplitAddresses(list string) []string {
	var all []string
	start, quoted, bracketed := 0, false, false
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case quoted && c == '\\':
			i++
		case c == '"' && !bracketed:
			quoted = !quoted
		case !quoted && (c == '<' || c == '>'):
			bracketed = c == '<'
		case c == ',' && !quoted && !bracketed:
			all = append(all, strings.TrimSpace(list[start:i]))
			start = i + 1
		}
	}
	return append(all, strings.TrimSpace(list[start:]))
}

// The transports of a Peer, as in Via.
const (
	UDP = "UDP"
	TCP = "TCP"
	TLS = "TLS"
)

// Peer is where messages come from and go to. The address of a stream names that one connection.
type Peer struct {
	Transport string
	Addr      netip.AddrPort
}

func (p Peer) String() string { return strings.ToLower(p.Transport) + ":" + p.Addr.String() }

// reliable says whether the transport delivers (RFC 3261, 17): nothing but a 2xx is then retransmitted.
func (p Peer) reliable() bool { return p.Transport != UDP }

// peerOf returns where a received message came from.
func peerOf(m sip.Message) Peer {
	addr, err := netip.ParseAddrPort(m.Source())
	if err != nil {
		return Peer{Transport: m.Transport()}
	}
	return Peer{Transport: m.Transport(), Addr: netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())}
}

// Party is a party of a call as From and To show it.
type Party struct {
	Name string // display name, without quotes or escapes
	User string // number or user name
	Host string // empty: the endpoint's own
}

// Trace tells a ladder of one message: sent or received, by or from whom, and its first line without secrets.
type Trace func(sent bool, peer Peer, line string, at time.Time)

// line is the first line of a message for people: a response also says what it answers.
func line(m sip.Message) string {
	switch m := m.(type) {
	case *Request:
		var b [128]byte
		return string(appendURI(append(append(b[:0], m.Method...), ' '), &m.Recipient))
	case *Response:
		s := strconv.Itoa(m.StatusCode) + " " + m.Reason
		if cseq := m.CSeq(); cseq != nil {
			s += " (" + string(cseq.MethodName) + ")"
		}
		return s
	}
	return ""
}

// Named returns the headers of a name, which is written in full, in their order. Those of sipgo make each name a string in
// lower case first.
func Named(m sip.Message, name string) iter.Seq[Header] {
	var all []Header
	switch m := m.(type) {
	case *Request:
		all = m.Headers()
	case *Response:
		all = m.Headers()
	}
	return func(yield func(Header) bool) {
		for _, h := range all {
			if strings.EqualFold(h.Name(), name) && !yield(h) {
				return
			}
		}
	}
}

// value returns the value of the first header of a name, "" without one.
func value(m sip.Message, name string) string {
	for h := range Named(m, name) {
		return h.Value()
	}
	return ""
}

// values returns the comma-separated elements of all headers of a name, for headers whose elements have no quotes.
func values(m sip.Message, name string) []string {
	var all []string
	for h := range Named(m, name) {
		for v := range strings.SplitSeq(h.Value(), ",") {
			if v = strings.TrimSpace(v); v != "" {
				all = append(all, v)
			}
		}
	}
	return all
}

// lists says whether a list has a token, in whatever case, over all headers of a name, and whether there is such a header.
func lists(m sip.Message, name, token string) (has, said bool) {
	for h := range Named(m, name) {
		for v := range strings.SplitSeq(h.Value(), ",") {
			v = strings.TrimSpace(v)
			said = said || v != ""
			has = has || strings.EqualFold(v, token)
		}
	}
	return has, said
}

// tag returns the tag parameter of From or To.
func tag(p sip.HeaderParams) string {
	t, _ := p.Get("tag")
	return t
}
