package sdp

import (
	"net/netip"
	"strconv"
	"strings"

	"strowger/pkg/errs"
)

// reader takes a body apart into its levels: the session and its media sections.
type reader struct {
	id, version uint64
	session     level
	media       []level
}

type level struct {
	section           // of a media level
	connection string // value of c=, read only where it is needed
	attributes []attribute
}

type attribute struct{ name, value string }

func (l level) attribute(name string) (string, bool) {
	for _, a := range l.attributes {
		if a.name == name {
			return a.value, true
		}
	}
	return "", false
}

func read(b []byte) (reader, error) {
	var r reader
	if len(b) > MaxBody {
		return r, errs.New(errs.Invalid, "the description has %d bytes, more than %d", len(b), MaxBody)
	}
	for _, c := range b {
		if c < ' ' && c != '\r' && c != '\n' && c != '\t' {
			return r, errs.New(errs.Invalid, "the description contains the control character %#x", c)
		}
	}
	lines := strings.FieldsFunc(string(b), func(c rune) bool { return c == '\r' || c == '\n' })
	if len(lines) == 0 || strings.TrimSpace(lines[0]) != "v=0" {
		return r, errs.New(errs.Invalid, "the description does not begin with v=0")
	}
	origin := false
	for _, line := range lines[1:] {
		kind, value, ok := strings.Cut(line, "=")
		if !ok || len(kind) != 1 {
			return r, errs.New(errs.Invalid, "line %q is not of the form x=value", line)
		}
		value = strings.TrimSpace(value)
		var err error
		if kind == "o" {
			origin = true
			err = r.readOrigin(value)
		} else {
			err = r.readLine(kind, value)
		}
		if err != nil {
			return r, err
		}
	}
	if !origin {
		return r, errs.New(errs.Invalid, "the description has no o= line")
	}
	return r, nil
}

// readLine reads what matters to a call; the other lines are ignored.
func (r *reader) readLine(kind, value string) error {
	at := &r.session
	if n := len(r.media); n > 0 {
		at = &r.media[n-1]
	}
	switch kind {
	case "c":
		at.connection = value
	case "a":
		name, v, _ := strings.Cut(value, ":")
		at.attributes = append(at.attributes, attribute{name, strings.TrimSpace(v)})
	case "m":
		return r.readMedia(value)
	}
	return nil
}

// readOrigin reads <username> <sess-id> <sess-version> <nettype> <addrtype> <address>. Only the numbers matter here.
func (r *reader) readOrigin(value string) error {
	f := strings.Fields(value)
	if len(f) < 3 {
		return errs.New(errs.Invalid, "o=%s lacks the session id and version", value)
	}
	f = f[max(1, len(f)-5):] // some user names contain spaces
	var err error
	if r.id, err = strconv.ParseUint(f[0], 10, 64); err != nil {
		return errs.New(errs.Invalid, "o=%s: the session id is not a number: %w", value, err)
	}
	if r.version, err = strconv.ParseUint(f[1], 10, 64); err != nil {
		return errs.New(errs.Invalid, "o=%s: the version is not a number: %w", value, err)
	}
	return nil
}

// readMedia reads <media> <port>[/<number>] <proto> <fmt> ...
func (r *reader) readMedia(value string) error {
	if len(r.media) == maxSections {
		return errs.New(errs.Invalid, "the description has more than %d media sections", maxSections)
	}
	f := strings.Fields(value)
	if len(f) < 4 || len(f)-3 > maxFormats {
		return errs.New(errs.Invalid, "m=%s does not have 1 to %d formats", value, maxFormats)
	}
	first, _, _ := strings.Cut(f[1], "/")
	port, err := strconv.ParseUint(first, 10, 16)
	if err != nil {
		return errs.New(errs.Invalid, "m=%s: port: %w", value, err)
	}
	r.media = append(r.media, level{section: section{media: f[0], proto: f[2], port: int(port), formats: f[3:]}})
	return nil
}

// parseConnection reads IN IP4|IP6 <address>. Names and multicast groups are refused: a phone's media have one address,
// and resolving a stranger's name would be a service to him.
func parseConnection(value string) (netip.Addr, error) {
	f := strings.Fields(value)
	if len(f) != 3 || f[0] != "IN" || (f[1] != "IP4" && f[1] != "IP6") {
		return netip.Addr{}, errs.New(errs.Invalid, "connection %q is not IN IP4 or IN IP6 with an address", value)
	}
	addr, err := netip.ParseAddr(f[2])
	if err != nil {
		return netip.Addr{}, errs.New(errs.Invalid, "connection %q: %w", value, err)
	}
	if addr.Is4() != (f[1] == "IP4") || addr.Zone() != "" {
		return netip.Addr{}, errs.New(errs.Invalid, "connection %q: the address is not one of %s", value, f[1])
	}
	addr = addr.Unmap() // RFC 5118, 4.9: IN IP6 with an address of IPv4
	if addr.IsMulticast() || addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return netip.Addr{}, errs.New(errs.Invalid, "connection %q is not the address of one host", value)
	}
	return addr, nil
}
