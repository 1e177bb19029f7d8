package linkside

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ledger"
	"strowger/pkg/sessionkey"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
)

func TestCallBetweenOffices(t *testing.T) {
	w := newWorld(t)
	claims := w.claims()
	key := w.sign(claims)
	x := w.call(w.way(key))
	y := w.y.rings()
	if in := y.in; in.Call != claims.Call || in.Leg != claims.ID || in.From != claims.From || in.Dialled != "301001" || in.Hops != 60 ||
		in.Breadth != 60 || in.Key != key || in.Claims.ID != claims.ID || in.SessionID != strings.Repeat("ab", 16) || in.Device != "" {
		t.Errorf("came in as %+v", in)
	}
	y.party.say(call.Answered{Leg: 1, Description: speech, SessionID: strings.Repeat("cd", 16)})
	if a := hears[call.Accept](x.party); a.SessionID != strings.Repeat("cd", 16) {
		t.Errorf("the callee's session id came as %q", a.SessionID)
	}
	x.party.say(call.Pressed{Leg: 0, Digit: '5', Duration: 100 * time.Millisecond})
	if p := hears[call.Press](y.party); p.Digit != '5' {
		t.Errorf("digit %+v", p)
	}
	y.party.hangUp()
	hears[call.HangUp](x.party)
	if c := x.end("link"); c.Code != "normal" || c.Q850 != 16 {
		t.Errorf("the leg ended with %+v", c)
	}
	y.end(claims.ID)

	again := w.call(w.way(key))
	if r := hears[call.Refuse](again.party); r.Cause.Code != string(errs.Replayed) || r.Cause.SIP != 403 {
		t.Errorf("a used key: %+v", r.Cause)
	}
	again.end("link")
	for _, o := range []*office{w.x, w.y} {
		if n := o.relay.Counters().Ports; n > 0 {
			t.Errorf("%d flows are open after the calls", n)
		}
	}
}

// 2-call-flows, "The session key": refusals are distinct.
func TestBadKeys(t *testing.T) {
	w := newWorld(t)
	with := func(change func(*sessionkey.Claims)) string {
		c := w.claims()
		change(&c)
		return w.sign(c)
	}
	good := w.sign(w.claims())
	body, _, _ := strings.Cut(good[strings.IndexByte(good, '.'):], ".")
	for code, key := range map[errs.Code]string{
		errs.KeyMissing:        "",
		errs.KeyMalformed:      "no.key" + body,
		errs.UnknownKey:        with(func(c *sessionkey.Claims) { c.Org, c.Issuer = "org_unknown", "org_unknown" }),
		errs.BadSignature:      good[:len(good)-8] + "AAAAAAAA",
		errs.WrongOrganization: with(func(c *sessionkey.Claims) { c.Org, c.Issuer = "org_other", "org_other" }),
		errs.WrongAudience:     with(func(c *sessionkey.Claims) { c.Audience = "sw_z" }),
		errs.Restarted:         with(func(c *sessionkey.Claims) { c.Boot = "bo_old" }),
		errs.Revoked:           with(func(c *sessionkey.Claims) { c.Subject = "sw_revoked" }),
		errs.WrongPresenter:    with(func(c *sessionkey.Claims) { c.Confirm.KeyHash = "another" }),
		errs.KeyExpired: with(func(c *sessionkey.Claims) {
			c.IssuedAt, c.NotBefore, c.Expires = c.IssuedAt-300, c.NotBefore-300, c.Expires-300
		}),
		errs.KeyNotYetValid: with(func(c *sessionkey.Claims) { c.NotBefore, c.Expires = c.NotBefore+120, c.Expires+120 }),
		errs.ClockSkew: with(func(c *sessionkey.Claims) {
			c.IssuedAt, c.NotBefore, c.Expires = c.IssuedAt+300, c.NotBefore+300, c.Expires+300
		}),
	} {
		t.Run(string(code), func(t *testing.T) {
			x := w.call(w.way(key))
			r := hears[call.Refuse](x.party)
			if r.Cause.Code != string(code) || r.Cause.SIP != 403 || r.Cause.Words == "" {
				t.Errorf("told %+v", r.Cause)
			}
			x.end("link")
			if answer := len(x.arrows("401 ")); (answer == 1) != (code == errs.KeyMissing) { // RFC 8898, 2.1
				t.Errorf("answered 401 %d times: %q", answer, x.arrows(""))
			}
		})
	}
	if len(w.y.begun) > 0 {
		t.Error("a refused call rang")
	}
}

// ended has Y end the SIP stream on which X's call came, and waits until both use another that X opened.
func (w *world) ended(stream net.Conn) net.Conn {
	w.t.Helper()
	old := map[*office]sip.Peer{w.x: w.x.stream(), w.y: w.y.stream()}
	if err := stream.Close(); err != nil {
		w.t.Error(err)
	}
	for o, before := range old {
		eventually(w.t, "other stream", func() bool { at := o.stream(); return at.Addr.IsValid() && at != before })
	}
	return <-w.y.streams
}

// stream is that of the only call of an office, zero while it has none that works.
func (o *office) stream() sip.Peer {
	o.links.mu.Lock()
	defer o.links.mu.Unlock()
	for _, p := range o.links.peers {
		for u := range p.calls {
			if o.links.at[u.stream] != nil {
				return u.stream
			}
		}
	}
	return sip.Peer{}
}

func TestCallsSurviveTheirStream(t *testing.T) {
	for name, byCaller := range map[string]bool{"caller hangs up": true, "callee hangs up": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			x, y := w.up()
			w.ended(w.ended(<-w.y.streams))
			if byCaller {
				x.party.hangUp()
				hears[call.HangUp](y.party)
			} else {
				y.party.hangUp()
				hears[call.HangUp](x.party)
			}
			if c := x.end("link"); c.Code != "normal" {
				t.Errorf("ended with %+v", c)
			}
			if c := y.end(y.in.Leg); c.Code != "normal" {
				t.Errorf("ended with %+v", c)
			}
		})
	}
}

// A BYE waits for the stream that replaces the one that ended.
func TestHangUpBetweenTwoStreams(t *testing.T) {
	w := newWorld(t)
	x, y := w.up()
	w.y.gate.Lock()
	if err := (<-w.y.streams).Close(); err != nil {
		t.Error(err)
	}
	eventually(t, "end of the stream", func() bool { return w.y.stream() == sip.Peer{} })
	y.party.hangUp()
	<-w.y.streams
	w.y.gate.Unlock()
	hears[call.HangUp](x.party)
	x.end("link")
	y.end(y.in.Leg)
}

// A BYE that was lost with its stream is found out on the next one: the other switch no longer knows the call.
func TestByeLostWithItsStream(t *testing.T) {
	w := newWorld(t)
	x, y := w.up()
	second, other := w.up() // for which X opens the next stream
	x.PosterOf(1)(gone{"the BYE was lost"})
	hears[call.HangUp](x.party)
	x.end("link")
	if err := (<-w.y.streams).Close(); err != nil {
		t.Error(err)
	}
	hears[call.HangUp](y.party)
	if c := y.end(y.in.Leg); c.Code != string(errs.LinkLost) {
		t.Errorf("the leg ended with %+v", c)
	}
	second.party.hangUp()
	hears[call.HangUp](other.party)
	second.end("link")
	other.end(other.in.Leg)
}

// Both sides may have opened a stream at once. The calls of the one that ends move to the other.
func TestCallsMoveToTheOtherStream(t *testing.T) {
	w := newWorld(t)
	x, y := w.up()
	first := <-w.y.streams
	streamAtX := func() (at sip.Peer) {
		w.x.links.mu.Lock()
		defer w.x.links.mu.Unlock()
		for _, p := range w.x.links.peers {
			at = p.stream
		}
		return at
	}
	before := streamAtX()
	conn, err := w.y.endpoint.Connect(t.Context(), w.x.node())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.y.links.open(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	<-w.x.streams
	eventually(t, "the second stream at X", func() bool { return streamAtX() != before })
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	for _, o := range []*office{w.x, w.y} {
		eventually(t, "one stream", func() bool {
			o.links.mu.Lock()
			defer o.links.mu.Unlock()
			return len(o.links.at) == 1
		})
	}
	x.party.say(call.Pressed{Leg: 0, Digit: '5'})
	hears[call.Press](y.party)
	y.party.hangUp()
	hears[call.HangUp](x.party)
	x.end("link")
	y.end(y.in.Leg)
}

// A peer takes 16 streams of a link; calls that begin at once must not ask for more.
func TestCallsShareOneStream(t *testing.T) {
	w := newWorld(t)
	const calls = 40
	var all []*session
	for range calls {
		all = append(all, w.call(w.way(w.sign(w.claims()))))
	}
	for range calls {
		w.y.rings().party.refuse(errs.Busy)
	}
	for _, x := range all {
		if r := hears[call.Refuse](x.party); r.Cause.Code != string(errs.Busy) {
			t.Errorf("refused with %+v", r.Cause)
		}
	}
	if n := len(w.y.streams); n != 1 {
		t.Errorf("%d streams were opened", n)
	}
	for range calls {
		all[0].end("link")
		all = all[1:]
	}
}

// relay passes datagrams between X and Y until it is cut.
func relay(t *testing.T, to netip.AddrPort) (at string, cut func()) {
	t.Helper()
	listen := func() *net.UDPConn {
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	front, back := listen(), listen()
	var dead atomic.Bool
	var caller atomic.Pointer[netip.AddrPort]
	done := make(chan struct{}, 2)
	pass := func(from, out *net.UDPConn, target func(netip.AddrPort) netip.AddrPort) {
		defer func() { done <- struct{}{} }()
		buf := make([]byte, 2048)
		for {
			n, at, err := from.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			if !dead.Load() {
				_, _ = out.WriteToUDPAddrPort(buf[:n], target(at)) // what is lost is lost
			}
		}
	}
	go pass(front, back, func(at netip.AddrPort) netip.AddrPort { caller.Store(&at); return to })
	go pass(back, front, func(netip.AddrPort) netip.AddrPort { return *caller.Load() })
	t.Cleanup(func() {
		front.Close()
		back.Close()
		<-done
		<-done
	})
	return front.LocalAddr().String(), func() { dead.Store(true) }
}

func TestLinkDiesSilently(t *testing.T) {
	t.Parallel()
	w := hasty(t)
	at, cut := relay(t, w.y.endpoint.Addr())
	way := w.way(w.sign(w.claims()))
	way.Node.Addresses = []string{at}
	x := w.call(way)
	y := w.y.rings()
	y.party.say(call.Answered{Leg: 1, Description: speech})
	hears[call.Accept](x.party)
	cut()
	if h := hears[call.HangUp](x.party); h.Cause.Code != string(errs.LinkLost) {
		t.Errorf("the caller's side: %+v", h.Cause)
	}
	if h := hears[call.HangUp](y.party); h.Cause.Code != string(errs.LinkLost) {
		t.Errorf("the callee's side: %+v", h.Cause)
	}
	x.end("link")
	y.end(y.in.Leg)
}

func TestOtherSwitchStops(t *testing.T) {
	w := newWorld(t)
	x, y := w.up()
	w.y.stopLinks()
	if h := hears[call.HangUp](x.party); h.Cause.Code != string(errs.LinkLost) {
		t.Errorf("%+v", h.Cause)
	}
	hears[call.HangUp](y.party)
	x.end("link")
	y.end(y.in.Leg)
}

// A call that was cancelled is not tried again when its link turns out dead: nobody rings for it.
func TestCancelledCallIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	w := hasty(t)
	at, cut := relay(t, w.y.endpoint.Addr())
	way := w.way(w.sign(w.claims()))
	way.Node.Addresses = []string{at}
	way.Again = func(context.Context, fabric.Run) (designation.Designation, error) {
		t.Error("asked again")
		return designation.Designation{}, errs.New(errs.Unreachable, "gone")
	}
	x := w.call(way)
	w.y.rings()
	cut()
	x.party.say(call.Cancelled{})
	x.party.say(call.Closed{Leg: 0})
	if c := x.end("link"); c.Code != string(errs.CallerLeft) {
		t.Errorf("ended with %+v", c)
	}
}

// A switch that was restarted is asked for once more, with the run of it that was met, and only once.
func TestRestartedSwitch(t *testing.T) {
	w := newWorld(t)
	old := w.claims()
	old.Boot = "bo_old"
	asked := 0
	way := w.way(w.sign(old))
	next := w.claims()
	way.Again = func(_ context.Context, met fabric.Run) (designation.Designation, error) {
		asked++
		if met != (fabric.Run{Node: w.y.name.ID, Boot: w.y.boot}) {
			t.Errorf("met %+v", met)
		}
		return w.way(w.sign(next)).Designation, nil
	}
	x := w.call(way)
	y := w.y.rings()
	y.party.say(call.Answered{Leg: 1, Description: speech})
	hears[call.Accept](x.party)
	x.party.hangUp()
	x.end("link")
	y.end(y.in.Leg)
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}

	next.Boot = "bo_older"
	way.Key = w.sign(next)
	x = w.call(way)
	if r := hears[call.Refuse](x.party); r.Cause.Code != string(errs.Restarted) {
		t.Errorf("refused with %+v", r.Cause)
	}
	x.end("link")
	if asked != 2 {
		t.Errorf("asked %d times", asked)
	}
}

// Without the cloud the calling switch signs for the run that it finds.
func TestKeySignedHere(t *testing.T) {
	w := newWorld(t)
	way := w.way("")
	way.Sign = func(boot string) (string, error) {
		c := w.claims()
		c.Boot = boot
		return w.sign(c), nil
	}
	x := w.call(way)
	w.y.rings().party.refuse(errs.Declined)
	if r := hears[call.Refuse](x.party); r.Cause.Code != string(errs.Declined) || r.Cause.SIP != 603 {
		t.Errorf("refused with %+v", r.Cause)
	}
	x.end("link")
	way.Sign = func(string) (string, error) { return "", errs.New(errs.CloudAway, "the site copy has expired") }
	x = w.call(way)
	if r := hears[call.Refuse](x.party); r.Cause.Code != string(errs.CloudAway) || r.Cause.Words != "the site copy has expired" {
		t.Errorf("refused with %+v", r.Cause)
	}
	x.end("link")
}

// nobody is an address where nothing answers.
func nobody(t *testing.T) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.LocalAddr().String()
}

func TestSwitchThatCannotBeReached(t *testing.T) {
	t.Parallel()
	w := hasty(t)
	way := w.way(w.sign(w.claims()))
	way.Node.Addresses = []string{nobody(t)}
	x := w.call(way)
	if r := hears[call.Refuse](x.party); r.Cause.Code != string(errs.Unreachable) || r.Cause.SIP != 502 {
		t.Errorf("refused with %+v", r.Cause)
	}
	x.end("link")
	way = w.way(w.sign(w.claims()))
	way.Node.KeyHash = w.x.keyHash
	x = w.call(way)
	if r := hears[call.Refuse](x.party); r.Cause.Code != string(errs.WrongNode) {
		t.Errorf("refused with %+v", r.Cause)
	}
	x.end("link")
}

func TestCancelWhileConnecting(t *testing.T) {
	t.Parallel()
	w := hasty(t)
	way := w.way(w.sign(w.claims()))
	way.Node.Addresses = []string{nobody(t)}
	x := w.call(way)
	x.await(ledger.Trying)
	x.party.say(call.Cancelled{})
	x.party.say(call.Closed{Leg: 0})
	if c := x.end("link"); c.Code != string(errs.CallerLeft) {
		t.Errorf("ended with %+v", c)
	}
	if sent := x.arrows("INVITE"); len(sent) > 0 {
		t.Errorf("sent %q", sent)
	}
}

// invite has X send Y an INVITE with any offer, and returns how it is refused.
func (w *world) invite(offer string) sip.Refused {
	w.t.Helper()
	conn, err := w.x.endpoint.Connect(w.t.Context(), w.y.node())
	if err != nil {
		w.t.Fatal(err)
	}
	stream, err := w.x.links.streamOf(w.t.Context(), conn)
	if err != nil {
		w.t.Fatal(err)
	}
	inputs := make(chan sip.Input, 64)
	d := w.x.links.sip.NewDialog(sip.InviteParams{
		To: sip.URI{Scheme: "sip", User: "301001", Host: orgID}, Peer: stream,
		Headers: []sip.Header{sip.NewHeader("Authorization", "bearer "+w.sign(w.claims()))},
		Owner:   func(_ *sip.Dialog, in sip.Input) bool { inputs <- in; return true },
	})
	d.Invite([]byte(offer))
	var refused sip.Refused
	for {
		select {
		case in := <-inputs:
			for _, ev := range d.Handle(in) {
				switch ev := ev.(type) {
				case sip.Refused:
					refused = ev
				case sip.Closed:
					return refused
				}
			}
		case <-time.After(time.Minute):
			w.t.Fatal("no answer")
		}
	}
}

func TestOffersThatNoLinkCarries(t *testing.T) {
	w := newWorld(t)
	const audio = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"
	for name, c := range map[string]struct {
		offer, refusal string
		code           int
	}{
		"no flow":   {audio, "invalid", 400},
		"none":      {"", "invalid", 400},
		"malformed": {"v=0\r\nbroken", "invalid", 400},
		"video":     {strings.Replace(audio, "audio", "video", 1), "no-common-codec", 488},
	} {
		t.Run(name, func(t *testing.T) {
			if r := w.invite(c.offer); r.Code != c.code || r.Refusal != c.refusal || r.Reason == "" {
				t.Errorf("refused with %+v", r)
			}
		})
	}
}

func TestLinkIsNoRegistrar(t *testing.T) {
	code := 0
	(&Links{}).Register(nil, sip.Peer{}, func(c int, _ string, _ ...sip.Header) { code = c })
	if code != 405 {
		t.Errorf("answered %d", code)
	}
}

// eventually polls until cond holds.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	late := time.After(time.Minute)
	for !cond() {
		select {
		case <-poll.C:
		case <-late:
			t.Fatalf("no %s in time", what)
		}
	}
}
