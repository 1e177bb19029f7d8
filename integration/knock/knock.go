// Package knock comes to the doors that apps come to, and says there what no app would: for scenarios of misuse.
package knock

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/coder/websocket"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/webtransport-go"

	"strowger/pkg/channel"
	"strowger/pkg/designation"
	"strowger/pkg/proof"
)

// Door is a way to a switch on which nothing was said yet.
type Door interface {
	// Show says who comes, in a line without its end or in a frame, and hears the answer.
	Show(ctx context.Context, line []byte) (proof.Verdict, error)
	Close() error
}

// Source is an address of this machine that one comes from; nil is any.
type Source net.IP

// Dial opens a TCP connection.
func (s Source) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{}
	if s != nil {
		d.LocalAddr = &net.TCPAddr{IP: net.IP(s)}
	}
	return d.DialContext(ctx, network, address)
}

// webTransport is a stream to a switch.
type webTransport struct {
	stream    *webtransport.Stream
	session   *webtransport.Session
	transport *webtransport.Transport
	socket    *quic.Transport
}

// WebTransport opens a stream at the first address of a node.
func (s Source) WebTransport(ctx context.Context, n designation.Node) (Door, error) {
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IP(s)})
	if err != nil {
		return nil, err
	}
	d := &webTransport{socket: &quic.Transport{Conn: udp}}
	d.transport = &webtransport.Transport{
		DialAddr: func(ctx context.Context, addr string, t *tls.Config, q *quic.Config) (*quic.Conn, error) {
			at, err := net.ResolveUDPAddr("udp", addr)
			if err != nil {
				return nil, err
			}
			return d.socket.DialEarly(ctx, at, t, q)
		},
		TLSClientConfig: &tls.Config{
			MinVersion: tls.VersionTLS13, NextProtos: []string{http3.NextProtoH3}, InsecureSkipVerify: true,
			VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
				sum := sha256.Sum256(raw[0])
				if !slices.Contains(n.Web, base64.RawURLEncoding.EncodeToString(sum[:])) {
					return errors.New("not a certificate of the designation")
				}
				return nil
			},
		},
		QUICConfig: &quic.Config{EnableDatagrams: true, EnableStreamResetPartialDelivery: true},
	}
	if _, d.session, err = d.transport.Dial(ctx, "https://"+n.Addresses[0]+"/call", nil); err != nil {
		return nil, errors.Join(err, d.transport.Close(), d.hangUp())
	}
	if d.stream, err = d.session.OpenStreamSync(ctx); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// Show says a line.
func (d *webTransport) Show(ctx context.Context, line []byte) (v proof.Verdict, err error) {
	stop := context.AfterFunc(ctx, func() { _ = d.session.CloseWithError(0, "") }) // it is closed either way
	defer stop()
	if _, err := d.stream.Write(append(bytes.Clone(line), '\n')); err != nil {
		return v, fmt.Errorf("say who comes: %w", err)
	}
	return v, proof.ReadLine(d.stream, proof.MaxVerdict, &v)
}

// Close leaves, and returns when the connection has ended.
func (d *webTransport) Close() error {
	err := d.session.CloseWithError(0, "")
	<-d.session.Context().Done()
	return errors.Join(err, d.transport.Close(), d.hangUp())
}

func (d *webTransport) hangUp() error { return errors.Join(d.socket.Close(), d.socket.Conn.Close()) }

// webSocket is a connection to a bridge.
type webSocket struct {
	ws     *websocket.Conn
	client *http.Client
}

// WebSocket opens a connection to a bridge, by its URL, on the way to a node. Any certificate will do.
func (s Source) WebSocket(ctx context.Context, bridge, node string) (Door, error) {
	return s.webSocket(ctx, strings.TrimSuffix(bridge, "/")+"/call/"+node, "sip")
}

// Channel opens the channel of a device to a bridge, by its URL.
func (s Source) Channel(ctx context.Context, bridge string) (Door, error) {
	return s.webSocket(ctx, strings.TrimSuffix(bridge, "/")+channel.Path, channel.Subprotocol)
}

func (s Source) webSocket(ctx context.Context, url, protocol string) (Door, error) {
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true}, DialContext: s.Dial,
	}}
	ws, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPClient: client, Subprotocols: []string{protocol}})
	if err != nil {
		client.CloseIdleConnections()
		return nil, err
	}
	return &webSocket{ws, client}, nil
}

// Show says a frame.
func (d *webSocket) Show(ctx context.Context, line []byte) (v proof.Verdict, err error) {
	if err := d.ws.Write(ctx, websocket.MessageText, line); err != nil {
		return v, fmt.Errorf("say who comes: %w", err)
	}
	_, answer, err := d.ws.Read(ctx)
	if err != nil {
		return v, err
	}
	return v, json.Unmarshal(answer, &v)
}

// Close leaves.
func (d *webSocket) Close() error {
	_ = d.ws.CloseNow() // the bridge may have closed it already
	d.client.CloseIdleConnections()
	return nil
}
