package exchange

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"

	"strowger/pkg/fabric"
	"strowger/pkg/life"
	"strowger/pkg/limit"
)

// embedded makes the server inside the cloud. It is configured as ServerConfig has external ones configured, but that its
// users come from this process only.
func (x *Exchange) embedded() (*server.Server, error) {
	host, portText, err := net.SplitHostPort(x.cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("fabric address %q: want [IP]:port: %w", x.cfg.Listen, err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("fabric address %q: want a port from 0 to 65535: %w", x.cfg.Listen, err)
	}
	traffic, callout, system := server.NewAccount(trafficAccount), server.NewAccount(calloutAccount), server.NewAccount(systemAccount)
	inside := map[string]struct{}{jwt.ConnectionTypeInProcess: {}}
	o := &server.Options{
		ServerName: x.cfg.Instance,
		Host:       host, Port: int(port),
		NoSigs: true, NoLog: true,
		TLS: true, TLSConfig: x.serverTLS(), TLSTimeout: tlsTimeout.Seconds(),
		AuthTimeout:  authTimeout.Seconds(),
		PingInterval: pingInterval, MaxPingsOut: pingsOut,
		WriteDeadline: writeDeadline,
		MaxPayload:    fabric.MaxReply,
		MaxConn:       life.Share(fileParts, maxConn),
		Accounts:      []*server.Account{traffic, callout, system},
		SystemAccount: systemAccount,
		Nkeys: []*server.NkeyUser{
			{Nkey: x.keys.cloud.public, Account: traffic, AllowedConnectionTypes: inside},
			{Nkey: x.keys.guard.public, Account: callout, AllowedConnectionTypes: inside},
			{Nkey: x.keys.system.public, Account: system, AllowedConnectionTypes: inside},
		},
		AuthCallout: &server.AuthCallout{
			Issuer:    x.keys.issuer.public,
			Account:   calloutAccount,
			AuthUsers: []string{x.keys.cloud.public, x.keys.guard.public, x.keys.system.public},
		},
	}
	if port == 0 {
		o.Port = server.RANDOM_PORT
	}
	s, err := server.NewServer(o)
	if err != nil {
		return nil, fmt.Errorf("configure the fabric's server: %w", err)
	}
	s.SetLogger(serverLog{x.log, x.fatal, limit.NewTold[string](time.Now)}, false, false)
	return s, nil
}

// serverTLS asks every client for a certificate that leads to the installation root.
func (x *Exchange) serverTLS() *tls.Config {
	c := x.cfg.TLS.Clone()
	c.MinVersion = tls.VersionTLS13
	c.ClientAuth = tls.RequireAndVerifyClientCert
	c.ClientCAs = x509.NewCertPool()
	c.ClientCAs.AddCert(x.cfg.Root)
	c.Time = x.cfg.Now
	return c
}

// startServer listens, and returns when nodes can connect.
func (x *Exchange) startServer() error {
	x.server.Start()
	if x.server.Addr() != nil {
		return nil
	}
	x.server.Shutdown()
	select {
	case err := <-x.fatal:
		return fmt.Errorf("start the fabric's server on %s: %w; choose another address with --fabric", x.cfg.Listen, err)
	default:
		return fmt.Errorf("start the fabric's server on %s: it does not listen", x.cfg.Listen)
	}
}
