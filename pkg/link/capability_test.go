package link

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/testutils/simnet"

	"strowger/pkg/designation"
	"strowger/pkg/trust"
)

// release is a peer of some release: it greets with its capability and does nothing else.
func (o *org) release(t *testing.T, socket net.PacketConn, capability int) (designation.Node, <-chan *quic.Conn) {
	t.Helper()
	name := o.name()
	cert := o.issuer.Node(t, name, nil)
	transport := &quic.Transport{Conn: socket}
	l, err := transport.Listen(&tls.Config{
		Certificates: []tls.Certificate{cert}, NextProtos: []string{ALPN}, ClientAuth: tls.RequireAnyClientCert,
	}, &quic.Config{EnableDatagrams: true})
	if err != nil {
		t.Fatal(err)
	}
	greeted := make(chan *quic.Conn, 1)
	serve := func() error {
		qc, err := l.Accept(t.Context())
		if err != nil {
			return err
		}
		control, err := qc.AcceptStream(t.Context())
		if err != nil {
			return err
		}
		for lines := bufio.NewScanner(control); lines.Scan() && lines.Text() != `{"stream":"control","v":1}`; {
			continue
		}
		_, err = control.Write(encodeLine(hello{V: version, Capability: capability, Node: name.ID, Boot: "bo_x", Now: time.Now()}))
		greeted <- qc
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- serve() }()
	t.Cleanup(func() {
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := errors.Join(l.Close(), transport.Close()); err != nil {
			t.Error(err)
		}
	})
	return designation.Node{
		ID: name.ID, Addresses: []string{l.Addr().String()}, KeyHash: trust.CertKeyHash(cert.Leaf.RawSubjectPublicKeyInfo),
	}, greeted
}

// Twenty packets wait for a path that is doubted. An old peer gets each by itself, a newer one four datagrams: six of them fit
// in one. The newest learns how many packets were sent before.
func TestPeersOfEachCapability(t *testing.T) {
	const packets = 20
	for capability, datagrams := range map[int]int{1: packets, 2: 4, 3: 4, 4: 4} {
		t.Run(fmt.Sprint(capability), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { manyPackets(t, capability, packets, datagrams) })
		})
	}
}

// manyPackets has a peer of a capability receive packets that waited together.
func manyPackets(t *testing.T, capability, packets, datagrams int) {
	t.Helper()
	o, router := newOrg(t), &simnet.PerfectRouter{}
	cfg := o.config(t)
	x := prepare(&cfg)
	x.run(t, newEndpoint(x.cfg, plug(t, router, address(1)), nil))
	node, greeted := o.release(t, plug(t, router, address(2)), capability)
	c, err := x.Connect(t.Context(), node)
	if err != nil {
		t.Fatal(err)
	}
	c.doubted.Store(true)
	for i := range packets {
		if err := c.Send(uint64(100+i), make([]byte, 172)); err != nil {
			t.Fatal(err)
		}
	}
	c.trust()
	qc, got := wait(t, "greeting", greeted), 0
	for range datagrams {
		b, err := qc.ReceiveDatagram(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if before, ok := number(b); ok != (capability >= 3) || ok && before != uint32(got) {
			t.Errorf("datagram with packets from %d says %d, %t", got, before, ok)
		}
		if _, err := decodeBatch(b, func(flow uint64, packet []byte) {
			if flow != uint64(100+got) || len(packet) != 172 {
				t.Errorf("flow %d, %d bytes", flow, len(packet))
			}
			got++
		}); err != nil {
			t.Error(err)
		}
	}
	if got != packets || x.Counters().PacketsSent != uint64(packets) {
		t.Errorf("%d packets in %d datagrams; %+v", got, datagrams, x.Counters())
	}
}
