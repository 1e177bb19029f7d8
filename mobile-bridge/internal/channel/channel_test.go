package channel

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/coder/websocket"

	"strowger/pkg/channel"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/proof"
)

// TestFramesSurviveADrop loses the connection after a wake was sent and before it was acked, and after a request was taken and
// before its answer was: both come again, and nothing is done twice, whichever way the device comes back.
func TestFramesSurviveADrop(t *testing.T) {
	ways(t, func(t *testing.T, back way) {
		inBubble(t, nil, func(t *testing.T, h *hub) { dropAndResume(t, h, back) })
	})
}

func dropAndResume(t *testing.T, h *hub, back way) {
	d := h.device("dv_1")
	w := d.enter("", 0)
	taken := make(chan error, 1)
	go func() { taken <- h.Send(t.Context(), "dv_1", channel.TypeWake, channel.Wake{Sealed: []byte("x")}) }()
	w.read(channel.TypeWake)
	w.write(channel.Head{Seq: 1, Type: channel.TypeAdmit}, nil)
	settle()
	w.Close()
	settle()
	select {
	case err := <-taken:
		t.Fatalf("the wake was taken: %v", err)
	default:
	}

	h.by = back
	again := d.enter(w.welcome.Resume, 0)
	if !again.welcome.Resumed || again.welcome.Resume != w.welcome.Resume || again.received != 1 {
		t.Fatalf("welcome %+v, received %d", again.welcome, again.received)
	}
	first, _ := again.read(channel.TypeWake)
	second, frame := again.read(channel.TypeAdmitted)
	if first.Seq != 1 || second.Seq != 2 || second.Re != 1 || body[map[string]any](t, frame)["device"] != "dv_1" {
		t.Errorf("came again: %+v, %s", first, frame)
	}
	again.write(channel.Head{Seq: 1, Type: channel.TypeAdmit}, nil) // the device did not see the ack
	again.write(channel.Head{Type: channel.TypeAck, Received: 2}, nil)
	if err := <-taken; err != nil {
		t.Errorf("the wake: %v", err)
	}
	if ack, _ := again.read(channel.TypeAck); ack.Received != 1 {
		t.Errorf("ack %+v", ack)
	}
	if h.asked != 1 || h.Counters().Resumed != 1 {
		t.Errorf("asked %d times, resumed %d", h.asked, h.Counters().Resumed)
	}
	again.Close()
}

// TestSessionEnds lets a session die of silence, and then of being away.
func TestSessionEnds(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, h *hub) {
		d := h.device("dv_1")
		w := d.enter("", 0)
		begun := time.Now()
		<-time.After(channel.SilentFor - sweepEvery)
		w.write(channel.Head{Type: channel.TypePing}, nil)
		w.read(channel.TypePong)
		if code := w.gone(); code != "" || time.Since(begun) < 2*channel.SilentFor-sweepEvery {
			t.Errorf("after %v: %s", time.Since(begun), code)
		}
		settle()
		if c := h.Counters(); c.Open != 1 || c.Attached != 0 {
			t.Errorf("%+v: want a session without a connection", c)
		}
		ended := make(chan error, 1)
		go func() { ended <- h.Send(t.Context(), "dv_1", channel.TypeWake, channel.Wake{}) }()
		if err := <-ended; errs.CodeOf(err) != errs.Offline {
			t.Errorf("a wake for who did not come back: %v", err)
		}
		settle() // the cloud hears of the end a moment after those who wait
		if c := h.Counters(); c.Open != 0 || len(h.unbound) != 1 || h.unbound[0].Order != 1 {
			t.Errorf("%+v, unbound %+v", c, h.unbound)
		}
		if again := d.enter(w.welcome.Resume, 0); again.welcome.Resumed || again.welcome.Resume == w.welcome.Resume {
			t.Errorf("welcome %+v", again.welcome)
		}
	})
}

// TestEndsOfSessions says how a session ends, by code, and that the cloud hears of it.
func TestEndsOfSessions(t *testing.T) {
	for name, tt := range map[string]struct {
		end  func(*hub, *device, *wire)
		want errs.Code
	}{
		"the device is revoked":     {func(h *hub, _ *device, _ *wire) { h.Drop("dv_1", 0, errs.New(errs.Revoked, "x")) }, errs.Revoked},
		"it has moved to a bridge":  {func(h *hub, _ *device, _ *wire) { h.Drop("dv_1", 1, errs.New(errs.Conflict, "x")) }, errs.Conflict},
		"it has opened another one": {func(_ *hub, d *device, _ *wire) { _ = d.enter("", 0) }, errs.Conflict},
		"it sleeps":                 {func(_ *hub, _ *device, w *wire) { w.write(channel.Head{Type: channel.TypeBye}, nil) }, errs.Offline},
		"the bridge stops":          {func(h *hub, _ *device, _ *wire) { go h.Close() }, errs.NodeStopped},
		"a gap":                     {func(_ *hub, _ *device, w *wire) { w.write(channel.Head{Seq: 2, Type: channel.TypeReport}, nil) }, errs.Invalid},
		"an ack of what was not":    {func(_ *hub, _ *device, w *wire) { w.write(channel.Head{Type: channel.TypeAck, Received: 1}, nil) }, errs.Invalid},
		"a frame that is none":      {func(_ *hub, _ *device, w *wire) { _ = w.Write(w.t.Context(), []byte("INVITE")) }, errs.Invalid},
		"what carries no frame":     {func(_ *hub, _ *device, w *wire) { w.noise() }, errs.Invalid},
		"a flood":                   {func(_ *hub, _ *device, w *wire) { flood(w) }, errs.Congested},
		"revoked while it was away": {func(h *hub, d *device, w *wire) { h.revokeAway(d, w) }, errs.WrongPresenter},
		"a new channel by nobody": {func(h *hub, _ *device, w *wire) {
			h.Drop("dv_2", 0, errs.New(errs.Revoked, "x"))
			h.Drop("dv_1", 0, errs.New(errs.Gone, "x"))
		}, errs.Gone},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, h *hub) {
				d := h.device("dv_1")
				w := d.enter("", 0)
				tt.end(h, d, w)
				if code := w.gone(); code != tt.want && name != "revoked while it was away" {
					t.Errorf("the device is told %q, want %q", code, tt.want)
				}
				settle()
				h.mu.Lock()
				defer h.mu.Unlock()
				if len(h.unbound) == 0 || h.unbound[0].Device != "dv_1" {
					t.Errorf("unbound %+v", h.unbound)
				}
			})
		})
	}
}

func flood(w *wire) {
	for range frameBurst + 10 {
		if w.Write(w.t.Context(), []byte(`{"type":"ack"}`)) != nil {
			return
		}
	}
}

// noise sends what is none of the frames that the connection is for.
func (w *wire) noise() {
	switch c := w.conn.(type) {
	case appSocket:
		_ = c.ws.Write(w.t.Context(), websocket.MessageBinary, []byte(`{"type":"ping"}`))
	case *stream:
		_, _ = c.Stream.Write([]byte{0, 0})
	}
}

// large sends a frame that is one byte too large.
func (w *wire) large() {
	frame := make([]byte, channel.MaxFrame+1)
	switch c := w.conn.(type) {
	case appSocket:
		_ = c.Write(w.t.Context(), frame)
	case *stream:
		_, _ = c.Stream.Write(append([]byte{byte(len(frame) >> 8), byte(len(frame))}, frame...))
	}
}

// revokeAway has the cloud refuse a device that comes back.
func (h *hub) revokeAway(d *device, w *wire) {
	w.Close()
	settle()
	h.mu.Lock()
	h.refuse = errs.New(errs.WrongPresenter, "enrol anew")
	h.mu.Unlock()
	again := d.enter(w.welcome.Resume, 0)
	if code := again.gone(); code != errs.WrongPresenter {
		h.t.Errorf("told %q", code)
	}
}

// TestStrangers are refused, each for its own reason.
func TestStrangers(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*proof.Channel)
		say    func(h *hub, d *device, w *wire) // instead of a hello
		want   errs.Code
		web    errs.Code // by WebTransport, if that is another: there the bridge itself reads the frames
	}{
		"another bridge's nonce":   {change: func(p *proof.Channel) { p.Bridge = "br_2" }, want: errs.WrongAudience},
		"a hello of another time":  {change: func(p *proof.Channel) { p.Nonce = "AAAA" }, want: errs.Replayed},
		"an old proof":             {change: func(p *proof.Channel) { p.IssuedAt -= 3600 }, want: errs.KeyExpired},
		"a clock that is ahead":    {change: func(p *proof.Channel) { p.IssuedAt += 3600 }, want: errs.ClockSkew},
		"another device's name":    {change: func(p *proof.Channel) { p.Device = "dv_2" }, want: errs.WrongPresenter},
		"nobody's name":            {change: func(p *proof.Channel) { p.Device = "" }, want: errs.Invalid},
		"no order":                 {change: func(p *proof.Channel) { p.Order = 0 }, want: errs.Invalid},
		"another device's session": {say: func(h *hub, d *device, w *wire) { d.hello(w, h.device("dv_2").enter("", 0).welcome.Resume) }, want: errs.WrongPresenter},
		"an older channel": {say: func(_ *hub, d *device, w *wire) {
			d.n = 7
			d.enter("", 0)
			d.n = 3
			d.hello(w, "")
		}, want: errs.Conflict},
		"a proof of another kind": {say: func(_ *hub, d *device, w *wire) {
			signed, _ := proof.Sign(proof.TypeReport, d.key, proof.Channel{Bridge: bridgeID, Nonce: w.challenge.Nonce, Device: d.id, Order: 1, IssuedAt: time.Now().Unix()})
			w.write(channel.Head{Type: channel.TypeHello}, channel.Hello{Proof: signed})
		}, want: errs.KeyMalformed},
		"no proof":          {say: func(_ *hub, _ *device, w *wire) { w.write(channel.Head{Type: channel.TypeHello}, nil) }, want: errs.KeyMalformed},
		"no hello":          {say: func(_ *hub, _ *device, w *wire) { w.write(channel.Head{Type: channel.TypePing}, nil) }, want: errs.Unauthenticated},
		"nothing said":      {say: func(*hub, *device, *wire) {}, want: errs.Unauthenticated},
		"too large a frame": {say: func(_ *hub, _ *device, w *wire) { w.large() }, want: "", web: errs.Unauthenticated},
		"the cloud is away": {say: func(h *hub, d *device, w *wire) { h.refuse = errs.New(errs.CloudAway, "x"); d.hello(w, "") }, want: errs.CloudAway},
		"a failure inside":  {say: func(h *hub, d *device, w *wire) { h.refuse = errors.New("secret"); d.hello(w, "") }, want: errs.Internal},
		"more than is known": {say: func(_ *hub, d *device, w *wire) {
			w.write(channel.Head{Type: channel.TypeHello, Received: 3}, channel.Hello{Proof: d.proof(w.challenge, nil)})
		}, want: errs.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, h *hub) {
				d := h.device("dv_1")
				w := h.dial()
				if tt.say == nil {
					w.write(channel.Head{Type: channel.TypeHello}, channel.Hello{Proof: d.proof(w.challenge, tt.change)})
				} else {
					tt.say(h, d, w)
				}
				want := tt.want
				if h.by == byWebTransport && tt.web != "" {
					want = tt.web
				}
				if code := w.gone(); code != want {
					t.Errorf("told %q, want %q", code, want)
				}
			})
		})
	}
}

func (d *device) hello(w *wire, resume string) {
	w.write(channel.Head{Type: channel.TypeHello}, channel.Hello{Proof: d.proof(w.challenge, nil), Resume: resume})
}

// TestBounds keeps one source from taking all, a device from asking too much, and queues from growing.
func TestBounds(t *testing.T) {
	inBubble(t, func(c *Config) { c.PerSource = 2 }, func(t *testing.T, h *hub) {
		a, b := h.dial(), h.dial()
		for name, dial := range map[way]func() (conn, error){byWebSocket: h.dialSocket, byWebTransport: func() (conn, error) { return h.air.dial(t.Context()) }} {
			if _, err := dial(); err == nil {
				t.Errorf("a third connection, by %s, is taken", name)
			}
		}
		a.Close()
		b.Close()
		settle()
		w := h.device("dv_1").enter("", 0)
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("enough"))
		for range channel.MaxUnacked {
			if err := h.Send(ctx, "dv_1", channel.TypeWake, channel.Wake{}); err == nil || err.Error() != "enough" {
				t.Fatal(err)
			}
		}
		if err := h.Send(t.Context(), "dv_1", channel.TypeWake, channel.Wake{}); errs.CodeOf(err) != errs.Congested {
			t.Errorf("one frame too many: %v", err)
		}
		if err := h.Send(t.Context(), "dv_2", channel.TypeWake, channel.Wake{}); errs.CodeOf(err) != errs.Offline {
			t.Errorf("a device that is not here: %v", err)
		}
		w.Close()
	})
	hold := make(chan struct{})
	inBubble(t, func(c *Config) {
		c.Requests = map[string]Request{channel.TypeAdmit: {Answer: channel.TypeAdmitted, Do: func(context.Context, string, []byte) (any, error) {
			<-hold
			return nil, nil
		}}}
	}, func(t *testing.T, h *hub) {
		hold = make(chan struct{})
		w := h.device("dv_1").enter("", 0)
		for i := range maxRequests + 1 {
			w.write(channel.Head{Seq: uint64(i + 1), Type: channel.TypeAdmit}, nil)
		}
		w.write(channel.Head{Seq: maxRequests + 2, Type: "dance"}, nil)
		codes := map[errs.Code]int{}
		for len(codes) < 2 {
			frame, err := w.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if f := body[channel.Failure](t, frame); f.Error != nil {
				codes[f.Error.Code]++
			}
		}
		if codes[errs.Congested] != 1 || codes[errs.Upgrade] != 1 {
			t.Errorf("refused %v", codes)
		}
		close(hold)
		w.Close()
	})
}

// TestRebind tells the cloud again of sessions that it may not know of.
func TestRebind(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, h *hub) {
		d := h.device("dv_1")
		w := d.enter("", 0)
		h.mu.Lock()
		h.refuse = errs.New(errs.CloudAway, "x")
		h.mu.Unlock()
		w.Close()
		settle()
		w = d.enter(w.welcome.Resume, 0) // goes on without the cloud
		if !w.welcome.Resumed {
			t.Errorf("welcome %+v", w.welcome)
		}
		h.mu.Lock()
		h.refuse = nil
		h.mu.Unlock()
		<-time.After(2 * sweepEvery)
		h.mu.Lock()
		last := h.bound[len(h.bound)-1]
		h.mu.Unlock()
		var shown proof.Channel
		if _, err := proof.Open(last.Proof, proof.TypeChannel, &shown); err != nil || shown.Order != 2 {
			t.Errorf("the cloud is shown the proof %+v, %v", shown, err)
		}
		last.Proof = ""
		if last != (fabric.Bound{Device: "dv_1", Thumbprint: h.keys["dv_1"], Order: 2}) {
			t.Errorf("the cloud knows %+v", last)
		}
		w.Close()
	})
}
