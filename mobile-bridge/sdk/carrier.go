package sdk

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
	"github.com/quic-go/webtransport-go"

	"strowger/pkg/channel"
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/trust"
)

// webAfter is the head start of a WebSocket over WebTransport: longer than a bridge takes to which all apps come back at once, lest they
// come by the dear way then.
const webAfter = 3 * time.Second

// webQuiet is how long a channel's connection may say nothing; what keeps it alive is the channel's own.
const webQuiet = channel.SilentFor

// carrier is a connection that carries the frames of a channel. It ends with the context of a Read or Write.
type carrier interface {
	Read(ctx context.Context) ([]byte, error)
	Write(ctx context.Context, frame []byte) error
	Close() // at once
}

// reach opens a connection to a bridge: by WebSocket, which costs the bridge an eighth, or where that takes long or does not come
// through, by WebTransport. A bridge that has too much to do is not asked for more.
func (p *Phone) reach(ctx context.Context, at designation.BridgeFace) (carrier, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ways := []func(context.Context) (carrier, error){func(ctx context.Context) (carrier, error) {
		c, err := dialSocket(ctx, at)
		if errs.CodeOf(err) == errs.Congested {
			cancel()
		}
		return c, err
	}}
	if len(at.Web) > 0 && len(at.Addresses) > 0 {
		ways = append(ways, func(ctx context.Context) (carrier, error) { return p.dialWeb(ctx, at) })
	}
	c, err := race(ctx, webAfter, ways, carrier.Close)
	if err != nil {
		return nil, errs.New(errs.Unreachable, "the bridge at %s is not reached: %w", at.URL, err)
	}
	return c, nil
}

// socket is a WebSocket to a bridge.
type socket struct{ ws *websocket.Conn }

func dialSocket(ctx context.Context, at designation.BridgeFace) (carrier, error) {
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: pinned(at.KeyHash), Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}}
	ws, resp, err := websocket.Dial(ctx, strings.TrimSuffix(at.URL, "/")+channel.Path, &websocket.DialOptions{
		HTTPClient: client, Subprotocols: []string{channel.Subprotocol},
	})
	switch {
	case err != nil && resp != nil && (resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable):
		return nil, errs.New(errs.Congested, "it has too much to do: %s", resp.Status)
	case err != nil && resp != nil && resp.StatusCode >= http.StatusBadRequest:
		return nil, errs.New(errs.Unreachable, "it answers %s", resp.Status)
	case err != nil:
		return nil, err
	}
	ws.SetReadLimit(channel.MaxFrame)
	return socket{ws}, nil
}

func (s socket) Read(ctx context.Context) ([]byte, error) {
	kind, frame, err := s.ws.Read(ctx)
	if err == nil && kind != websocket.MessageText {
		err = errs.New(errs.Invalid, "a frame of the bridge's is binary, want text")
	}
	return frame, err
}

func (s socket) Write(ctx context.Context, frame []byte) error {
	return s.ws.Write(ctx, websocket.MessageText, frame)
}

func (s socket) Close() { _ = s.ws.CloseNow() } // it is closed either way

// pinned is TLS to a bridge that is known by the hash of its key, or by its name where that is empty.
func pinned(keyHash string) *tls.Config {
	if keyHash == "" {
		return &tls.Config{MinVersion: tls.VersionTLS13}
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		InsecureSkipVerify: true, // the hash takes the place of chain and name
		VerifyConnection: func(cs tls.ConnectionState) error {
			if trust.CertKeyHash(cs.PeerCertificates[0].RawSubjectPublicKeyInfo) != keyHash {
				return errs.New(errs.WrongNode, "the key there is not the bridge's")
			}
			return nil
		},
	}
}

// webStream is the stream of a session of WebTransport with a bridge.
type webStream struct {
	conn   *connection
	stream *webtransport.Stream
}

func (p *Phone) dialWeb(ctx context.Context, at designation.BridgeFace) (carrier, error) {
	c, err := p.openSession(ctx, designation.Node{ID: at.ID, Addresses: at.Addresses, Web: at.Web}, channel.Path, quietQUIC(webQuiet, 0))
	if err != nil {
		return nil, err
	}
	s, err := c.session.AcceptStream(ctx) // the bridge opens it
	if err != nil {
		c.close()
		return nil, fmt.Errorf("the bridge at %s opens no stream: %w", c.remote, err)
	}
	return webStream{c, s}, nil
}

func (s webStream) Read(ctx context.Context) ([]byte, error) {
	defer context.AfterFunc(ctx, s.Close)()
	return channel.ReadFrame(s.stream)
}

func (s webStream) Write(ctx context.Context, frame []byte) error {
	defer context.AfterFunc(ctx, s.Close)()
	return channel.WriteFrame(s.stream, frame)
}

func (s webStream) Close() { s.conn.close() }
