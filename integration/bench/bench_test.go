package main

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// A small run of what needs no peer: real programs, real registrations, calls, audio, delays.
func TestQuickRun(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("measures by /proc")
	}
	if testing.Short() {
		t.Skip("builds and starts the programs")
	}
	dir := t.TempDir()
	for _, name := range []string{"XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"} {
		t.Setenv(name, dir)
	}
	if err := buildPrograms(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	b := &bench{launcher: newLauncher(dir, false), plan: newPlan(true)}
	b.alone, b.profiles, b.json, b.plots = true, filepath.Join(dir, "profiles"), filepath.Join(dir, "figures.json"), filepath.Join(dir, "plots")
	parts, err := chosen([]string{"register", "call2", "trunk", "rtp", "memory", "trips", "push", "webrtc", "devices", "wake", "lamps"}) // call2 is call, twice
	if err != nil {
		t.Fatal(err)
	}
	b.parts = parts
	if err := b.measure(t.Context()); err != nil {
		t.Fatal(err)
	}
	var figures struct{ Rows []row }
	text, err := os.ReadFile(b.json)
	if err == nil {
		err = json.Unmarshal(text, &figures)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range b.parts {
		of := rowsOf(figures.Rows, p.name)
		if len(of) == 0 {
			t.Errorf("part %s has no figures", p.name)
		}
		for _, r := range of {
			if len(r.Ours) == 0 || r.Lost > 0 && p.name != "rtp" { // audio is lost wherever a machine is too busy
				t.Errorf("%s: %v, %d lost", r.Name, r.Ours, r.Lost)
			}
		}
		if _, err := os.Stat(filepath.Join(b.plots, p.name+".svg")); err != nil {
			t.Error(err)
		}
	}
	profiles, err := filepath.Glob(filepath.Join(b.profiles, "*-profile.pprof"))
	if err != nil || len(profiles) == 0 {
		t.Errorf("%d profiles, %v", len(profiles), err)
	}
	// A path that is long shows: of a call inside an office three round trips are between phones and switch.
	for _, r := range rowsOf(figures.Rows, "trips") {
		if r.Load == "phone - switch" && r.Ours[0] < 2.9 {
			t.Errorf("%s: %v round trips", r.Name, r.Ours)
		}
	}
	// An app that wakes takes the handshake, its session and its entry.
	for _, r := range rowsOf(figures.Rows, "wake") {
		if r.Name == wakeSteps[1] && r.Load == "app - switch" && r.Ours[0] < 2.9 {
			t.Errorf("%s: %v round trips", r.Name, r.Ours)
		}
	}
}

func TestStatistics(t *testing.T) {
	r := row{Unit: "µs", Peer: "Kamailio"}
	for _, us := range []int{300, 100, 200} {
		d := time.Duration(us) * time.Microsecond
		r.ours(sample{main: 2 * d, side: d, outcome: outcome{units: 100, lost: 1}, others: float64(us) / 1000}, 2)
		r.theirs(sample{main: d / 2, outcome: outcome{repeated: map[string]int{"BYE": 1}}}, 1)
	}
	if got := spread(r.Ours, r.Unit); got != "200 µs (100 to 300)" {
		t.Errorf("spread %q", got)
	}
	if got := r.ratio(); got != 2 {
		t.Errorf("ratio %v", got)
	}
	if got, want := r.flaws(), "3 lost, 3 sent again by Kamailio, others used 30 % of the machine"; got != want {
		t.Errorf("flaws %q, want %q", got, want)
	}
	if got, want := markdown([]row{{Name: "x", Unit: "kB", Ours: []float64{12.34}}}), "| what | Strowger |\n| --- | --- |\n| x | 12.3 kB |\n"; got != want {
		t.Errorf("table %q, want %q", got, want)
	}
	lossy := row{Name: "x", Unit: "µs", Peer: "P"}
	lossy.ours(sample{main: time.Second, outcome: outcome{units: 100, lost: 6}}, 1)
	lossy.theirs(sample{main: time.Second, outcome: outcome{units: 100, lost: 6}}, 1)
	if got := lossy.cells(); got[2] != "overloaded" || got[4] != "P overloaded" || got[5] != "" || lossy.Lost != 6 {
		t.Errorf("a server that lost much: %q", got)
	}
	if median(nil) != 0 || (row{}).ratio() != 0 {
		t.Error("nothing is not zero")
	}
}

func TestReplaced(t *testing.T) {
	got, err := replaced("a\n<!-- bench call -->\nold\n<!-- end of call -->\nb\n", "call", "new\n")
	if want := "a\n<!-- bench call -->\n\nnew\n\n<!-- end of call -->\nb\n"; err != nil || got != want {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := replaced("nothing", "call", "new"); err == nil {
		t.Error("a document without the comments was taken")
	}
}

// A plot is XML, whatever the names are.
func TestPlot(t *testing.T) {
	text := plot("a < b", []row{
		{Name: "x & y", Unit: "µs", Ours: []float64{3}, Cloud: []float64{1}, Peer: "P", Their: []float64{2}}, {Name: "nothing"},
	})
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"3.00 + 1.00 µs", "x &amp; y", "its cloud"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in the plot", want)
		}
	}
}

func TestBencode(t *testing.T) {
	text := encode(map[string]string{"sdp": "v=0", "command": "offer"})
	if want := "d7:command5:offer3:sdp3:v=0e"; string(text) != want {
		t.Errorf("encoded %q, want %q", text, want)
	}
	got, err := decode([]byte("d1:ali-3e1:xe6:result2:oke"))
	if want := map[string]any{"a": []any{int64(-3), "x"}, "result": "ok"}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("decoded %v, %v", got, err)
	}
	for _, bad := range []string{"", "d", "d1:ae", "di1ei2ee", "5:abc", "-1:", "i1", "le3", "x", strings.Repeat("l", 1000) + strings.Repeat("e", 1000)} {
		if v, err := decode([]byte(bad)); !errors.Is(err, errBencode) {
			t.Errorf("%q is %v, %v", bad, v, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("d3:sdp3:v=06:result2:oke"))
	f.Add([]byte("d12:error-reason15:Unknown call-id6:result5:errore"))
	f.Add([]byte("d6:result4:ponge"))
	f.Add([]byte("ld1:ai1eei-2ee"))
	f.Add([]byte("0:000"))
	f.Add([]byte("d1:ae"))
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := decode(text)
		if (v == nil) == (err == nil) {
			t.Errorf("%v, %v", v, err)
		}
	})
}

const challenge = "SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/UDP 127.0.0.1:1;branch=z9hG4bK-1\r\nCSeq: 1 REGISTER\r\nCall-ID: 7-register-100000\r\n" +
	`WWW-Authenticate: Digest realm="bench", nonce="abc", qop="auth", algorithm=MD5` + "\r\nContent-Length: 0\r\n\r\n"

// The digest is that of RFC 2617, 3.2.2, worked out by hand of md5sum.
func TestAuthorization(t *testing.T) {
	m := message(challenge)
	got := m.authorization(phone{user: "100000", password: "secret"}, "REGISTER", "sip:bench")
	ha1, ha2 := md5hex("100000:bench:secret"), md5hex("REGISTER:sip:bench")
	if want := md5hex(ha1 + ":abc:00000001:0a4f113b:auth:" + ha2); !strings.Contains(got, `response="`+want+`"`) || !strings.HasPrefix(got, "Authorization: ") {
		t.Errorf("%s", got)
	}
	if m.code() != "401" || string(m.header("call-id")) != "7-register-100000" || !m.response() {
		t.Errorf("code %s, Call-ID %s", m.code(), m.header("call-id"))
	}
	if got := message("SIP/2.0 200 OK\r\n\r\n").authorization(phone{}, "INVITE", "sip:x"); got != "" {
		t.Errorf("no challenge, but %q", got)
	}
}

func TestRoute(t *testing.T) {
	m := message("SIP/2.0 200 OK\r\nRecord-Route: <sip:b;lr>\r\nRecord-Route: <sip:a;lr>\r\n\r\n")
	if got, want := m.route(), "Route: <sip:a;lr>\r\nRoute: <sip:b;lr>\r\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestAudio(t *testing.T) {
	a := audio{here: localhost(), ports: [2]uint16{0, 4000}}
	a.heard(callerSide, []byte(a.description(calleeSide)))
	a.heard(callerSide, []byte("none"))
	if want := netip.AddrPortFrom(localhost(), 4000); len(a.at[callerSide]) != 1 || a.at[callerSide][0] != want {
		t.Errorf("heard %v, want %v", a.at[callerSide], want)
	}
	if !strings.Contains(a.description(callerSide), "m=audio 9 ") {
		t.Error("a side without a socket names a port")
	}
	if _, err := a.destinations(2); err == nil {
		t.Error("calls that are not up have destinations")
	}
}

func TestParse(t *testing.T) {
	if n, err := parseLive("# HeapAlloc = 1000\n# Stack = 50 / 90\n"); n != 1050 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := parseLive("# Stack = 50 / 90\n"); err == nil {
		t.Error("half of the figures were taken")
	}
	if a, ok := parseAdmission("BenchmarkAdmit/devices=1000000 \t  1234\t     50000 ns/op\t     40000.5 cpu-ns/op\t 9000 B/op"); !ok || a.devices != 1_000_000 || a.nanoseconds != 40000.5 {
		t.Errorf("%+v, %v", a, ok)
	}
	if _, ok := parseAdmission("PASS"); ok {
		t.Error("PASS is a benchmark")
	}
	if got, err := chosen([]string{"trips", "call"}); err != nil || len(got) != 2 || got[0].name != "call" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := chosen([]string{"calls"}); err == nil {
		t.Error("a part that is none was taken")
	}
	if o, err := parse([]string{"--quick", "--json", "f"}); err != nil || !o.quick || o.json != "f" || len(o.parts) != len(parts()) {
		t.Errorf("%+v, %v", o, err)
	}
}

// A load counts what is lost, what comes again and what comes back in order.
func TestLoad(t *testing.T) {
	server, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	defer serving.Wait()
	defer func() { _ = server.Close() }()
	serving.Go(func() {
		buffer := make([]byte, 4096)
		for {
			n, from, err := server.ReadFromUDPAddrPort(buffer)
			if err != nil {
				return
			}
			m := message(buffer[:n])
			switch {
			case strings.HasPrefix(string(m.header("Call-ID")), "1-"): // is lost
			case m.header("Authorization") == nil:
				reply := strings.Replace(challenge, "7-register-100000", string(m.header("Call-ID")), 1)
				_, _ = server.WriteToUDPAddrPort([]byte(reply), from)
				_, _ = server.WriteToUDPAddrPort([]byte(reply), from)
			default:
				_, _ = server.WriteToUDPAddrPort([]byte("SIP/2.0 200 OK\r\nCall-ID: "+string(m.header("Call-ID"))+"\r\n\r\n"), from)
			}
		}
	})
	l, err := newLoad()
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	l.patience = 2 * time.Second
	at, err := netip.ParseAddrPort(server.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	phones := office{phones: []phone{phoneOf(0), phoneOf(1), phoneOf(2)}}.reachedAt(at).phones
	got, err := l.run(t.Context(), register{phones: phones}, 3, 1000)
	if err != nil || got.lost != 1 || got.repeated["401 REGISTER"] != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.run(ctx, register{phones: phones}, 3, 1000); !errors.Is(err, context.Canceled) {
		t.Errorf("a run that was ended: %v", err)
	}
}

// The proxy holds back what passes, in both directions, and what it does ends with it.
func TestDelay(t *testing.T) {
	const oneWay = 50 * time.Millisecond
	d, p := &delayer{}, &path{}
	p.oneWay.Store(int64(oneWay))
	server, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	at, err := netip.ParseAddrPort(server.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	outer, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	inner, err := d.udp(t.Context(), p, outer, at)
	if err != nil {
		t.Fatal(err)
	}
	client, err := net.Dial("udp4", outer.String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	began, buffer := time.Now(), make([]byte, 10)
	if _, err := client.Write([]byte("there")); err != nil {
		t.Fatal(err)
	}
	n, from, err := server.ReadFromUDPAddrPort(buffer)
	if err != nil || string(buffer[:n]) != "there" || from != inner {
		t.Fatalf("%q from %v, %v", buffer[:n], from, err)
	}
	if _, err := server.WriteToUDPAddrPort([]byte("back"), inner); err != nil {
		t.Fatal(err)
	}
	if n, err = client.Read(buffer); err != nil || string(buffer[:n]) != "back" {
		t.Fatalf("%q, %v", buffer[:n], err)
	}
	if took := time.Since(began); took < 2*oneWay {
		t.Errorf("there and back in %v", took)
	}
	d.close()
}
