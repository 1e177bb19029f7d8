package integration

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"strowger/cloud"
	"strowger/pkg/postgrestest"
)

// The ground that every scenario stands on. The default needs nothing but Go; "./test grounds" tries the others.
var (
	storeFlag  = flag.String("store", sqlite, "database of the scenarios: sqlite or postgres")
	fabricFlag = flag.String("fabric", embedded, "fabric of the scenarios: embedded, server (one NATS server) or cluster (three)")
)

// Kinds of ground.
const (
	sqlite   = "sqlite"
	postgres = "postgres"
	embedded = "embedded"
	server   = "server"
	cluster  = "cluster"
	front    = "front" // a cluster of three, of which the world is told two
)

// ground is what a world stands on: a database, and NATS servers unless the cloud has its own.
type ground struct {
	db, key string // as cloud.Config has them
	nats    []*member
	told    []string // addresses of those that the world is to use
}

// lay makes a ground for an installation with its data in dir, and starts its NATS servers; clear must follow. Without a
// PostgreSQL the database is SQLite.
func lay(ctx context.Context, dir string, database *postgrestest.Server, fabric string) (g *ground, err error) {
	g = &ground{key: filepath.Join(dir, "master.key")}
	if database != nil {
		if g.db, err = database.Create(); err != nil {
			return nil, err
		}
		secret := make([]byte, 32)
		_, _ = rand.Read(secret) // never fails
		line := "strowger-master-key-1 " + base64.RawStdEncoding.EncodeToString(secret) + "\n"
		if err := os.WriteFile(g.key, []byte(line), 0o600); err != nil {
			return nil, err
		}
	}
	servers, ok := map[string]int{embedded: 0, server: 1, cluster: 3, front: 3}[fabric]
	if !ok {
		return nil, fmt.Errorf("-fabric %q: want %s, %s or %s", fabric, embedded, server, cluster)
	}
	if servers == 0 {
		return g, nil
	}
	if err := g.startServers(ctx, dir, servers); err != nil {
		return nil, errors.Join(err, g.clear())
	}
	if fabric == front {
		g.told = g.told[:2]
	}
	return g, nil
}

// startServers makes the configuration of NATS servers as an operator does, and runs them.
func (g *ground) startServers(ctx context.Context, dir string, n int) error {
	cfg := g.cloud(dir)
	for range n {
		address, err := freeServerAddress()
		if err != nil {
			return err
		}
		cfg.NATS = append(cfg.NATS, address)
	}
	folder := filepath.Join(dir, "nats")
	if err := cloud.WriteFabricConfig(ctx, cfg, folder, io.Discard); err != nil {
		return err
	}
	for i, address := range cfg.NATS {
		m := &member{address: address, folder: filepath.Join(folder, fmt.Sprintf("nats-%d", i+1))}
		if err := m.start(ctx); err != nil {
			return err
		}
		g.nats = append(g.nats, m)
	}
	g.told = cfg.NATS
	return nil
}

// cloud configures a cloud on this ground, but for its addresses.
func (g *ground) cloud(dir string) cloud.Config {
	return cloud.Config{
		Data: filepath.Join(dir, "cloud"), DB: g.db, MasterKey: g.key, Host: []string{"127.0.0.1"}, API: "127.0.0.1:0", Fabric: "127.0.0.1:0",
		NATS: g.told, Logger: slog.New(slog.DiscardHandler),
	}
}

// clear ends what was started.
func (g *ground) clear() error {
	var err error
	for _, m := range g.nats {
		err = errors.Join(err, m.kill())
	}
	return err
}

// sharedPostgres is the PostgreSQL of this process; TestMain ends it.
var sharedPostgres struct {
	once   sync.Once
	server *postgrestest.Server
	err    error
}

// database returns the server of a kind of database, nil for SQLite.
func database(store string) (*postgrestest.Server, error) {
	switch store {
	case sqlite:
		return nil, nil
	case postgres:
		sharedPostgres.once.Do(func() { sharedPostgres.server, sharedPostgres.err = postgrestest.New() })
		return sharedPostgres.server, sharedPostgres.err
	}
	return nil, fmt.Errorf("-store %q: want %s or %s", store, sqlite, postgres)
}

// installed fails a test that could not begin, or skips it for lack of PostgreSQL.
func installed(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, postgrestest.ErrMissing) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// member is a NATS server in a process of its own.
type member struct {
	address, folder string
	cmd             *exec.Cmd
}

// natsServer builds the server of the tool line and returns its path.
var natsServer = sync.OnceValues(func() (string, error) {
	build := exec.Command("go", "tool", "-n", "nats-server")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	path, err := build.Output()
	return strings.TrimSpace(string(path)), err
})

func (m *member) start(ctx context.Context) error {
	program, err := natsServer()
	if err != nil {
		return err
	}
	var log bytes.Buffer // read after Wait only
	m.cmd = exec.Command(program, "-c", "nats-server.conf")
	m.cmd.Dir, m.cmd.Stdout, m.cmd.Stderr = m.folder, &log, &log
	if err := m.cmd.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		c, err := net.Dial("tcp", m.address)
		if err == nil {
			return c.Close() // it was only to see that it listens
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("NATS server %s does not listen: %w", m.address, err), m.kill(), errors.New(log.String()))
		}
	}
}

// kill ends the server as the kernel does when it is out of memory: without a word.
func (m *member) kill() error {
	if m.cmd.ProcessState != nil {
		return nil
	}
	err := m.cmd.Process.Kill()
	_ = m.cmd.Wait() // says that it was killed
	return err
}

// reserved are UDP ports of the same numbers as the TCP ports that freeServerAddress gave out: they keep other tests that
// run at the same time, in processes of their own, from being given them too.
var reserved struct {
	sync.Mutex
	ports []net.PacketConn
}

// freeServerAddress is a free port for clients, whose port for other servers, 2,000 above, is free too. It is below those
// that systems give to outgoing connections, for the server to find it free again after it was killed.
func freeServerAddress() (string, error) {
	reserved.Lock()
	defer reserved.Unlock()
	var why error
	for range 50 {
		port := 20000 + mathrand.IntN(10000)
		if why = cmp.Or(reserve(port), reserve(port+2000)); why == nil {
			return fmt.Sprintf("127.0.0.1:%d", port), nil
		}
	}
	return "", fmt.Errorf("no free ports for a NATS server: %w", why)
}

// reserve takes a TCP port that is free. What was reserved stays so until the process ends. reserved is locked.
func reserve(port int) error {
	address := fmt.Sprintf(":%d", port)
	held, err := net.ListenPacket("udp", address)
	if err != nil {
		return err
	}
	reserved.ports = append(reserved.ports, held)
	free, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	return free.Close()
}
