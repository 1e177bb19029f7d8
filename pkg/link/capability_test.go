package link

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"strowger/pkg/designation"
	"strowger/pkg/trust"
)

// release is a peer of some release: it greets with its capability and does nothing else.
func (o *org) release(t *testing.T, capability int) (designation.Node, <-chan *quic.Conn) {
	t.Helper()
	name := o.name()
	cert := o.issuer.Node(t, name, nil)
	l, err := quic.ListenAddr("127.0.0.1:0", &tls.Config{
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
		if err := l.Close(); err != nil {
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
			o := newOrg(t)
			x := start(t, o.config(t))
			node, greeted := o.release(t, capability)
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
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			for range datagrams {
				b, err := qc.ReceiveDatagram(ctx)
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
			if got != packets || x.Counters().PacketsSent != packets {
				t.Errorf("%d packets in %d datagrams; %+v", got, datagrams, x.Counters())
			}
		})
	}
}
