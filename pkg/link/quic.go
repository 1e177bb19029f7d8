package link

import (
	"crypto/ecdsa"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"

	"github.com/quic-go/quic-go"
)

// resetKey outlives a restart, as the node's key does, so that a restarted node ends its old links at once (RFC 9000,
// 10.3) instead of leaving that to the peer's pings.
func resetKey(c tls.Certificate) *quic.StatelessResetKey {
	key, ok := c.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil
	}
	secret, err := key.Bytes()
	if err != nil {
		return nil
	}
	b, err := hkdf.Key(sha256.New, secret, nil, "strowger-link/1 stateless reset", len(quic.StatelessResetKey{}))
	if err != nil {
		return nil
	}
	return (*quic.StatelessResetKey)(b)
}

// quicConfig is that of connections to or from switches.
func (e *Endpoint) quicConfig() *quic.Config {
	return &quic.Config{
		EnableDatagrams:       true,
		HandshakeIdleTimeout:  e.cfg.Times.Opener,
		MaxIdleTimeout:        4 * e.cfg.Times.Dead, // the pings judge long before
		MaxIncomingStreams:    maxSIPStreams + 1,    // and the control stream
		MaxIncomingUniStreams: maxPacketStreams,
		// An app that rings is silent for a minute, and its NAT may not forget it. Links ping more often anyway.
		KeepAlivePeriod:                  e.cfg.Times.Dead,
		EnableStreamResetPartialDelivery: true, // draft-ietf-webtrans-http3 wants it
		// All streams together fit the connection's window: one that nobody reads must not silence the control stream.
		InitialStreamReceiveWindow:     firstWindow,
		MaxStreamReceiveWindow:         streamWindow,
		InitialConnectionReceiveWindow: (maxSIPStreams + 1 + maxPacketStreams) * streamWindow,
		MaxConnectionReceiveWindow:     (maxSIPStreams + 1 + maxPacketStreams) * streamWindow,
	}
}

// quicConfigFrom is that of a connection which others dial. Apps have their channels at a bridge: those are silent for a while, and
// what keeps them alive is the app's own. The links of switches are kept alive by these.
func (e *Endpoint) quicConfigFrom() *quic.Config {
	c := e.quicConfig()
	if isBridge(e.cfg.Name.ID) {
		c.KeepAlivePeriod, c.MaxIdleTimeout = 0, quietChannel
	}
	return c
}

// quicConfigTo is that of a connection which is dialled.
func (e *Endpoint) quicConfigTo(node string) *quic.Config {
	c := e.quicConfig()
	if isBridge(node) {
		c.MaxIncomingStreams, c.MaxStreamReceiveWindow = maxCallStreams, firstWindow
	}
	return c
}
