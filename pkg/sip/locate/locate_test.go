package locate

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"

	"strowger/pkg/sip"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// zone is what a DNS server knows, by name and type, and which types it truncates over UDP.
type zone map[string]map[dnsmessage.Type][]dnsmessage.ResourceBody

func (z zone) add(name string, bodies ...dnsmessage.ResourceBody) {
	if z[name+"."] == nil {
		z[name+"."] = map[dnsmessage.Type][]dnsmessage.ResourceBody{}
	}
	for _, b := range bodies {
		kind := typeNAPTR
		switch b.(type) {
		case *dnsmessage.SRVResource:
			kind = dnsmessage.TypeSRV
		case *dnsmessage.AResource:
			kind = dnsmessage.TypeA
		}
		z[name+"."][kind] = append(z[name+"."][kind], b)
	}
}

func (z zone) answer(query []byte, udp bool) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil {
		return nil
	}
	m.Response, m.Additionals = true, nil
	q := m.Questions[0]
	types, known := z[strings.ToLower(q.Name.String())]
	if !known {
		m.RCode = dnsmessage.RCodeNameError
	}
	if udp && q.Type == typeNAPTR && len(types[q.Type]) > 2 {
		m.Truncated = true
	} else {
		for _, b := range types[q.Type] {
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}, Body: b})
		}
	}
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

// serve answers on UDP and TCP of one port and returns its address.
func (z zone) serve(t *testing.T) string {
	t.Helper()
	var l net.Listener
	var u net.PacketConn
	for u == nil { // the UDP port of a free TCP port may be taken
		var err error
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		if u, err = net.ListenPacket("udp", l.Addr().String()); err != nil {
			l.Close()
		}
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { l.Close(); u.Close(); wg.Wait() })
	wg.Go(func() {
		b := make([]byte, 4096)
		for {
			n, from, err := u.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = u.WriteTo(z.answer(b[:n], true), from)
		}
	})
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				var size [2]byte
				if _, err := io.ReadFull(c, size[:]); err != nil {
					return
				}
				b := make([]byte, binary.BigEndian.Uint16(size[:]))
				if _, err := io.ReadFull(c, b); err != nil {
					return
				}
				b = z.answer(b, false)
				_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...))
			})
		}
	})
	return l.Addr().String()
}

func (z zone) resolver(t *testing.T) *Resolver {
	at := z.serve(t)
	return New(Config{
		Resolver: &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, at)
		}},
		Servers: func() ([]string, error) { return []string{at}, nil },
	})
}

// record is the data of a NAPTR record.
func record(order, preference uint16, flags, service, regexp, replacement string) *dnsmessage.UnknownResource {
	b := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, order), preference)
	for _, s := range []string{flags, service, regexp} {
		b = append(append(b, byte(len(s))), s...)
	}
	for label := range strings.FieldsFuncSeq(replacement, func(r rune) bool { return r == '.' }) {
		b = append(append(b, byte(len(label))), label...)
	}
	return &dnsmessage.UnknownResource{Type: typeNAPTR, Data: append(b, 0)}
}

func srv(priority, weight, port uint16, target string) *dnsmessage.SRVResource {
	return &dnsmessage.SRVResource{Priority: priority, Weight: weight, Port: port, Target: dnsmessage.MustNewName(target + ".")}
}

func a(last byte) *dnsmessage.AResource { return &dnsmessage.AResource{A: [4]byte{192, 0, 2, last}} }

func office() zone {
	z := zone{}
	z.add("h1.example", a(1))
	z.add("h2.example", a(2), a(22))
	z.add("h3.example", a(3))
	z.add("plain.example", a(9))
	z.add("_sip._udp.srv.example", srv(2, 0, 5070, "h2.example"), srv(1, 0, 5060, "h1.example"), srv(3, 0, 5060, "nowhere.example"))
	z.add("_sip._tcp.srv.example", srv(1, 0, 5080, "h3.example"))
	z.add("_sips._tcp.srv.example", srv(1, 0, 5081, "h3.example"))
	z.add("_sip._udp.absent.example", srv(1, 0, 5060, ""))
	z.add("absent.example", a(8))
	z.add("naptr.example",
		record(20, 1, "s", "SIP+D2U", "", "_sip._udp.srv.example"),
		record(10, 2, "S", "sip+d2t", "", "_sip._tcp.srv.example"),
		record(10, 1, "s", "SIPS+D2T", "", "_sips._tcp.srv.example"),
		record(1, 1, "u", "E2U+sip", "!^.*$!sip:x@y!", ""),
		&dnsmessage.UnknownResource{Type: typeNAPTR, Data: []byte{1}})
	z.add("two.example", record(1, 1, "s", "SIP+D2T", "", "_sip._tcp.srv.example"), record(2, 1, "s", "SIP+D2U", "", "_sip._udp.srv.example"))
	var many []dnsmessage.ResourceBody
	for i := range byte(20) {
		many = append(many, a(100+i))
	}
	z.add("many.example", many...)
	return z
}

func TestLocate(t *testing.T) {
	r := office().resolver(t)
	all := []string{sip.UDP, sip.TCP, sip.TLS}
	for _, c := range []struct {
		uri        string
		transports []string
		want       string // in order; "" for none
	}{
		{"sip:1@192.0.2.7", all, "udp:192.0.2.7:5060"},
		{"sips:1@192.0.2.7", all, "tls:192.0.2.7:5061"},
		{"sip:1@[2001:db8::1]:5070", all, "udp:[2001:db8::1]:5070"},
		{"sip:1@192.0.2.7;transport=tcp", all, "tcp:192.0.2.7:5060"},
		{"sips:1@192.0.2.7;transport=tcp", all, "tls:192.0.2.7:5061"},
		{"sip:1@x.example;maddr=192.0.2.8", all, "udp:192.0.2.8:5060"},
		{"sip:1@plain.example:5090", all, "udp:192.0.2.9:5090"},
		{"sip:1@plain.example", all, "udp:192.0.2.9:5060"},
		{"sips:1@plain.example", all, "tls:192.0.2.9:5061"},
		{"sip:1@srv.example:5090", all, ""}, // a port asks for no SRV
		{"sip:1@srv.example", all, "udp:192.0.2.1:5060 udp:192.0.2.22:5070 udp:192.0.2.2:5070"},
		{"sip:1@srv.example", []string{sip.TCP}, "tcp:192.0.2.3:5080"},
		{"sip:1@srv.example;transport=tcp", all, "tcp:192.0.2.3:5080"},
		{"sips:1@srv.example", all, "tls:192.0.2.3:5081"},
		{"sip:1@naptr.example", all, "tls:192.0.2.3:5081 tcp:192.0.2.3:5080 udp:192.0.2.1:5060 udp:192.0.2.22:5070 udp:192.0.2.2:5070"},
		{"sip:1@naptr.example", []string{sip.UDP}, "udp:192.0.2.1:5060 udp:192.0.2.22:5070 udp:192.0.2.2:5070"},
		{"sips:1@naptr.example", all, "tls:192.0.2.3:5081"},
		{"sip:1@two.example", []string{sip.UDP}, "udp:192.0.2.1:5060 udp:192.0.2.22:5070 udp:192.0.2.2:5070"},
		{"sip:1@absent.example", []string{sip.UDP}, "udp:192.0.2.8:5060"},
		{"sip:1@unknown.example", all, ""},
		{"sips:1@srv.example", []string{sip.UDP}, ""},
		{"sip:1@192.0.2.7;transport=tcp", []string{sip.UDP}, ""},
	} {
		u, err := sip.ParseURI(c.uri)
		if err != nil {
			t.Fatal(err)
		}
		peers, err := r.Locate(t.Context(), u, c.transports...)
		var got []string
		for _, p := range peers {
			got = append(got, p.String())
		}
		slices.SortStableFunc(got, func(a, b string) int { // the addresses of one host come in any order
			if strings.HasSuffix(a, ":5070") && strings.HasSuffix(b, ":5070") {
				return strings.Compare(a, b)
			}
			return 0
		})
		if strings.Join(got, " ") != c.want || (err == nil) != (c.want != "") || err != nil && !errors.Is(err, ErrNone) {
			t.Errorf("%s by %v: %v, %v; want %q", c.uri, c.transports, got, err, c.want)
		}
	}
	u, _ := sip.ParseURI("sip:1@many.example")
	if peers, err := r.Locate(t.Context(), u, all...); err != nil || len(peers) != MaxServers {
		t.Errorf("%d servers, %v", len(peers), err)
	}
}

// A domain whose NAPTR records cannot be asked for has SRV all the same.
func TestLocateWithoutNAPTR(t *testing.T) {
	r := office().resolver(t)
	u, err := sip.ParseURI("sip:1@srv.example")
	if err != nil {
		t.Fatal(err)
	}
	for name, servers := range map[string]func() ([]string, error){
		"no list":   func() ([]string, error) { return nil, errors.New("no such file") },
		"no server": func() ([]string, error) { return []string{"127.0.0.1:0"}, nil },
	} {
		r.cfg.Servers = servers
		if peers, err := r.Locate(t.Context(), u, sip.UDP); err != nil || len(peers) != 3 {
			t.Errorf("%s: %v, %v", name, peers, err)
		}
	}
}

// A domain whose records lead nowhere has us ask no more than a sound one.
func TestManyRecords(t *testing.T) {
	z := zone{}
	for i := range uint16(40) {
		z.add("many.example", record(i, 0, "s", "SIP+D2U", "", fmt.Sprintf("n%d.example", i)))
	}
	z.add("n39.example", srv(0, 0, 5062, "far.example"))
	z.add("far.example", a(9))
	z.add("many.example", a(1))
	peers, err := z.resolver(t).Locate(t.Context(), sip.URI{Scheme: "sip", Host: "many.example"}, sip.UDP)
	if err != nil || len(peers) != 1 || peers[0].Addr.String() != "192.0.2.1:5060" {
		t.Errorf("%v, %v", peers, err)
	}
}

func TestReadRefusesForeignAnswers(t *testing.T) {
	query := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 7},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName("naptr.example."), Type: typeNAPTR, Class: dnsmessage.ClassINET}},
	}
	packed, err := query.Pack()
	if err != nil {
		t.Fatal(err)
	}
	answer := office().answer(packed, false)
	if records, _, err := read(answer, query); err != nil || len(records) != 4 {
		t.Errorf("%v, %v", records, err)
	}
	for i, change := range []func([]byte){
		func(b []byte) { b[0]++ },        // the id
		func(b []byte) { b[2] &^= 0x80 }, // no response
		func(b []byte) { b[3] |= 2 },     // the server failed
		func(b []byte) { b[13] = 'x' },   // another name
	} {
		b := slices.Clone(answer)
		change(b)
		if _, _, err := read(b, query); err == nil {
			t.Errorf("change %d was not noticed", i)
		}
	}
}

func FuzzParseNAPTR(f *testing.F) {
	f.Add(record(10, 1, "s", "SIP+D2U", "", "_sip._udp.example.com").Data)
	f.Add(record(1, 1, "u", "E2U+sip", "!^.*$!sip:x@y!", "").Data)
	f.Add([]byte{0, 1, 0, 1, 1, 's'})
	f.Add(append([]byte{0, 1, 0, 1, 255}, make([]byte, 300)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := parseNAPTR(data)
		if err != nil {
			return
		}
		again, err := parseNAPTR(record(n.order, n.preference, n.flags, n.service, n.regexp, "").Data)
		n.replacement = "."
		if err != nil || again != n {
			t.Errorf("%+v became %+v, %v", n, again, err)
		}
	})
}
