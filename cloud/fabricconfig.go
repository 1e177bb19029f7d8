package cloud

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"strowger/cloud/internal/authority"
	"strowger/cloud/internal/exchange"
)

// Files of an external NATS server, in a folder of its own.
const (
	serverConfigFile = "nats-server.conf"
	serverCertFile   = "server.pem"
	serverKeyFile    = "server-key.pem"
	rootFile         = "root.pem"
)

// WriteFabricConfig writes into a folder below dir for each of the servers of cfg.NATS what it needs: its configuration,
// certificate and key, and the installation's root. What it does is told to out.
func WriteFabricConfig(ctx context.Context, cfg Config, dir string, out io.Writer) error {
	if len(cfg.NATS) == 0 {
		return errors.New("--fabric-config needs --nats HOST:PORT for each server")
	}
	return withData(ctx, cfg, func(c *instance) error {
		keys, err := fabricKeys(ctx, c.authority)
		if err != nil {
			return err
		}
		for i, address := range cfg.NATS {
			s := exchange.ServerConfig{
				Name: fmt.Sprintf("nats-%d", i+1), Address: address, Cluster: cfg.NATS,
				Certificate: serverCertFile, Key: serverKeyFile, Root: rootFile,
			}
			folder := filepath.Join(dir, s.Name)
			if err := c.writeServer(s, keys, folder); err != nil {
				return err
			}
			if _, err := fmt.Fprintf(out, "%s: take %s there, and in it run: nats-server -c %s\n", address, folder, serverConfigFile); err != nil {
				return err
			}
		}
		return nil
	})
}

// writeServer writes the files of one server. The configuration comes last: with it, all are there.
func (c *instance) writeServer(s exchange.ServerConfig, keys exchange.Keys, folder string) error {
	hosts, err := hostsOf(append([]string{s.Address}, c.cfg.Public...))
	if err != nil {
		return err
	}
	cert, key, err := c.authority.FabricServer(hosts)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := s.Write(&text, keys); err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("make the folder of NATS server %s: %w", s.Address, err)
	}
	for _, f := range []struct {
		name string
		data []byte
	}{
		{rootFile, c.authority.RootPEM()}, {serverCertFile, cert}, {serverKeyFile, key}, {serverConfigFile, text.Bytes()},
	} {
		// Key and configuration are secret: who has them can pose as the fabric, or join it as a server.
		if err := os.WriteFile(filepath.Join(folder, f.name), f.data, 0o600); err != nil {
			return fmt.Errorf("write what NATS server %s needs: %w", s.Address, err)
		}
	}
	return nil
}

// hostsOf is the hosts of "host:port" addresses.
func hostsOf(addresses []string) ([]string, error) {
	var hosts []string
	for _, a := range addresses {
		host, _, err := net.SplitHostPort(a)
		if err != nil {
			return nil, fmt.Errorf("address %q: want host:port: %w", a, err)
		}
		hosts = append(hosts, host)
	}
	return hosts, nil
}

// fabricKeys are the keys of the installation's fabric.
func fabricKeys(ctx context.Context, a *authority.Authority) (exchange.Keys, error) {
	seed, err := a.FabricSeed(ctx, exchange.NewSeed)
	if err != nil {
		return exchange.Keys{}, err
	}
	return exchange.NewKeys(seed)
}
