package sdk

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/webtransport-go"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/proof"
	"strowger/pkg/sip"
)

const (
	headStart   = 250 * time.Millisecond // of an address over the next one: RFC 8305, 5
	dialWithin  = 10 * time.Second       // a whole attempt, entry included
	keepAlive   = 5 * time.Second        // keeps the mappings of NATs on the way
	idle        = 15 * time.Second       // without a sign of the node, and the connection is lost
	maxValidity = 14 * 24 * time.Hour    // of a certificate that is known by its hash: W3C WebTransport, 6.2
)

// entry is what a device shows a node.
type entry struct {
	node designation.Node
	show func() (proof.Entry, error) // with a fresh proof: each is good for once
}

// connection is an open connection to a node, admitted to the call.
type connection struct {
	remote  netip.AddrPort
	socket  *quic.Transport
	quic    *quic.Conn
	session *webtransport.Session
	bridge  *bridgeWay // in place of these three, by way of a bridge
	stream  net.Conn   // for SIP
	verdict proof.Verdict

	served *sip.Stream
}

// direct opens a connection to a node, which is to be shown the entry (3-protocols, "Apps": the path of a node).
func (p *Phone) direct(ctx context.Context, node designation.Node) (*connection, error) {
	return p.openSession(ctx, node, "/call", quietQUIC(idle, keepAlive))
}

// openSession opens a session of WebTransport.
func (p *Phone) openSession(ctx context.Context, node designation.Node, path string, config *quic.Config) (c *connection, err error) {
	udp, err := p.openUDP()
	if err != nil {
		return nil, fmt.Errorf("open a socket: %w", err)
	}
	c = &connection{socket: &quic.Transport{Conn: udp}}
	defer func() {
		if err != nil {
			c.close()
			c = nil
		}
	}()
	if c.quic, err = c.dialAny(ctx, node, config); err != nil {
		return c, err
	}
	// What follows waits for answers of the node without regard for ctx.
	defer context.AfterFunc(ctx, func() { _ = c.quic.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "") })()
	if c.remote, err = netip.ParseAddrPort(c.quic.RemoteAddr().String()); err != nil {
		return c, err
	}
	wt, err := new(webtransport.Transport).NewClientConn(c.quic)
	if err != nil {
		return c, err
	}
	resp, session, err := wt.Dial(ctx, "https://"+c.remote.String()+path, nil)
	if err != nil {
		return c, refusedBy(c.remote, resp, err)
	}
	c.session = session
	return c, nil
}

func refusedBy(at netip.AddrPort, resp *http.Response, err error) error {
	if resp != nil {
		return errs.New(errs.Unreachable, "the node at %s answered %s", at, resp.Status)
	}
	return errs.New(errs.Unreachable, "the node at %s takes no apps: %w", at, err)
}

// enter shows the entry on the stream that SIP follows on.
func (c *connection) enter(ctx context.Context, e entry) error {
	line, err := e.show()
	if err != nil {
		return err
	}
	if c.bridge != nil {
		return c.enterSpliced(ctx, line)
	}
	// What follows waits for answers of the node without regard for ctx.
	defer context.AfterFunc(ctx, func() { _ = c.quic.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "") })()
	s, err := c.session.OpenStreamSync(ctx)
	if err != nil {
		return fmt.Errorf("open a stream to %s: %w", c.remote, err)
	}
	deadline, _ := ctx.Deadline() // dial gave it one
	if err := s.SetDeadline(deadline); err != nil {
		return err
	}
	if err := proof.WriteLine(s, line); err != nil {
		return fmt.Errorf("show the session key at %s: %w", c.remote, err)
	}
	var v proof.Verdict
	switch err := proof.ReadLine(s, proof.MaxVerdict, &v); {
	case err != nil:
		return fmt.Errorf("the node at %s said nothing of the session key: %w", c.remote, err)
	case v.Error != nil:
		return &refusal{v.Error}
	case !v.OK:
		return errs.New(errs.Invalid, "the node at %s said neither yes nor no to the session key", c.remote)
	}
	c.stream, c.verdict = newStream(s), v
	return s.SetDeadline(time.Time{})
}

// refusal is a node's word that the call is not to be had.
type refusal struct{ why *errs.Error }

func (r *refusal) Error() string { return r.why.Words }
func (r *refusal) Unwrap() error { return r.why }

// close ends the connection; what the node has not read yet may be lost.
func (c *connection) close() {
	if c == nil {
		return
	}
	if c.bridge != nil {
		c.bridge.close()
		return
	}
	if c.session != nil {
		_ = c.session.CloseWithError(0, "") // it has ended, then
	}
	if c.quic != nil {
		_ = c.quic.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "")
	}
	_ = c.socket.Close()
	_ = c.socket.Conn.Close()
}

// dialAny dials the addresses of a node, each a little after the one before it, and returns the first connection that comes up.
func (c *connection) dialAny(ctx context.Context, n designation.Node, config *quic.Config) (*quic.Conn, error) {
	var ways []func(context.Context) (*quic.Conn, error)
	for _, address := range n.Addresses[:min(len(n.Addresses), designation.MaxAddresses)] {
		ways = append(ways, func(ctx context.Context) (*quic.Conn, error) { return c.dialOne(ctx, address, n.Web, config) })
	}
	if len(ways) == 0 {
		return nil, errs.New(errs.Unreachable, "no address of the node is known")
	}
	conn, err := race(ctx, headStart, ways, func(late *quic.Conn) {
		_ = late.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "") // it is closed either way
	})
	if err != nil {
		return nil, errs.New(errs.Unreachable, "no address of the node answers: %w", err)
	}
	return conn, nil
}

// quietQUIC is QUIC for WebTransport, of a connection that is lost without a sign of the other side for idle, and that is kept
// alive so often.
func quietQUIC(idle, alive time.Duration) *quic.Config {
	return &quic.Config{
		EnableDatagrams: true, EnableStreamResetPartialDelivery: true, // WebTransport needs both
		MaxIdleTimeout: idle, KeepAlivePeriod: alive,
	}
}

func (c *connection) dialOne(ctx context.Context, address string, web []string, config *quic.Config) (*quic.Conn, error) {
	at, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return nil, err
	}
	conn, err := c.socket.Dial(ctx, at, &tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: []string{http3.NextProtoH3},
		// The hash of the certificate takes the place of chain and name.
		InsecureSkipVerify: true,
		VerifyConnection:   func(cs tls.ConnectionState) error { return known(cs.PeerCertificates[0], web, time.Now()) },
	}, config)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	return conn, nil
}

// known says why a certificate is none of those that a designation names (W3C WebTransport, 6.2: verify a certificate hash).
func known(leaf *x509.Certificate, web []string, now time.Time) error {
	sum := sha256.Sum256(leaf.Raw)
	key, ec := leaf.PublicKey.(*ecdsa.PublicKey)
	switch {
	case !slices.Contains(web, base64.RawURLEncoding.EncodeToString(sum[:])):
		return errs.New(errs.WrongNode, "the certificate there is not the node's")
	case !ec || key.Curve != elliptic.P256():
		return errs.New(errs.WrongNode, "the certificate of the node has a key that is not ECDSA on P-256")
	case leaf.NotAfter.Sub(leaf.NotBefore) > maxValidity:
		return errs.New(errs.WrongNode, "the certificate of the node is valid for more than 14 days")
	case now.Before(leaf.NotBefore) || now.After(leaf.NotAfter):
		return errs.New(errs.ClockSkew, "the certificate of the node counts from %s to %s, the clock here says %s",
			leaf.NotBefore.Format(time.RFC3339), leaf.NotAfter.Format(time.RFC3339), now.Format(time.RFC3339))
	}
	return nil
}
