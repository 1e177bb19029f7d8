package webside

import (
	"context"
	"crypto/tls"
	"net"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// firstOnly is a socket that sends so many packets and no more.
type firstOnly struct {
	net.PacketConn
	left int
}

func (f *firstOnly) WriteTo(b []byte, to net.Addr) (int, error) {
	if f.left == 0 {
		return len(b), nil
	}
	f.left--
	return f.PacketConn.WriteTo(b, to)
}

// An app has the settings of HTTP/3, without which it may not ask for its session, after one round trip: they come with the
// node's handshake, before the node has heard the end of the app's. With its session and its entry that makes three until it
// rings.
func TestSettingsComeWithTheHandshake(t *testing.T) {
	o := newOffice(t)
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	const hello = 2 // packets: the key of X25519MLKEM768 makes it longer than one
	transport := &quic.Transport{Conn: &firstOnly{socket, hello}}
	defer socket.Close()
	defer transport.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := transport.Dial(ctx, net.UDPAddrFromAddrPort(o.endpoint.Addr()), &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{http3.NextProtoH3}, InsecureSkipVerify: true,
	}, &quic.Config{EnableDatagrams: true, EnableStreamResetPartialDelivery: true})
	if err != nil {
		t.Fatal(err)
	}
	client := (&http3.Transport{EnableDatagrams: true}).NewRawClientConn(c)
	go func() { // it ends with the connection
		for {
			s, err := c.AcceptUniStream(t.Context())
			if err != nil {
				return
			}
			client.HandleUnidirectionalStream(s)
		}
	}()
	select {
	case <-client.ReceivedSettings():
	case <-time.After(patience):
		t.Error("no settings before the handshake was complete at the node")
	}
	if n := o.web.Counters().Refused; len(n) != 0 {
		t.Errorf("refused %v", n)
	}
	_ = c.CloseWithError(0, "") // the node does not hear it
}
