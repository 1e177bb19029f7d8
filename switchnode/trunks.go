package switchnode

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"strowger/pkg/datafolder"
	"strowger/pkg/fabric"
	"strowger/pkg/sip"
	"strowger/pkg/sip/locate"
	"strowger/switchnode/internal/trunk/upkeep"
)

const (
	trunkSecretFile = "trunk-contacts.key" // of the contacts that are registered at phone companies
	trunkSecretSize = 32                   // bytes
)

// trunkSecret is what the contacts of this switch at phone companies are made of: the same in every run.
func (n *node) trunkSecret() ([]byte, error) {
	path := filepath.Join(n.Data, trunkSecretFile)
	secret, err := os.ReadFile(path)
	switch {
	case err == nil && len(secret) == trunkSecretSize:
		return secret, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("read the secret of contacts at phone companies: %w", err)
	}
	secret = make([]byte, trunkSecretSize)
	_, _ = rand.Read(secret) // never fails (crypto/rand)
	if err := datafolder.Replace(path, secret, 0o600); err != nil {
		return nil, fmt.Errorf("keep the secret of contacts at phone companies: %w", err)
	}
	return secret, nil
}

// leaveTime is how long phone companies may take to forget a switch that stops.
const leaveTime = time.Second

// leaveTrunks has the phone companies send no more calls here.
func (n *node) leaveTrunks(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, leaveTime)
	defer cancel()
	n.phones.LeaveTrunks(ctx)
}

// unregistered counts the servers of phone companies where this switch is not registered and should be.
func (n *node) unregistered() float64 {
	return n.countServers(func(s fabric.TrunkServer) bool {
		return s.Registration != "" && s.Registration != string(upkeep.Registered)
	})
}

// down counts those that do not answer.
func (n *node) down() float64 {
	return n.countServers(func(s fabric.TrunkServer) bool { return s.Health == string(upkeep.Down) })
}

func (n *node) countServers(which func(fabric.TrunkServer) bool) float64 {
	count := 0
	for _, s := range n.phones.State() {
		if which(s) {
			count++
		}
	}
	return float64(count)
}

// locateBy finds the servers of a URI that a transport reaches. Unless it is UDP, the URI need not ask for it.
func locateBy(ctx context.Context, r *locate.Resolver, u sip.URI, transport string) ([]sip.Peer, error) {
	if transport != sip.UDP {
		u.UriParams.Add("transport", strings.ToLower(transport))
	}
	return r.Locate(ctx, u, transport)
}
