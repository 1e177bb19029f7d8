// Package cloud is the directory and broker: who exists, who may call whom, and where. It introduces callers to the
// switches of callees, signs what they need to trust each other, and keeps the records. No call runs through it.
package cloud

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Config configures one cloud instance.
type Config struct {
	Data      string   `help:"Folder for the database. Default: ${default}." default:"${state}/cloud" type:"path" placeholder:"DIR"`
	DB        string   `help:"Database: sqlite:PATH or postgres://user@host/name. Default: cloud.db in --data." name:"db" placeholder:"URL"`
	MasterKey string   `help:"File with the key that wraps every secret in the database; keep it out of backups of the database. Made at first start with SQLite, required with PostgreSQL. Default: strowger/master.key in the configuration folder." name:"master-key-file" type:"path" placeholder:"FILE"`
	Host      []string `help:"Names and addresses by which switches and admins reach this machine; the first is printed in commands. Default: its host name and its addresses." placeholder:"HOST"`
	API       string   `help:"Serve the REST API here, HTTPS. Default: ${default}." default:":443" name:"api" placeholder:"ADDR"`
	Fabric    string   `help:"Serve switches here, NATS over TLS; without effect with --nats. Default: ${default}." default:":4222" placeholder:"ADDR"`
	NATS      []string `help:"Use these external NATS servers, a cluster if several, in place of an embedded one; --fabric-config writes their configuration. Several cloud instances then share them and a PostgreSQL database." name:"nats" placeholder:"HOST:PORT"`
	Public    []string `help:"Where switches reach the servers of --nats, if elsewhere than the cloud does." name:"nats-public" placeholder:"HOST:PORT"`
	Metrics   string   `help:"Serve /healthz, /readyz and /metrics here, HTTP. Default: ${default}; empty: nowhere." default:"127.0.0.1:9464" placeholder:"ADDR"`
	Pprof     bool     `help:"Serve profiles of the running process for Go's pprof at the address of --metrics, below /debug/pprof/."`

	KeepEvents time.Duration `help:"Keep the events of calls this long; their records are kept for good. Default: ${default}, 90 days; 0: for good." default:"2160h" placeholder:"DURATION"`

	Logger  *slog.Logger  `kong:"-"`
	Started func(Started) `kong:"-"` // called once when the cloud serves; may be nil
}

// Started is where a running cloud is reached.
type Started struct {
	API     string `json:"api"`               // https://host:port
	Fabric  string `json:"fabric"`            // host:port
	Metrics string `json:"metrics,omitempty"` // host:port
	APIKey  string `json:"api_key,omitempty"` // of the first admin, until a key is used
}

// Print tells people, or as JSON programs, where the cloud is reached. The API key is shown here alone.
func (s Started) Print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(s)
	}
	_, err := fmt.Fprintf(w, "cloud serves the API at %s and switches at %s\n", s.API, s.Fabric)
	if err == nil && s.APIKey != "" {
		_, err = fmt.Fprintf(w, "\nFirst start. This API key of the administrator is shown until it is used:\n\n  %s\n\nKeep it with: strowger login %s %s\n", s.APIKey, s.API, s.APIKey)
	}
	return err
}

// validate fills in what was left out.
func (c Config) validate() (Config, error) {
	var errAll []error
	if c.Logger == nil {
		errAll = append(errAll, errors.New("logger is missing"))
	}
	if c.Data == "" {
		errAll = append(errAll, errors.New("--data is empty: name the folder where the cloud keeps its database"))
	}
	if c.DB == "" {
		c.DB = "sqlite:" + filepath.Join(c.Data, "cloud.db")
	}
	if !strings.HasPrefix(c.DB, "sqlite:") && !strings.HasPrefix(c.DB, "postgres://") {
		errAll = append(errAll, errors.New("--db: want sqlite:PATH or postgres://user@host/name")) // not quoted: it may hold a password
	}
	if c.KeepEvents < 0 {
		errAll = append(errAll, fmt.Errorf("--keep-events %v: want a time, or 0 to keep events for good", c.KeepEvents))
	}
	if c.MasterKey == "" {
		dir, err := os.UserConfigDir()
		if err != nil {
			errAll = append(errAll, fmt.Errorf("find the configuration folder: %w; name the key file with --master-key-file", err))
		}
		c.MasterKey = filepath.Join(dir, "strowger", "master.key")
	}
	if len(c.Public) == 0 {
		c.Public = c.NATS
	} else if len(c.NATS) == 0 {
		errAll = append(errAll, errors.New("--nats-public without --nats: name the servers that the cloud connects to as well"))
	}
	for _, f := range [...]struct {
		name  string
		addrs []string
	}{{"nats", c.NATS}, {"nats-public", c.Public}} {
		for _, addr := range f.addrs {
			if host, _, err := net.SplitHostPort(addr); err != nil || host == "" {
				errAll = append(errAll, fmt.Errorf("--%s %q: want host:port", f.name, addr))
			}
		}
	}
	for _, f := range [...]struct{ name, addr string }{{"api", c.API}, {"fabric", c.Fabric}} {
		if _, _, err := net.SplitHostPort(f.addr); err != nil {
			errAll = append(errAll, fmt.Errorf("--%s %q: want [IP]:port", f.name, f.addr))
		}
	}
	if len(c.Host) == 0 {
		c.Host = ownHosts()
	}
	return c, errors.Join(errAll...)
}

// ownHosts is the machine's name and addresses, loopback last.
func ownHosts() []string {
	var hosts, local []string
	addrs, _ := net.InterfaceAddrs() // without them the name must do
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		switch {
		case !ok || n.IP.IsLinkLocalUnicast():
		case n.IP.IsLoopback():
			local = append(local, n.IP.String())
		default:
			hosts = append(hosts, n.IP.String())
		}
	}
	if name, err := os.Hostname(); err == nil {
		hosts = append(hosts, name)
	}
	return append(append(hosts, "localhost"), local...)
}

// file is that of the database, if it is one of ours.
func (c Config) file() (string, bool) { return strings.CutPrefix(c.DB, "sqlite:") }
