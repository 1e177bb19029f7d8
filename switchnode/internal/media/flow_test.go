package media

import (
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	"strowger/pkg/rtp"
	"strowger/pkg/sdp"
)

// memoryLink is one end of a link in memory.
type memoryLink struct {
	mu    sync.Mutex
	flows map[uint64]func([]byte)
	last  uint64
	other *memoryLink
	down  bool
	late  atomic.Int32 // packets that may be
}

func newLink() (a, b *memoryLink) {
	a, b = &memoryLink{flows: map[uint64]func([]byte){}}, &memoryLink{flows: map[uint64]func([]byte){}}
	a.other, b.other = b, a
	return a, b
}

var errDown = errors.New("the link is down")

func (l *memoryLink) NewFlow(receive func([]byte)) (Flow, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return nil, errDown
	}
	l.last++
	l.flows[l.last] = receive
	return memoryFlow{l, l.last}, nil
}

func (l *memoryLink) Send(flow uint64, packet []byte, late bool) error {
	if late {
		l.late.Add(1)
	}
	l.other.mu.Lock()
	receive := l.other.flows[flow]
	l.other.mu.Unlock()
	if receive == nil {
		return errDown
	}
	receive(append([]byte(nil), packet...))
	return nil
}

type memoryFlow struct {
	link *memoryLink
	id   uint64
}

func (f memoryFlow) ID() uint64 { return f.id }

func (f memoryFlow) Close() {
	f.link.mu.Lock()
	defer f.link.mu.Unlock()
	delete(f.link.flows, f.id)
}

// linkCall is a call between two switches: a - x - link - y - b.
type linkCall struct {
	a, b           *phone
	pa, ax, by, pb *Port
	link           *memoryLink // that x sends on
}

func newLinkCall(t *testing.T) linkCall {
	t.Helper()
	x, _ := newRelay(t)
	y, _ := newRelay(t)
	lx, ly := newLink()
	c := linkCall{pa: open(t, x), pb: open(t, y), link: lx}
	var err error
	if c.ax, err = x.OpenFlow(lx); err != nil {
		t.Fatal(err)
	}
	if c.by, err = y.OpenFlow(ly); err != nil {
		t.Fatal(err)
	}
	c.a, c.b = newPhone(t, loopback).to(c.pa), newPhone(t, loopback).to(c.pb)
	c.pa.SetLocal([]sdp.Format{pcmu, opus, event})
	c.pa.SetRemote(c.a.session("", pcmu, opus, event), loopback)
	c.pb.SetLocal([]sdp.Format{pcmu, as(opus, 107), event})
	c.pb.SetRemote(c.b.session("", pcmu, as(opus, 107), event), loopback)
	c.negotiate(t)
	Bridge(c.pa, c.ax)
	Bridge(c.pb, c.by)
	return c
}

// negotiate lets the two ends of the link tell each other their flows, as the switches do.
func (c linkCall) negotiate(t *testing.T) {
	t.Helper()
	wx, wy := sdp.NewWriter(), sdp.NewWriter()
	offer, local := wx.Offer(sdp.Description{Direction: sdp.SendRecv, Codecs: []sdp.Codec{pcmu.Codec, opus.Codec, event.Codec}}, c.ax.Local())
	c.ax.SetLocal(local)
	offered, err := sdp.Parse(offer)
	if err != nil {
		t.Fatal(err)
	}
	c.by.SetRemote(offered, netip.Addr{})
	answer, local, err := wy.Answer(offered, offered.Description(), c.by.Local())
	if err != nil {
		t.Fatal(err)
	}
	c.by.SetLocal(local)
	answered, err := sdp.Parse(answer)
	if err != nil {
		t.Fatal(err)
	}
	c.ax.SetRemote(answered, netip.Addr{})
}

func TestOverALink(t *testing.T) {
	c := newLinkCall(t)
	c.a.say(96, "from office to office")
	c.b.hears(107, "from office to office")
	c.b.say(0, "and back")
	c.a.hears(0, "and back")
	bye := []byte{0x81, 203, 0, 1, 0, 0, 0x10, 0}
	c.a.write(control, bye)
	if got := c.b.read(control); string(got) != string(bye) {
		t.Errorf("RTCP came as % x", got)
	}
	local, remote := c.ax.Addresses()
	if local != "link flow 1" || remote != "link flow 1" {
		t.Errorf("addresses %q, %q", local, remote)
	}
	eventually(t, func() bool { return c.by.Stats().PacketsSent == 1 }, "the packet was not counted as sent")
	if s := c.by.Stats(); s.PacketsReceived != 1 || s.PacketsDropped != 0 {
		t.Errorf("figures %+v", s)
	}
}

// A digit counts however late it comes, speech does not.
func TestDigitsMayBeLate(t *testing.T) {
	c := newLinkCall(t)
	c.a.say(0, "speech")
	c.b.hears(0, "speech")
	digit := string(rtp.Event{Code: 5, End: true, Duration: 800}.Append(nil))
	c.a.say(event.PT, digit)
	c.b.hears(event.PT, digit)
	if n := c.link.late.Load(); n != 1 {
		t.Errorf("%d packets may be late, want that of the digit", n)
	}
}

func TestLinkThatDoesNotTakePackets(t *testing.T) {
	c := newLinkCall(t)
	c.by.Close()
	c.a.say(0, "into nothing")
	pollDrops(t, c.pa, Unsent, 1)
	if s := c.ax.Stats(); s.PacketsSent != 0 {
		t.Errorf("counted %d packets that the link did not take", s.PacketsSent)
	}
}

func TestLinkThatIsDown(t *testing.T) {
	r, _ := newRelay(t)
	l, _ := newLink()
	l.down = true
	if _, err := r.OpenFlow(l); !errors.Is(err, errDown) {
		t.Errorf("got %v", err)
	}
	if n := r.Counters().Ports; n != 0 {
		t.Errorf("%d ports are open", n)
	}
}

func TestFlowThatNobodyNamed(t *testing.T) {
	c := newLinkCall(t)
	c.ax.SetRemote(c.b.session("", pcmu), netip.Addr{}) // no strowger-flow
	c.a.say(0, "where to?")
	pollDrops(t, c.pa, NoRemote, 1)
}

// What comes from outside neither crashes the relay nor passes with another length.
func FuzzReceive(f *testing.F) {
	f.Add(false, rtp.Header{PT: 0, SSRC: 1}.Append(nil, []byte("speech")))
	f.Add(true, []byte{0x81, 203, 0, 1, 0, 0, 0x10, 0})
	r, _ := newRelay(f)
	la, lb := newLink()
	pa, err := r.OpenFlow(la)
	if err != nil {
		f.Fatal(err)
	}
	pb, err := r.OpenFlow(lb)
	if err != nil {
		f.Fatal(err)
	}
	var out []byte
	lb.other.flows[77] = func(b []byte) { out = b }
	for _, p := range []*Port{pa, pb} {
		p.SetLocal([]sdp.Format{pcmu, opus})
		p.SetRemote(session(f, netip.MustParseAddrPort("192.0.2.1:9"), 10, "a=strowger-flow:77\r\n", []sdp.Format{pcmu, opus}), netip.Addr{})
	}
	Bridge(pa, pb)
	f.Fuzz(func(t *testing.T, control bool, b []byte) {
		out = nil
		in := append([]byte(nil), b...)
		if control && len(in) > 1 {
			in[1] = 200 + in[1]%8
		}
		pa.receiveFlow(in)
		if out != nil && len(out) != len(b) {
			t.Fatalf("%d bytes became %d", len(b), len(out))
		}
	})
}
