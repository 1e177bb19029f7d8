package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/pion/logging"
	"github.com/pion/turn/v5"

	"strowger/mobile-bridge/internal/outbound"
	"strowger/pkg/designation"
)

// testTime is how long an answer to the test may take.
const testTime = 3 * time.Second

// Test asks the relay for an allocation at the address that clients are told, or where there is none where it is seen, and says in
// words what that shows. An error says that clients are not likely to get one. It proves no more than that the address leads here
// from this machine: what a firewall before it lets through is seen from outside only.
func (r *Relay) Test(ctx context.Context) (words string, err error) {
	at := netip.AddrPortFrom(r.cfg.Public, r.Addr().Port())
	what, ask, ports := "STUN", (*turn.Client).SendBindingRequest, fmt.Sprintf("UDP port %d", at.Port())
	if r.relays() {
		what, ask, ports = "the relay", allocate, fmt.Sprintf("UDP and TCP port %d and UDP ports %d-%d", at.Port(), r.cfg.Ports[0], r.cfg.Ports[1])
	}
	if err := r.client(ctx, at, ask); err != nil {
		return "", fmt.Errorf("%s does not answer at %s, the address that clients are told: %w; behind a NAT that leads nothing back in, "+
			"this may be so and clients outside reach it all the same: try from outside; else correct --public, or let UDP port %d through", what, at, err, at.Port())
	}
	if !outbound.Public(r.cfg.Public) {
		return fmt.Sprintf("%s answers at %s, which is not an address of the public internet: clients in this network reach it, others do not", what, at), nil
	}
	return fmt.Sprintf("%s answers at %s from this machine; whether a firewall before it lets %s through is seen from outside only", what, at, ports), nil
}

// allocate gets an allocation as a client does, and gives it back.
func allocate(c *turn.Client) (net.Addr, error) {
	relayed, err := c.Allocate()
	if err != nil {
		return nil, err
	}
	return relayed.LocalAddr(), relayed.Close()
}

// client asks as a client does.
func (r *Relay) client(ctx context.Context, at netip.AddrPort, ask func(*turn.Client) (net.Addr, error)) (err error) {
	network := "udp6"
	if at.Addr().Is4() {
		network = "udp4"
	}
	c, err := net.ListenPacket(network, ":0")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Now()) })()
	if err := c.SetReadDeadline(time.Now().Add(testTime)); err != nil {
		return err
	}
	me := designation.NewRelay(nil, r.secret, "test", r.cfg.Now().Add(time.Minute))
	client, err := turn.NewClient(&turn.ClientConfig{
		STUNServerAddr: at.String(), TURNServerAddr: at.String(), Username: me.Username, Password: me.Credential, Realm: r.cfg.Realm, Conn: c,
		RTO: testTime / 16, LoggerFactory: &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled},
	})
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.Listen(); err != nil {
		return err
	}
	_, err = ask(client)
	return err
}
