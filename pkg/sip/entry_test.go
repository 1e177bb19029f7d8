package sip

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

// message is a request with sound headers; more are added, and a header in more replaces the one of its name.
func message(method, uri string, more ...string) string {
	all := []string{
		"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK" + rand16(), "From: <sip:a@example.com>;tag=1", "To: <sip:b@example.com>",
		"Call-ID: " + rand16(), "CSeq: 1 " + method, "Max-Forwards: 70", "Contact: <sip:a@192.0.2.1>", "Content-Length: 0",
	}
	for _, m := range more {
		name, _, _ := strings.Cut(m, ":")
		replaced := false
		for i, h := range all {
			if strings.HasPrefix(h, name+":") {
				all[i], replaced = m, true
			}
		}
		if !replaced {
			all = append(all, m)
		}
	}
	return method + " " + uri + " SIP/2.0\r\n" + strings.Join(all, "\r\n") + "\r\n\r\n"
}

func rand16() string { return sip.GenerateTagN(16) }

// raw is a socket that speaks to an endpoint byte by byte.
type raw struct {
	t *testing.T
	net.Conn
}

// ask sends a datagram and returns the first response that is not 100, and what it says in all.
func (r raw) ask(b string) (code int, text string) {
	r.t.Helper()
	code, text = r.first(b)
	for code == 100 {
		code, text = r.next(b)
	}
	return code, text
}

// first sends a datagram and returns the first response.
func (r raw) first(b string) (code int, text string) {
	r.t.Helper()
	if _, err := r.Write([]byte(b)); err != nil {
		r.t.Fatal(err)
	}
	return r.next(b)
}

// next returns the next response to b.
func (r raw) next(b string) (code int, text string) {
	r.t.Helper()
	buf := make([]byte, 64<<10)
	if err := r.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		r.t.Fatal(err)
	}
	n, err := r.Read(buf)
	if err != nil {
		r.t.Fatalf("no answer to %q: %v", b, err)
	}
	f := strings.Fields(string(buf[:n]))
	if len(f) < 2 || f[0] != "SIP/2.0" {
		r.t.Fatalf("received %q", buf[:n])
	}
	code, _ = strconv.Atoi(f[1])
	return code, string(buf[:n])
}

// entry returns an endpoint on UDP and TCP and sockets to both.
func entry(t *testing.T, h Handler) (e *Endpoint, udp, tcp raw) {
	t.Helper()
	var u, c netip.AddrPort
	e = endpoint(t, h, func(e *Endpoint) {
		var err, err2 error
		u, err = e.ListenUDP("127.0.0.1:0")
		c, err2 = e.ListenTCP("127.0.0.1:0")
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
	})
	dial := func(network string, a netip.AddrPort) raw {
		conn, err := net.Dial(network, a.String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return raw{t, conn}
	}
	return e, dial("udp", u), dial("tcp", c)
}

func TestEntryRefusals(t *testing.T) {
	_, udp, _ := entry(t, handler{invite: func(d *Dialog) { d.Refuse(486, "Busy Here", Cause{Q850: 17}) }})
	for name, c := range map[string]struct {
		send string
		code int
		has  string
	}{
		"options":                {message("OPTIONS", "sip:x@h"), 200, "Allow: INVITE"},
		"unknown method":         {message("FROBNICATE", "sip:x@h"), 405, "Allow: INVITE"},
		"known extension":        {message("INVITE", "sip:x@h", "Require: timer"), 486, ""},
		"subscribe":              {message("SUBSCRIBE", "sip:x@h"), 405, "Allow: INVITE"},
		"update of no dialog":    {message("UPDATE", "sip:x@h", "To: <sip:b@example.com>;tag=2"), 481, ""},
		"prack of no dialog":     {message("PRACK", "sip:x@h", "To: <sip:b@example.com>;tag=2"), 481, ""},
		"update that is no SDP":  {message("UPDATE", "sip:x@h", "Content-Type: text/plain", "Content-Length: 2") + "hi", 415, ""},
		"extension":              {message("INVITE", "sip:x@h", "Require: 100rel, foo"), 420, "Unsupported: foo"},
		"replaces, not read":     {message("INVITE", "sip:x@h", "Require: Replaces"), 420, "Unsupported: Replaces"},
		"brief session":          {message("INVITE", "sip:x@h", "Supported: timer", "Session-Expires: 89"), 422, "Min-SE: 90"},
		"brief, by a proxy":      {message("INVITE", "sip:x@h", "Session-Expires: 89"), 486, ""},
		"no hops left":           {message("INVITE", "sip:x@h", "Max-Forwards: 0"), 483, ""},
		"foreign scheme":         {message("INVITE", "mailto:x@h"), 416, ""},
		"service":                {message("INVITE", "urn:service:sos"), 486, ""},
		"kind of service":        {message("INVITE", "URN:service:sos.fire"), 486, ""},
		"another service":        {message("INVITE", "urn:service:counseling"), 416, ""},
		"no tag":                 {message("INVITE", "sip:x@h", "From: <sip:a@example.com>"), 400, ""},
		"method mismatch":        {message("INVITE", "sip:x@h", "CSeq: 1 BYE"), 400, ""},
		"no dialog":              {message("BYE", "sip:x@h", "To: <sip:b@example.com>;tag=2"), 481, ""},
		"cancel of nothing":      {message("CANCEL", "sip:x@h"), 481, ""},
		"version":                {strings.Replace(message("OPTIONS", "sip:x@h"), " SIP/2.0\r\n", " SIP/3.0\r\n", 1), 505, ""},
		"body that is no SDP":    {message("INVITE", "sip:x@h", "Content-Type: text/plain", "Content-Length: 2") + "hi", 415, "Accept: application/sdp"},
		"packed body":            {message("INVITE", "sip:x@h", "Content-Type: application/sdp", "Content-Encoding: gzip", "Content-Length: 2") + "hi", 415, ""},
		"refused by the handler": {message("INVITE", "sip:x@h"), 486, "Reason: Q.850;cause=17"},
	} {
		t.Run(name, func(t *testing.T) {
			udp.t = t
			send := strings.Replace(c.send, "Via: SIP/2.0/UDP 192.0.2.1:5060;", "Via: SIP/2.0/UDP 192.0.2.1:5060;rport;", 1)
			code, text := udp.ask(send)
			if code != c.code || !strings.Contains(text, c.has) {
				t.Errorf("answered %q, want %d with %q", text, c.code, c.has)
			}
			local := netip.MustParseAddrPort(udp.LocalAddr().String())
			if want := fmt.Sprintf("rport=%d", local.Port()); !strings.Contains(text, want) || !strings.Contains(text, "received=127.0.0.1") {
				t.Errorf("RFC 3581: no %s in %q", want, text)
			}
			if strings.HasPrefix(send, "INVITE") {
				ack := strings.Replace(message("ACK", "sip:x@h", "CSeq: 1 ACK"), "branch=", "branch="+branchOf(send)+";x=", 1)
				if _, err := udp.Write([]byte(ack)); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func branchOf(text string) string {
	_, b, _ := strings.Cut(text, "branch=")
	b, _, _ = strings.Cut(b, "\r")
	return b
}

func TestInviteCopiesMergesAndCancel(t *testing.T) {
	p := newParty(t)
	calls := 0
	_, udp, _ := entry(t, handler{invite: func(d *Dialog) {
		calls++
		p.d = d
		d.SetOwner(p.own)
		p.do(func(d *Dialog) { d.Progress(180, "Ringing") })
	}})
	invite := message("INVITE", "sip:x@h", "Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bKone", "Call-ID: one")
	code, ringing := udp.ask(invite)
	if code != 180 {
		t.Fatalf("answered %d", code)
	}
	if code, _ := udp.ask(invite); code != 180 {
		t.Errorf("a copy was answered %d, want the 180 again", code)
	}
	other := strings.Replace(invite, "z9hG4bKone", "z9hG4bKtwo", 1)
	if code, _ := udp.ask(other); code != 482 {
		t.Errorf("RFC 3261, 8.2.2.2: a merged request was answered %d", code)
	}
	cancel := strings.NewReplacer("INVITE", "CANCEL").Replace(invite)
	if code, _ := udp.ask(strings.Replace(cancel, "z9hG4bKone", "z9hG4bKthree", 1)); code != 481 {
		t.Errorf("RFC 3261, 9.2: the CANCEL of another transaction was answered %d", code)
	}
	seen := map[string]string{}
	code, text := udp.ask(cancel)
	seen[strconv.Itoa(code)] = text
	for len(seen) < 2 {
		code, text := udp.ask("\r\n\r\n") // a keep-alive: ignored, counted
		seen[strconv.Itoa(code)] = text
	}
	if !strings.Contains(seen["200"], "CANCEL") || !strings.Contains(seen["487"], "INVITE") {
		t.Errorf("the CANCEL was answered with %q", seen)
	}
	if a, b := toTag(ringing), toTag(seen["487"]); a != b || a == "" {
		t.Errorf("To tags %q and %q of one dialog", a, b)
	}
	p.expect(Cancelled{})
	p.expect(Closed{})
	if calls != 1 {
		t.Errorf("the handler saw %d calls", calls)
	}
}

// TestRefusalsLeaveNoState sends copies of refused requests. One is soon handled anew: nothing was kept that a flood of
// them could fill the memory with, and nothing is repeated to who may not have asked.
func TestRefusalsLeaveNoState(t *testing.T) {
	var handled atomic.Int32
	_, udp, _ := entry(t, handler{
		invite: func(d *Dialog) { handled.Add(1); d.Refuse(401, "Unauthorized", Cause{}) },
		register: func(req *Request, _ Peer, r Respond) {
			handled.Add(1)
			r(map[bool]int{true: 200, false: 401}[req.GetHeader("Authorization") != nil], "")
		},
	})
	for name, c := range map[string]struct {
		method, header string
		code           int
		anew           bool
	}{
		"invite":   {"INVITE", "X: y", 401, true},
		"register": {"REGISTER", "X: y", 401, true},
		"accepted": {"REGISTER", "Authorization: Digest good", 200, false},
	} {
		t.Run(name, func(t *testing.T) {
			udp.t = t
			handled.Store(0)
			m := message(c.method, "sip:x@h", "Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK"+name, c.header)
			deadline := time.Now().Add(time.Minute)
			for copies := 0; copies < 3 || c.anew && handled.Load() < 2; copies++ {
				if time.Now().After(deadline) {
					t.Fatal("copies of a refused request are answered from memory")
				}
				if code, _ := udp.first(m); code != c.code {
					t.Fatalf("RFC 3261, 8.2.7: answered %d, want %d and nothing before", code, c.code)
				}
			}
			if n := handled.Load(); !c.anew && n != 1 {
				t.Errorf("handled %d times, want once", n)
			}
		})
	}
}

func toTag(text string) string {
	_, s, _ := strings.Cut(text, "\r\nTo: ")
	_, s, _ = strings.Cut(s, "tag=")
	s, _, _ = strings.Cut(s, "\r")
	return s
}

func TestFullMailboxIsOverload(t *testing.T) {
	full := func(*Dialog, Input) bool { return false }
	e, udp, _ := entry(t, handler{invite: func(d *Dialog) { d.SetOwner(full); d.Progress(180, "Ringing") }})
	code, text := udp.ask(message("INVITE", "sip:x@h", "Via: SIP/2.0/UDP h;rport;branch=z9hG4bKfull", "Call-ID: full"))
	if code != 180 {
		t.Fatalf("answered %d", code)
	}
	bye := message("BYE", "sip:x@h", "Via: SIP/2.0/UDP h;rport;branch=z9hG4bKbye", "Call-ID: full", "CSeq: 2 BYE",
		"To: <sip:b@example.com>;tag="+toTag(text))
	if code, text := udp.ask(bye); code != 503 || !strings.Contains(text, "Retry-After") {
		t.Errorf("answered %q", text)
	}
	if n := e.Drops()["mailbox"]; n != 1 {
		t.Errorf("counted %d", n)
	}
}

func TestStreamKeepAliveAndFraming(t *testing.T) {
	e, _, tcp := entry(t, nil)
	if _, err := tcp.Write([]byte("\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	pong := make([]byte, 2)
	if _, err := tcp.Read(pong); err != nil || string(pong) != "\r\n" {
		t.Fatalf("RFC 5626, 4.4.1: the pong is %q, %v", pong, err)
	}
	options := message("OPTIONS", "sip:x@h", "Via: SIP/2.0/TCP h;branch=z9hG4bK1")
	for i := range options[:len(options)-1] { // byte by byte
		if _, err := tcp.Write([]byte{options[i]}); err != nil {
			t.Fatal(err)
		}
	}
	if code, _ := tcp.ask("\n\r\n"); code != 200 {
		t.Errorf("answered %d", code)
	}
	two := message("OPTIONS", "sip:x@h", "Content-Length: 5", "l: 7", "Via: SIP/2.0/TCP h;branch=z9hG4bK2") + "12345"
	if _, err := tcp.Write([]byte(two)); err != nil {
		t.Fatal(err)
	}
	if code, text := tcp.next(two); code != 400 || !strings.Contains(text, "z9hG4bK2") {
		t.Errorf("RFC 3261, 18.3: answered %q", text)
	}
	if n, err := tcp.Read(pong); err == nil {
		t.Errorf("read %q after conflicting lengths: the stream has no boundary any more and must end", pong[:n])
	}
	if n := e.Drops()["length"]; n != 1 {
		t.Errorf("counted %d", n)
	}
}

func TestPeerThatDoesNotReadIsCutOff(t *testing.T) {
	e := endpoint(t, nil, nil)
	near, far := link("[100::1]:1", "[100::2]:2")
	defer far.Close()
	s, err := e.ServeStream(t.Context(), near)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.ServeStream(t.Context(), near); err == nil {
		t.Error("two streams with one name were taken")
	}
	for range maxWrites + 2 {
		if err := s.send([]byte("x")); err != nil {
			break
		}
	}
	<-s.Done()
	if !errors.Is(s.Err(), errSlow) {
		t.Errorf("it ended by %v", s.Err())
	}
}

func TestLostStreamIsNotDialled(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	e := endpoint(t, nil, nil)
	p := newParty(t)
	p.d = e.NewDialog(InviteParams{To: URI{Scheme: "sip", User: "x", Host: "h"},
		Peer: Peer{TCP, netip.MustParseAddrPort(l.Addr().String())}, Owner: p.own})
	p.do(func(d *Dialog) { d.Invite(nil) })
	if lost := p.expect(Lost{}).(Lost); !errors.Is(lost.Err, errNoDial) {
		t.Errorf("lost by %v", lost.Err)
	}
	p.expect(Closed{})
}

func TestStreamLostWhileRinging(t *testing.T) {
	caller, callee := call(t, ways(t)["link"], "offer")
	callee.do(func(d *Dialog) { d.Progress(180, "Ringing") })
	caller.expect(Progress{})
	e := callee.d.net.(*Endpoint)
	e.mu.Lock()
	s := e.open[callee.d.Source()]
	e.mu.Unlock()
	s.Close()
	callee.expect(Lost{})
	callee.expect(Closed{})
	caller.expect(Lost{})
	caller.expect(Closed{})
}

func TestFrame(t *testing.T) {
	sound := message("OPTIONS", "sip:x@h")
	without := strings.Replace(sound, "Content-Length: 0\r\n", "", 1)
	length := func(l string) string { return strings.Replace(sound, "Content-Length: 0", l, 1) }
	for name, c := range map[string]struct {
		text           string
		stream, packet any // length, drop or error
	}{
		"sound":           {sound, len(sound), len(sound)},
		"half":            {sound[:40], errPartial, refusal{dropSize}},
		"body to come":    {length("Content-Length: 9") + "1234", errPartial, refusal{dropLength}},
		"body and more":   {length("Content-Length: 2") + "1234", len(sound) + 2, len(sound) + 2},
		"compact":         {length("l : 2") + "1234", len(length("l : 2")) + 2, len(length("l : 2")) + 2},
		"no length":       {without + "1234", refusal{dropLength}, len(without) + 4},
		"lengths agree":   {length("Content-Length: 2\r\nl: 2") + "12", len(length("Content-Length: 2\r\nl: 2")) + 2, len(length("Content-Length: 2\r\nl: 2")) + 2},
		"lengths differ":  {length("Content-Length: 2\r\nl: 3") + "123", refusal{dropLength}, refusal{dropLength}},
		"negative length": {length("Content-Length: -1"), refusal{dropLength}, refusal{dropLength}},
		"word for length": {length("Content-Length: x"), refusal{dropLength}, refusal{dropLength}},
		"huge":            {length("Content-Length: 9999999"), refusal{dropSize}, refusal{dropLength}},
		"bare LF":         {strings.Replace(sound, "To: ", "X: a\nTo: ", 1), refusal{dropBytes}, refusal{dropBytes}},
		"bare LF only":    {"OPTIONS sip:x@h SIP/2.0\n", refusal{dropBytes}, refusal{dropSize}},
		"bare CR":         {strings.Replace(sound, "To: ", "X: a\rTo: ", 1), refusal{dropBytes}, refusal{dropBytes}},
		"NUL":             {strings.Replace(sound, "To: ", "X: a\x00\r\nTo: ", 1), refusal{dropBytes}, refusal{dropBytes}},
		"long header":     {strings.Replace(sound, "To: ", "X: "+strings.Repeat("a", maxHeader)+"\r\nTo: ", 1), refusal{dropSize}, refusal{dropSize}},
		"HTTP":            {"GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", refusal{dropStart}, refusal{dropStart}},
		"nothing":         {"\r\n\r\n", refusal{dropStart}, refusal{dropStart}},
	} {
		for stream, want := range map[bool]any{true: c.stream, false: c.packet} {
			n, err := frame([]byte(c.text), stream)
			if got := any(n); err == nil && got != want || err != nil && error(err) != want {
				t.Errorf("%s, stream %v: %d, %v, want %v", name, stream, n, err, want)
			}
		}
	}
}

// FuzzEntry gives bytes to the guard, the parser and what looks at each message before a transaction does.
func FuzzEntry(f *testing.F) {
	for _, b := range torture(f) {
		f.Add(b, false)
		f.Add(b, true)
	}
	for _, b := range torture6(f) {
		f.Add(b, false)
		f.Add(b, true)
	}
	f.Add([]byte(message("INVITE", "sip:x@h", "Require: a", "Content-Type: application/sdp")), true)
	e := NewEndpoint(Config{})
	f.Fuzz(func(t *testing.T, b []byte, stream bool) {
		n, err := frame(b, stream)
		if err != nil {
			return
		}
		if n < 4 || n > len(b) {
			t.Fatalf("framed %d bytes of %d", n, len(b))
		}
		m, wrong := parse(b[:n])
		if m == nil || wrong != "" {
			return
		}
		if again, wrong := parse(encode(m)); wrong != "" || !bytes.Equal(encode(again), encode(m)) {
			t.Fatalf("%q, written\n%s\nis read as\n%s", wrong, encode(m), encode(again))
		}
		causeOf(m)
		sessionOf(m)
		switch m := m.(type) {
		case *Request:
			m.SetTransport(UDP)
			m.SetSource("192.0.2.1:5060")
			if code, _, _ := e.check(m); code == 0 && m.IsInvite() {
				d := newIncoming(e, e, m, nil, time.Now())
				encode(d.response(m, 200, "OK", nil))
			}
		case *Response:
			e.responded(m)
		}
	})
}
