package link

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
)

// network is an in-memory network in a synctest bubble, with 10 ms between any two nodes.
type network struct {
	simnet.PerfectRouter
	mu   sync.Mutex
	lost map[string]bool // packets from these addresses vanish
}

var errNoOther = errors.New("a simulated node has no other socket")

const latency = 10 * time.Millisecond

func (n *network) SendPacket(p simnet.Packet) error {
	n.mu.Lock()
	lost := n.lost[p.From.String()]
	n.mu.Unlock()
	if lost {
		return nil
	}
	return n.PerfectRouter.SendPacket(p)
}

func (n *network) silence(a *node) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lost[a.Addr().String()] = true
}

// newNetwork runs two nodes in a network where packets may vanish.
func newNetwork(t *testing.T) (n *network, x, y *node) {
	t.Helper()
	n = &network{lost: map[string]bool{}}
	x, y = nodesOn(t, n, func() (net.PacketConn, error) { return nil, errNoOther })
	return n, x, y
}

// nodesOn runs two nodes of an organization at 192.0.2.1 and 192.0.2.2.
func nodesOn(t *testing.T, r simnet.Router, open func() (net.PacketConn, error)) (x, y *node) {
	t.Helper()
	o := newOrg(t)
	var nodes []*node
	for i := range byte(2) {
		cfg := o.config(t)
		a := prepare(&cfg)
		nodes = append(nodes, a.run(t, newEndpoint(a.cfg, plug(t, r, address(i+1)), open)))
	}
	return nodes[0], nodes[1]
}

// address is that of a node.
func address(i byte) *net.UDPAddr { return &net.UDPAddr{IP: net.IPv4(192, 0, 2, i).To4(), Port: 7443} }

// plug is a socket in an in-memory network.
func plug(t *testing.T, r simnet.Router, at *net.UDPAddr) net.PacketConn {
	t.Helper()
	sim := &simnet.Simnet{Router: r}
	socket := sim.NewEndpoint(at, simnet.NodeBiDiLinkSettings{Latency: latency})
	if err := sim.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	return socket
}

// A path that loses everything in one direction shows in nobody's sent packets; QUIC alone takes a minute to notice.
func TestOneWayLossEndsTheLinkInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, x, y := newNetwork(t)
		c := x.connect(t, y)
		defer c.Hold()()
		other := y.linked(t, x)
		time.Sleep(time.Minute)
		if c.Err() != nil || c.RTT() < 2*latency {
			t.Fatalf("after a minute: %v, round trip %v", c.Err(), c.RTT())
		}
		network.silence(y)
		began := time.Now()
		for _, end := range []*Conn{c, other} {
			<-end.Done()
			wantCode(t, end.Err(), errs.LinkLost)
		}
		if took := time.Since(began); took > 9*time.Second+time.Second {
			t.Errorf("the link was found dead after %v", took)
		}
	})
}

func TestIdleLinkIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, x, y := newNetwork(t)
		c := x.connect(t, y)
		other := y.linked(t, x)
		release, peers := c.Hold(), other.Hold()
		time.Sleep(5 * time.Minute)
		release()
		release()
		time.Sleep(5 * time.Minute)
		if c.Err() != nil {
			t.Fatalf("the link ended while the peer held it: %v", c.Err())
		}
		peers()
		released := time.Now()
		<-c.Done()
		<-other.Done()
		wantCode(t, c.Err(), errs.Gone)
		wantCode(t, other.Err(), errs.Gone)
		if after := time.Since(released); after < time.Minute || after > time.Minute+time.Second {
			t.Errorf("closed %v after the last release", after)
		}
		_, err := c.OpenSIP(t.Context())
		wantCode(t, err, errs.Gone)
		wantCode(t, c.Send(1, []byte{0x80}), errs.Gone)
		_, err = c.NewFlow(func([]byte) {})
		wantCode(t, err, errs.Gone)
		if again := x.connect(t, y); again == c {
			t.Error("Connect returns a closed link")
		}
	})
}

// A SIP stream that the peer does not read must stop neither the link nor other streams.
func TestUnreadStreamStopsNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, x, y := newNetwork(t)
		c := x.connect(t, y)
		defer c.Hold()()
		s, err := c.OpenSIP(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		unread := <-y.sip
		if err := s.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if n, err := s.Write(make([]byte, 2*streamWindow)); !errors.Is(err, os.ErrDeadlineExceeded) || n > streamWindow {
			t.Fatalf("wrote %d bytes: %v", n, err)
		}
		other, err := c.OpenSIP(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := other.Write([]byte("BYE")); err != nil {
			t.Fatal(err)
		}
		readFull(t, <-y.sip, 3)
		stuck := make(chan error)
		go func() {
			_, err := unread.Write(make([]byte, 2*streamWindow))
			stuck <- err
		}()
		synctest.Wait()
		for _, end := range []net.Conn{s, unread} {
			if err := end.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := <-stuck; err == nil {
			t.Error("a Write that waited for the peer outlived Close without an error")
		}
		if c.Err() != nil {
			t.Error(c.Err())
		}
	})
}

func TestStoppingSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, x, y := newNetwork(t)
		c := x.connect(t, y)
		y.stop()
		<-c.Done()
		wantCode(t, c.Err(), errs.NodeStopped)
	})
}

// The candidates of a designation are tried 250 ms apart (RFC 8305, 5), so a dead one costs that and no time-out.
func TestDeadCandidateCostsLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, x, y := newNetwork(t)
		to := y.designated()
		to.Addresses = append([]string{"192.0.2.9:7443"}, to.Addresses...)
		began := time.Now()
		if _, err := x.Connect(t.Context(), to); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < attemptDelay || took > attemptDelay+20*latency {
			t.Errorf("took %v", took)
		}
	})
}

// A caller that gives up leaves the dial to the others.
func TestConnectIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, x, y := newNetwork(t)
		impatient, cancel := context.WithTimeout(t.Context(), latency)
		defer cancel()
		var left atomic.Bool
		go func() {
			_, err := x.Connect(impatient, y.designated())
			left.Store(errs.CodeOf(err) == errs.Unreachable)
		}()
		synctest.Wait()
		c := x.connect(t, y)
		synctest.Wait()
		if !left.Load() || c.Err() != nil || x.Counters().Dialled != 1 {
			t.Errorf("left %v, link %v, counters %+v", left.Load(), c.Err(), x.Counters())
		}
	})
}

// A peer that lost the connection dials anew; the old one must not win because a lower node dialled it.
func TestPeerThatLostTheLinkDialsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, x, y := newNetwork(t)
		if x.cfg.Name.ID > y.cfg.Name.ID {
			x, y = y, x
		}
		old := x.connect(t, y)
		release := old.Hold()
		lost := y.linked(t, x)
		time.Sleep(30 * time.Second)
		y.remove(lost) // as if it had died there
		fresh := y.connect(t, x)
		if fresh == lost || fresh.draining() {
			t.Fatal("the peer does not use the connection that it dialled")
		}
		synctest.Wait()
		if now := x.connect(t, y); now == old || !old.draining() {
			t.Fatal("the connection that the peer has lost is still preferred")
		}
		release()
		<-old.Done()
		if x.connect(t, y).Err() != nil {
			t.Error("draining took the other connection with it")
		}
	})
}

func TestTooManyConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, x, y := newNetwork(t)
		for range maxPerPeer {
			c := x.connect(t, y)
			defer c.Hold()()
			synctest.Wait()
			x.remove(c)
		}
		synctest.Wait()
		c, err := x.Connect(t.Context(), y.designated())
		if err == nil {
			<-c.Done()
			err = c.Err()
		}
		wantCode(t, err, errs.Congested)
	})
}

// A node that died without a word and starts again with the same key resets what it left behind (RFC 9000, 10.3), long
// before pings could tell.
func TestRestartedNodeEndsItsOldLinks(t *testing.T) {
	o := newOrg(t)
	cfg := o.config(t)
	run := func() *node {
		n := prepare(&cfg)
		e, err := Listen(cfg)
		if err != nil {
			t.Fatal(err)
		}
		return n.run(t, e)
	}
	x, y := start(t, o.config(t)), run()
	c := x.connect(t, y)
	y.linked(t, x)
	cfg.Addr, cfg.Boot = y.Addr().String(), ident.New(ident.Boot)
	y.kill(t)
	again := run()
	c.poke() // the ping that a call's end or the interval would send
	wait(t, "end of the old link", c.Done())
	wantCode(t, c.Err(), errs.LinkLost)
	if x.connect(t, again).PeerBoot() != cfg.Boot {
		t.Error("linked to the old run")
	}
}

// The same when the restarted node dials first: the peer learns of the restart from the hello.
func TestRestartedNodeDials(t *testing.T) {
	o := newOrg(t)
	cfg := o.config(t)
	x, y := start(t, o.config(t)), start(t, cfg)
	c := x.connect(t, y)
	y.linked(t, x)
	cfg.Boot = ident.New(ident.Boot)
	again := start(t, cfg) // elsewhere, while the old run still answers
	again.connect(t, x)
	wait(t, "end of the old link", c.Done())
	wantCode(t, c.Err(), errs.Restarted)
	if now := x.linked(t, again); now.PeerBoot() != cfg.Boot {
		t.Errorf("linked to boot %s", now.PeerBoot())
	}
	if _, err := x.Connect(t.Context(), designation.Node{ID: y.cfg.Name.ID, KeyHash: y.designated().KeyHash}); err != nil {
		t.Error(err)
	}
}

// renewed is a node's certificate with another serial number and the same key.
func (o *org) renewed(t *testing.T, c tls.Certificate) tls.Certificate {
	t.Helper()
	key, ok := c.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		t.Fatalf("key of type %T", c.PrivateKey)
	}
	leaf := o.issuer.Sign(t, &x509.Certificate{
		Subject: c.Leaf.Subject, URIs: c.Leaf.URIs, KeyUsage: c.Leaf.KeyUsage, ExtKeyUsage: c.Leaf.ExtKeyUsage,
	}, key.Public())
	return tls.Certificate{Certificate: [][]byte{leaf.Raw, o.issuer.Cert.Raw}, PrivateKey: key, Leaf: leaf}
}

// Both nodes renew their certificates in mid-call: the link goes on, and the next one shows the new certificates, under the
// key that is pinned.
func TestRenewalInMidCall(t *testing.T) {
	o := newOrg(t)
	var renew [2]func()
	var nodes [2]*node
	for i := range nodes {
		cfg := o.config(t)
		old := cfg.Certificate()
		fresh := o.renewed(t, old)
		var current atomic.Pointer[tls.Certificate]
		current.Store(&old)
		cfg.Certificate = func() tls.Certificate { return *current.Load() }
		renew[i] = func() { current.Store(&fresh) }
		nodes[i] = start(t, cfg)
	}
	x, y := nodes[0], nodes[1]
	c := x.connect(t, y)
	defer c.Hold()()
	var got atomic.Bool
	there := y.linked(t, x)
	flow, err := there.NewFlow(func([]byte) { got.Store(true) })
	if err != nil {
		t.Fatal(err)
	}
	before := x.designated()
	for _, r := range renew {
		r()
	}
	comes(t, "media", func() {
		if err := c.Send(flow.ID(), []byte("media")); err != nil {
			t.Fatal(err)
		}
	}, got.Load)
	if x.connect(t, y) != c {
		t.Error("the link was dialled again")
	}
	c.close(closeStopped, "")
	wait(t, "end", there.Done())
	wait(t, "end", c.Done())
	c, err = y.Connect(t.Context(), before)
	if err != nil {
		t.Fatal(err)
	}
	for _, side := range []struct {
		conn *Conn
		peer *node
	}{{c, x}, {x.linked(t, y), y}} {
		if shown := side.conn.qc.ConnectionState().TLS.PeerCertificates[0]; !shown.Equal(side.peer.cfg.Certificate().Leaf) {
			t.Errorf("%s shows the certificate with serial number %v", side.peer.cfg.Name, shown.SerialNumber)
		}
	}
}
