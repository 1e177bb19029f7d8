package sip

import (
	"bufio"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// torture returns the messages of RFC 4475, section 3, by name, and one more of sipgo's collection, "test", which is not
// SIP at all.
func torture(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "rfc4475", "*.dat"))
	if err != nil || len(files) != 50 {
		t.Fatalf("%d torture messages, want 50: %v", len(files), err)
	}
	all := map[string][]byte{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(f), ".dat")] = b
	}
	return all
}

// verdicts say what becomes of each message over UDP and over streams: the codes of its answers, and whether the connection
// ends, or waits for a body that does not come. docs/divergences.md says why.
var verdicts = map[string]struct{ section, udp, stream string }{
	"wsinv":      {"3.1.1.1", "481", "481"},
	"intmeth":    {"3.1.1.2", "405", "405"},
	"esc01":      {"3.1.1.3", "486", "486"},
	"escnull":    {"3.1.1.4", "200", "200"},
	"esc02":      {"3.1.1.5", "405", "405"},
	"lwsdisp":    {"3.1.1.6", "200", "200"},
	"longreq":    {"3.1.1.7", "486", "486"},
	"dblreq":     {"3.1.1.8", "200", "200 486 closed"},
	"semiuri":    {"3.1.1.9", "200", "200"},
	"transports": {"3.1.1.10", "200", "200"},
	"mpart01":    {"3.1.1.11", "405", "405"},
	"unreason":   {"3.1.1.12", "", ""},
	"noreason":   {"3.1.1.13", "", ""},
	"badinv01":   {"3.1.2.1", "400", "400"},
	"clerr":      {"3.1.2.2", "400", "waits"},
	"ncl":        {"3.1.2.3", "400", "400 closed"},
	"scalar02":   {"3.1.2.4", "400", "400"},
	"scalarlg":   {"3.1.2.5", "", ""},
	"quotbal":    {"3.1.2.6", "400", "400"},
	"ltgtruri":   {"3.1.2.7", "400", "400"},
	"lwsruri":    {"3.1.2.8", "400", "400"},
	"lwsstart":   {"3.1.2.9", "400", "400"},
	"trws":       {"3.1.2.10", "400", "400"},
	"escruri":    {"3.1.2.11", "400", "400"},
	"baddate":    {"3.1.2.12", "486", "486"},
	"regbadct":   {"3.1.2.13", "400", "400"},
	"badaspec":   {"3.1.2.14", "400", "400"},
	"baddn":      {"3.1.2.15", "400", "400"},
	"badvers":    {"3.1.2.16", "505", "505"},
	"mismatch01": {"3.1.2.17", "400", "400"},
	"mismatch02": {"3.1.2.18", "400", "400"},
	"bigcode":    {"3.1.2.19", "", ""},
	"badbranch":  {"3.2.1", "200", "200"},
	"insuf":      {"3.3.1", "400", "400"},
	"unkscm":     {"3.3.2", "416", "416"},
	"novelsc":    {"3.3.3", "416", "416"},
	"unksm2":     {"3.3.4", "200", "200"},
	"bext01":     {"3.3.5", "420", "420"},
	"invut":      {"3.3.6", "415", "415"},
	"regaut01":   {"3.3.7", "401", "401"},
	"multi01":    {"3.3.8", "400", "400"},
	"mcl01":      {"3.3.9", "400", "400 closed"},
	"bcast":      {"3.3.10", "", ""},
	"zeromf":     {"3.3.11", "200", "200"},
	"cparam01":   {"3.3.12", "200", "200"},
	"cparam02":   {"3.3.13", "200", "200"},
	"regescrt":   {"3.3.14", "200", "200"},
	"sdp01":      {"3.3.15", "406", "406"},
	"inv2543":    {"3.4.1", "400", "400 closed"},
	"test":       {"none", "", "closed"},
}

// tortured is an endpoint that answers as a switch does: every phone is busy, and registers with any name.
func tortured(t *testing.T) (e *Endpoint, open map[string]func(t *testing.T) net.Conn) {
	t.Helper()
	cert, roots := certificate(t)
	var udp, tcp, secure netip.AddrPort
	h := handler{
		invite: func(d *Dialog) { d.Refuse(486, "Busy Here", Cause{}) },
		register: func(req *Request, _ Peer, r Respond) {
			if h := req.GetHeader("Authorization"); h != nil && !strings.HasPrefix(h.Value(), "Digest ") {
				r(401, "Unauthorized")
				return
			}
			r(200, "OK")
		},
	}
	e = endpoint(t, h, func(e *Endpoint) {
		var err [3]error
		udp, err[0] = e.ListenUDP("127.0.0.1:0")
		tcp, err[1] = e.ListenTCP("127.0.0.1:0")
		secure, err[2] = e.ListenTLS("127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
		if err := errors.Join(err[:]...); err != nil {
			t.Fatal(err)
		}
	})
	streams := uint16(0)
	dialled := func(c net.Conn, err error) net.Conn {
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	return e, map[string]func(t *testing.T) net.Conn{
		"udp": func(*testing.T) net.Conn { return dialled(net.Dial("udp", udp.String())) },
		"tcp": func(*testing.T) net.Conn { return dialled(net.Dial("tcp", tcp.String())) },
		"tls": func(*testing.T) net.Conn {
			return dialled(tls.Dial("tcp", secure.String(), &tls.Config{RootCAs: roots}))
		},
		"link": func(t *testing.T) net.Conn {
			near, far := net.Pipe()
			streams++
			name := netip.AddrPortFrom(netip.MustParseAddr("100::2"), streams)
			_, err := e.ServeStream(t.Context(), end{far, netip.MustParseAddrPort("[100::1]:1"), name})
			return dialled(near, err)
		},
	}
}

// firstVia is the topmost Via up to its parameters.
var firstVia = regexp.MustCompile(`(?i)\r\n(?:via|v)[ \t]*:(?:[^;\r]|\r\n[ \t])*`)

// exchange sends a message and a sound one right after it, and returns what the first was answered: the codes, and "closed"
// or "waits" if the connection did not take the second.
func exchange(t *testing.T, c net.Conn, packets bool, b []byte) string {
	t.Helper()
	probe := message("OPTIONS", "sip:x@h", "Via: SIP/2.0/UDP h;rport;branch=z9hG4bK"+rand16(), "Call-ID: probe")
	if packets { // the answer is to come back to this socket (RFC 3581), not to the port of a Via
		if at := firstVia.FindIndex(b); at != nil {
			b = []byte(string(b[:at[1]]) + ";rport" + string(b[at[1]:]))
		}
	}
	written := make(chan struct{})
	go func() { // a pipe has no buffer
		defer close(written)
		_, _ = c.Write(b)
		_, _ = c.Write([]byte(probe))
	}()
	defer func() { _ = c.Close(); <-written }()
	patient := time.Minute
	if strings.Contains(string(b), "clerr.") && !packets { // see TestSlowSenders
		patient = 200 * time.Millisecond
	}
	if err := c.SetReadDeadline(time.Now().Add(patient)); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReaderSize(c, 64<<10)
	var all []string
	for {
		head, err := readResponse(in, packets)
		switch {
		case err != nil:
			if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
				return strings.Join(append(all, "waits"), " ")
			}
			return strings.Join(append(all, "closed"), " ")
		case strings.Contains(head, "Call-ID: probe\r\n"):
			return strings.Join(all, " ")
		}
		if f := strings.Fields(head); f[1] != "100" {
			all = append(all, f[1])
		}
	}
}

// readResponse reads the next response, which has no body.
func readResponse(in *bufio.Reader, packet bool) (string, error) {
	if packet {
		b := make([]byte, 64<<10)
		n, err := in.Read(b)
		return string(b[:n]), err
	}
	var head strings.Builder
	for {
		l, err := in.ReadString('\n')
		if err != nil {
			return "", err
		}
		if l == "\r\n" {
			if head.Len() > 0 {
				return head.String(), nil
			}
			continue // a pong
		}
		head.WriteString(l)
	}
}

func TestTorture(t *testing.T) {
	table, err := os.ReadFile(filepath.Join("..", "..", "docs", "divergences.md"))
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range torture(t) {
		want := verdicts[name]
		if !strings.Contains(string(table), "\n| "+name+" | "+want.section+" | ") {
			t.Errorf("docs/divergences.md does not say what becomes of %s, %s", name, want.section)
		}
		for _, transport := range []string{"udp", "tcp", "tls", "link"} {
			want := want.stream
			if transport == "udp" {
				want = verdicts[name].udp
			}
			t.Run(name+"/"+transport, func(t *testing.T) {
				t.Parallel()
				judged(t, transport, b, want)
			})
		}
	}
}

// judged sends a message to an endpoint of its own, and then, if that ended its connection, a sound one on another.
func judged(t *testing.T, transport string, b []byte, want string) {
	t.Helper()
	_, open := tortured(t)
	if got := exchange(t, open[transport](t), transport == "udp", b); got != want {
		t.Errorf("answered %q, want %q", got, want)
	}
	if got := exchange(t, open[transport](t), transport == "udp", []byte(message("REGISTER", "sip:h", "Via: SIP/2.0/TCP h;branch=z9hG4bK1"))); got != "200" {
		t.Errorf("a sound REGISTER after it was answered %q", got)
	}
}

// What is not SIP at all, or would be read by others in another way than by us.
func TestHostileBytes(t *testing.T) {
	sound := message("OPTIONS", "sip:x@h")
	with := func(h string) string { return strings.Replace(sound, "To: ", h+"To: ", 1) }
	for name, c := range map[string]struct{ text, udp, stream string }{
		"giant header":        {with("X: " + strings.Repeat("a", maxHeader) + "\r\n"), "", "closed"},
		"many headers":        {with(strings.Repeat("X: a\r\n", maxHeader/6)), "", "closed"},
		"long line, in limit": {with("X: " + strings.Repeat("a", maxHeader/2) + "\r\n"), "200", "200"},
		"folded to the limit": {with("X: a" + strings.Repeat("\r\n b", maxHeader/8) + "\r\n"), "200", "200"},
		"lengths differ":      {with("l: 7\r\n"), "400", "400 closed"},
		"lengths agree":       {with("l: 0\r\n"), "200", "200"},
		"bare LF":             {with("X: a\n"), "", "closed"},
		"bare LF everywhere":  {strings.ReplaceAll(sound, "\r\n", "\n"), "", "closed"},
		"bare CR":             {with("X: a\r"), "", "closed"},
		"NUL":                 {with("X: a\x00\r\n"), "", "closed"},
		"HTTP":                {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "", "closed"},
		"no header name":      {with(": a\r\n"), "400", "400"},
		"no colon":            {with("nonsense\r\n"), "400", "400"},
		"space in a name":     {with("X Y: a\r\n"), "400", "400"},
		"Latin-1 in a value":  {with("X: \xe9\r\n"), "200", "200"},
		"ACK of nothing":      {message("ACK", "sip:x@h", "CSeq: 1 ACK"), "", ""},
		"malformed ACK":       {message("ACK", "sip:x@h", "CSeq: x ACK"), "", ""},
		"no Via":              {strings.Replace(sound, "Via:", "X:", 1), "", ""},
		"Via without a host":  {message("OPTIONS", "sip:x@h", "Via: SIP/2.0/UDP ;branch=z9hG4bK1"), "", ""},
		"port of no range":    {message("OPTIONS", "sip:x@h:65536"), "400", "400"},
		"two at signs":        {message("OPTIONS", "sip:x@y@h"), "400", "400"},
		"hops beyond a byte":  {message("OPTIONS", "sip:x@h", "Max-Forwards: 256"), "400", "400"},
		"sequence of 2**31":   {message("OPTIONS", "sip:x@h", "CSeq: 2147483648 OPTIONS"), "400", "400"},
		"half a datagram":     {sound[:len(sound)/2], "", "waits"},
	} {
		for _, transport := range []string{"udp", "tcp", "tls", "link"} {
			want := c.stream
			if transport == "udp" {
				want = c.udp
			}
			if want != "waits" {
				t.Run(name+"/"+transport, func(t *testing.T) {
					t.Parallel()
					judged(t, transport, []byte(c.text), want)
				})
			}
		}
	}
}

// A message must be complete within 32 s of its first byte, however it trickles in; who stays silent between messages stays.
func TestSlowSenders(t *testing.T) {
	sound, trickle := message("OPTIONS", "sip:x@h"), time.Second
	for name, c := range map[string]struct {
		text string
		ends time.Duration // zero: it stays
	}{
		"half a message":   {sound[:len(sound)/2], patience},
		"a byte a second":  {sound, patience},
		"body to come":     {strings.Replace(sound, "Content-Length: 0", "Content-Length: 9999", 1), patience},
		"nothing":          {"", patience},
		"whole message":    {sound, 0},
		"after a good one": {sound + "OPT", patience},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := endpoint(t, nil, nil)
				near, far := link("[100::1]:1", "[100::2]:2")
				s, err := e.ServeStream(t.Context(), near)
				if err != nil {
					t.Fatal(err)
				}
				go drain(far)
				start, parts := time.Now(), []string{c.text}
				if name == "a byte a second" {
					parts = strings.Split(c.text, "")
				}
				for _, p := range parts {
					if _, err := far.Write([]byte(p)); err != nil {
						break
					}
					if len(parts) > 1 {
						select {
						case <-s.Done():
						case <-time.After(trickle):
						}
					}
				}
				select {
				case <-s.Done():
					if took := time.Since(start).Truncate(trickle); took != c.ends {
						t.Errorf("ended after %v by %v, want %v", took, s.Err(), c.ends)
					}
				case <-time.After(time.Hour):
					if c.ends != 0 {
						t.Error("the connection is open after an hour")
					}
				}
				_ = far.Close()
			})
		})
	}
}
