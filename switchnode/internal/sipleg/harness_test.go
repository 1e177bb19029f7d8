package sipleg

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/textproto"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"strowger/pkg/errs"
	"strowger/pkg/sdp"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// owner is the goroutine that owns a leg or a dialog.
type owner[E any] struct {
	t      *testing.T
	work   chan func()
	events chan E
}

func newOwner[E any](t *testing.T) *owner[E] {
	o := &owner[E]{t: t, work: make(chan func(), 64), events: make(chan E, 64)}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case f := <-o.work:
				f()
			case <-stop:
				return
			}
		}
	})
	t.Cleanup(func() { close(stop); wg.Wait() })
	return o
}

// do runs f in the goroutine and waits for it.
func (o *owner[E]) do(f func()) {
	done := make(chan struct{})
	o.work <- func() { f(); close(done) }
	<-done
}

// owned is a sip.Owner that has inputs handled in the goroutine.
func (o *owner[E]) owned(handle func(sip.Input) []E) sip.Owner {
	return func(_ *sip.Dialog, in sip.Input) bool {
		o.work <- func() {
			for _, e := range handle(in) {
				o.events <- e
			}
		}
		return true
	}
}

// expect returns the next event of the type E is asked for; any other but the ignored ones is an error.
func expect[W any, E any](o *owner[E]) W {
	o.t.Helper()
	for {
		select {
		case e := <-o.events:
			if w, ok := any(e).(W); ok {
				return w
			}
			switch any(e).(type) {
			case sip.Progress, sip.Acked:
				continue
			}
			o.t.Fatalf("event %T%+v, want a %v", e, e, reflect.TypeFor[W]())
		case <-time.After(time.Minute):
			o.t.Fatalf("no event, want a %v", reflect.TypeFor[W]())
		}
	}
}

// wire is a media link in memory: tests receive for the switch, and read what it sends.
type wire struct {
	mu      sync.Mutex
	receive []func([]byte)
	sent    []byte // payload types
}

type flow uint64

func (f flow) ID() uint64 { return uint64(f) }
func (f flow) Close()     {}

func (w *wire) NewFlow(receive func([]byte)) (media.Flow, error) {
	w.receive = append(w.receive, receive)
	return flow(len(w.receive)), nil
}

func (w *wire) Send(_ uint64, packet []byte, _ bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, packet[1]&0x7f)
	return nil
}

// passes sends a packet of each payload type from the leg and returns those of the packets that reached the other side.
func (w *wire) passes(types ...byte) string {
	w.mu.Lock()
	w.sent = nil
	w.mu.Unlock()
	for i, pt := range types {
		w.receive[0]([]byte{0x80, pt, 0, byte(i), 0, 0, 0, 0, 1, 2, 3, 4, 'a', 'b', 'c', 'd'})
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return fmt.Sprint(w.sent)
}

// rig is a leg and the phone at its other end, over a stream in memory.
type rig struct {
	t           *testing.T
	link        wire
	port, other *media.Port // of the leg, and what it is bridged to
	switchNode  *sip.Endpoint
	phone       *sip.Endpoint
	at, phoneAt sip.Peer
	events      *owner[call.Event]
	calls       *owner[sip.Event]
	leg         *Leg
	dialog      *sip.Dialog // the phone's
	invited     chan *sip.Dialog
}

// handler gives incoming calls to a channel; the receiver sets the owner.
type handler func(*sip.Dialog)

func (h handler) Invite(d *sip.Dialog)                               { h(d) }
func (h handler) Register(_ *sip.Request, _ sip.Peer, r sip.Respond) { r(405, "Method Not Allowed") }

func newRig(t *testing.T) *rig {
	r := &rig{
		t: t, events: newOwner[call.Event](t), calls: newOwner[sip.Event](t), invited: make(chan *sip.Dialog, 1),
	}
	relay, err := media.NewRelay(media.Config{Bind: netip.MustParseAddr("127.0.0.1"), Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(relay.Close)
	for _, p := range []**media.Port{&r.port, &r.other} {
		if *p, err = relay.OpenFlow(&r.link); err != nil {
			t.Fatal(err)
		}
	}
	r.other.SetRemote(parse(t, body("7", "sendrecv", "0 8 9 101")), netip.Addr{})
	media.Bridge(r.port, r.other)
	r.switchNode = endpoint(t, handler(r.answering))
	r.phone = endpoint(t, handler(func(d *sip.Dialog) {
		r.dialog = d
		d.SetOwner(r.calls.owned(d.Handle))
		r.invited <- d
	}))
	ours, theirs := net.Pipe()
	r.phoneAt, r.at = serve(t, r.switchNode, ours, "192.0.2.2:5060"), serve(t, r.phone, theirs, "192.0.2.1:5060")
	return r
}

func endpoint(t *testing.T, h sip.Handler) *sip.Endpoint {
	t.Helper()
	e := sip.NewEndpoint(sip.Config{Name: "test", AdvertiseHost: "192.0.2.9", Handler: h, Logger: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := e.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	return e
}

// pipe is one end of a stream, whose other end has an address.
type pipe struct {
	net.Conn
	remote net.Addr
}

func (p pipe) RemoteAddr() net.Addr { return p.remote }
func (p pipe) LocalAddr() net.Addr  { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 9), Port: 5060} }

func serve(t *testing.T, e *sip.Endpoint, c net.Conn, remote string) sip.Peer {
	t.Helper()
	s, err := e.ServeStream(t.Context(), pipe{c, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(remote))})
	if err != nil {
		t.Fatal(err)
	}
	return s.Peer()
}

// answering makes the leg of an incoming call, as a side does.
func (r *rig) answering(d *sip.Dialog) {
	cfg := Config{ID: call.Caller, Dialog: d, Port: r.port, Lost: errs.LegLost, Flows: true}
	offer, err := sdp.Parse(d.SDP())
	switch {
	case len(d.SDP()) == 0:
		r.leg = AnsweringLate(cfg)
	case err != nil:
		Refuse(d, err)
		return
	default:
		r.leg = Answering(cfg, offer)
	}
	d.SetOwner(r.events.owned(func(in sip.Input) []call.Event { return r.leg.Handle(in) }))
	r.invited <- d
}

// called has the phone call the switch, and returns when the leg is there.
func (r *rig) called(offer string) {
	r.t.Helper()
	r.dial(offer)
	select {
	case <-r.invited:
	case <-time.After(time.Minute):
		r.t.Fatal("no call")
	}
}

func (r *rig) dial(offer string) {
	r.dialog = r.phone.NewDialog(sip.InviteParams{
		To: sip.URI{Scheme: "sip", User: "301001", Host: "127.0.0.1"}, From: sip.Party{User: "1001"}, Peer: r.at,
		Owner: r.calls.owned(func(in sip.Input) []sip.Event { return r.dialog.Handle(in) }),
	})
	r.calls.do(func() { r.dialog.Invite([]byte(offer)) })
}

// calling has the leg call the phone, and returns when the phone has the INVITE.
func (r *rig) calling(codecs ...sdp.Codec) {
	r.t.Helper()
	d := r.switchNode.NewDialog(sip.InviteParams{
		To: sip.URI{Scheme: "sip", User: "1001", Host: "127.0.0.1"}, From: sip.Party{User: "201001"}, Peer: r.phoneAt,
		Owner: r.events.owned(func(in sip.Input) []call.Event { return r.leg.Handle(in) }),
	})
	r.leg = Calling(Config{ID: 1, Dialog: d, Port: r.port, Lost: errs.LegLost, Flows: true})
	r.do(call.Start{Leg: 1, Offer: sdp.Description{Codecs: codecs, Direction: sdp.SendRecv}})
	select {
	case <-r.invited:
	case <-time.After(time.Minute):
		r.t.Fatal("no call")
	}
}

// do tells the leg something.
func (r *rig) do(a call.LegAction) { r.events.do(func() { r.leg.Do(a) }) }

// says has the phone do something.
func (r *rig) says(f func(*sip.Dialog)) { r.calls.do(func() { f(r.dialog) }) }

// up is a call that the phone answered with PCMA.
func up(t *testing.T) *rig {
	r := newRig(t)
	r.calling(pcma, telephoneEvent)
	r.says(func(d *sip.Dialog) { d.Answer([]byte(body("3", "sendrecv", "8 101"))) })
	expect[call.Answered](r.events)
	return r
}

var (
	pcmu           = sdp.Codec{Name: "PCMU", Clock: 8000, Channels: 1}
	pcma           = sdp.Codec{Name: "PCMA", Clock: 8000, Channels: 1}
	g722           = sdp.Codec{Name: "G722", Clock: 8000, Channels: 1}
	telephoneEvent = sdp.Codec{Name: "telephone-event", Clock: 8000, Channels: 1}
)

// body is a description with static payload types, and 101 for telephone events.
func body(flow, direction, types string) string {
	s := "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP " + types + "\r\n"
	if strings.Contains(types, "101") {
		s += "a=rtpmap:101 telephone-event/8000\r\n"
	}
	return s + "a=strowger-flow:" + flow + "\r\na=" + direction + "\r\n"
}

func parse(t *testing.T, body string) sdp.Session {
	t.Helper()
	s, err := sdp.Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// rawPhone writes and reads SIP by itself, on a stream to the switch.
type rawPhone struct {
	t   *testing.T
	c   net.Conn
	r   *textproto.Reader
	tag string // of the switch
}

// reply is a response.
type reply struct {
	line   string // as in "200 OK INVITE": with the method that it answers
	fields textproto.MIMEHeader
	body   string
}

func (r reply) header(name string) string { return r.fields.Get(name) }

func (r *rig) raw(t *testing.T) *rawPhone {
	ours, theirs := net.Pipe()
	serve(t, r.switchNode, ours, "192.0.2.3:5060")
	t.Cleanup(func() { _ = theirs.Close() })
	return &rawPhone{t: t, c: theirs, r: textproto.NewReader(bufio.NewReader(theirs))}
}

// send writes a request; headers end with a line break each.
func (p *rawPhone) send(method string, seq int, headers, body string) {
	p.t.Helper()
	to := ""
	if p.tag != "" && method != "CANCEL" || method == "CANCEL" && seq > 1 {
		to = ";tag=" + p.tag
	}
	branch := fmt.Sprintf("z9hG4bK%d%s", seq, strings.Replace(method, "CANCEL", "INVITE", 1))
	text := fmt.Sprintf("%s sip:301001@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.3;branch=%s\r\nFrom: <sip:1@x>;tag=1\r\n"+
		"To: <sip:2@x>%s\r\nCall-ID: c\r\nCSeq: %d %s\r\nContact: <sip:1@192.0.2.3>\r\nMax-Forwards: 70\r\n%s", method, branch, to, seq, method, headers)
	if body != "" {
		text += "Content-Type: application/sdp\r\n"
	}
	if _, err := fmt.Fprintf(p.c, "%sContent-Length: %d\r\n\r\n%s", text, len(body), body); err != nil {
		p.t.Fatal(err)
	}
}

// await returns the next response that begins so; others are passed over.
func (p *rawPhone) await(want string) reply {
	p.t.Helper()
	if err := p.c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		p.t.Fatal(err)
	}
	for {
		line, err := p.r.ReadLine()
		if err != nil {
			p.t.Fatalf("no %s: %v", want, err)
		}
		fields, err := p.r.ReadMIMEHeader()
		if err != nil {
			p.t.Fatal(err)
		}
		length, _ := strconv.Atoi(fields.Get("Content-Length"))
		body := make([]byte, length)
		if _, err := io.ReadFull(p.r.R, body); err != nil {
			p.t.Fatal(err)
		}
		if _, tag, ok := strings.Cut(fields.Get("To"), ";tag="); ok {
			p.tag = tag
		}
		_, method, _ := strings.Cut(fields.Get("CSeq"), " ")
		got := reply{strings.TrimPrefix(line, "SIP/2.0 ") + " " + method, fields, string(body)}
		if strings.HasPrefix(got.line, want) {
			return got
		}
	}
}
