package integration

import (
	"context"
	"crypto/rand"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"

	"strowger/integration/knock"
	"strowger/integration/phone"
	"strowger/mobile-bridge/sdk"
	"strowger/pkg/designation"
	"strowger/pkg/proof"
)

// attackers is how many addresses of the loopback network an attack comes from, and attempts how often each tries each door: they
// would take all places for strangers of a switch.
const attackers, attempts = 20, 7

// from is the n-th address that nobody else here has.
func from(n int) knock.Source { return knock.Source(net.IPv4(127, 66, 0, byte(1+n))) }

// TestAttackOnTheDoorsForApps has many addresses hold every door for apps that is open to the world: connections that say nothing,
// of TCP, TLS, WebSocket, QUIC and WebTransport, and others that say what is no entry, no frame or too much. Apps are woken, come
// and answer all the same, by either way.
func TestAttackOnTheDoorsForApps(t *testing.T) {
	t.Parallel()
	if c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IP(from(0))}); err != nil {
		t.Skipf("this system has one address on its loopback interface: %v", err)
	} else if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	w := alone(t)
	c := w.sleepingCall(t, "webpush")
	node := w.anchor(t, c)
	at, err := url.Parse(w.Bridge.URL)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var attack sync.WaitGroup
	defer attack.Wait()
	defer stop()
	for n := range attackers {
		a := &attacker{source: from(n), node: node, bridge: w.Bridge.URL, host: at.Host}
		attack.Go(func() { a.attack(ctx) })
	}
	c.takes(t)
	for _, channel := range []bool{false, true} {
		_, caller := w.person(t, 1, "Ann", nil)
		eve, number := w.roamer(t, "Eve")
		app := w.app(t, eve, "apns")
		if channel {
			app.awake(t)
		}
		out := dial(t, caller, number.Dial)
		app.sees(t, sdk.Woken)
		app.sees(t, sdk.Ringing).Call.Answer(phone.NewVoice(speech(2)))
		saw(t, out, phone.Answered)
		app.sees(t, sdk.Connected)
		out.HangUp()
		app.sees(t, sdk.Ended)
		over(t, out)
	}
	all := figures(t, w.Offices[1].Metrics)
	t.Logf("the switch has %v connections of apps; refused as congested %v, without a key %v, with no good one %v", all["app_connections"],
		all[`app_refused_total{code="congested"}`], all[`app_refused_total{code="key-missing"}`], all[`app_refused_total{code="key-malformed"}`])
}

// attacker comes from one address.
type attacker struct {
	source       knock.Source
	node         designation.Node
	bridge, host string
	held         []func() error
}

// attack goes round the doors, and holds what it got until ctx ends.
func (a *attacker) attack(ctx context.Context) {
	defer a.leave()
	defer func() { <-ctx.Done() }()
	for round := range attempts {
		a.tcp(ctx)
		for _, open := range []func() (knock.Door, error){
			func() (knock.Door, error) { return a.source.WebTransport(ctx, a.node) },
			func() (knock.Door, error) { return a.source.WebSocket(ctx, a.bridge, a.node.ID) },
			func() (knock.Door, error) { return a.source.Channel(ctx, a.bridge) },
		} {
			d, err := open()
			if err != nil {
				continue // no place is left, which is what others are to have
			}
			if lines := malformed(); round%2 == 1 {
				_, _ = d.Show(ctx, lines[round/2%len(lines)]) // what it says of that is of no interest
			}
			a.held = append(a.held, d.Close)
		}
	}
}

// tcp opens connections on which nothing is said, and no more than a beginning.
func (a *attacker) tcp(ctx context.Context) {
	for _, first := range []string{"", "\x16\x03\x01\x02\x00\x01", "GET /channel HTTP/1.1\r\n"} {
		c, err := a.source.Dial(ctx, "tcp", a.host)
		if err != nil {
			continue
		}
		_, _ = c.Write([]byte(first)) // it may be closed already
		a.held = append(a.held, c.Close)
	}
}

func (a *attacker) leave() {
	for _, close := range a.held {
		_ = close() // it may be closed already, which is what one hopes for
	}
	a.held = nil
}

// malformed are first lines and frames that are none.
func malformed() [][]byte {
	noise := make([]byte, 4<<10)
	_, _ = rand.Read(noise) // never fails
	return [][]byte{
		[]byte("{"), []byte("[[[["), []byte(`{"key":1}`), []byte(`{"key":"a.b.c","proof":"d.e.f"}`), []byte("INVITE sip:x SIP/2.0"), noise,
		[]byte(`{"type":"hello","proof":"a.b.c"}`), []byte(strings.Repeat("[", proof.MaxEntry-1)), []byte(`{"key":"` + strings.Repeat("x", 2*proof.MaxEntry) + `"}`),
	}
}
