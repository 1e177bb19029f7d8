// Package postgrestest runs a private PostgreSQL for tests, on a socket in a temporary folder.
package postgrestest

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// ErrMissing is a machine without PostgreSQL: tests that need it are skipped there, but not in CI.
var ErrMissing = errors.New("PostgreSQL is not installed: no /usr/lib/postgresql/*/bin/initdb and no initdb on PATH")

// Server is a PostgreSQL server with data of its own.
type Server struct {
	bin, dir string
	as       *syscall.Credential // nil: ourselves
	last     atomic.Int64        // database that was made
}

// New makes a server's data and starts it. Stop must follow. The error is ErrMissing where PostgreSQL is not installed.
func New() (s *Server, err error) {
	s = &Server{}
	if s.bin, err = installed(); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "pg"); err != nil {
		return nil, err
	}
	if os.Getuid() == 0 { // as whom PostgreSQL refuses to run
		err = s.become("postgres")
	}
	if err == nil {
		err = s.run("initdb", "-D", s.data(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
	}
	if err == nil {
		err = s.Start()
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	return s, nil
}

// DSN is the address of the database that is there from the beginning.
func (s *Server) DSN() string { return s.dsn("postgres") }

func (s *Server) dsn(database string) string {
	return "postgres://postgres@/" + database + "?host=" + url.QueryEscape(s.dir)
}

// Create makes an empty database and returns its address.
func (s *Server) Create() (dsn string, err error) {
	name := fmt.Sprint("test", s.last.Add(1))
	return s.dsn(name), s.run("createdb", "-h", s.dir, "-U", "postgres", name)
}

// Start starts a server that was killed.
func (s *Server) Start() error {
	// A machine that stops is not what is tried here, and a killed process loses nothing that it wrote.
	options := fmt.Sprintf("-c listen_addresses='' -c unix_socket_directories='%s' -c fsync=off -c max_connections=500", s.dir)
	err := s.start(options)
	// The processes of a server that was killed may still be going, and hold its memory.
	for deadline := time.Now().Add(20 * time.Second); err != nil && time.Now().Before(deadline); err = s.start(options) {
		<-time.After(50 * time.Millisecond)
	}
	return err
}

func (s *Server) start(options string) error {
	return s.run("pg_ctl", "-D", s.data(), "-w", "-l", filepath.Join(s.dir, "log"), "-o", options, "start")
}

// Kill ends the server as the kernel does when it is out of memory: without a word. It recovers at its next start.
func (s *Server) Kill() error {
	b, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(b), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		return fmt.Errorf("process id of PostgreSQL: %w", err)
	}
	return syscall.Kill(pid, syscall.SIGKILL)
}

// Stop ends the server, whether it runs or not, and removes its data.
func (s *Server) Stop() error {
	var err error
	if s.run("pg_ctl", "-D", s.data(), "status") == nil {
		err = s.run("pg_ctl", "-D", s.data(), "-m", "immediate", "stop")
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// become has the server run as a user, who gets its folder.
func (s *Server) become(name string) error {
	u, err := user.Lookup(name)
	if err != nil {
		return err
	}
	uid, errU := strconv.ParseUint(u.Uid, 10, 32)
	gid, errG := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(errU, errG); err != nil {
		return err
	}
	s.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(s.dir, int(uid), int(gid))
}

// run runs a program of PostgreSQL.
func (s *Server) run(name string, args ...string) error {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as}
	cmd.Dir = s.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

func installed() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		return filepath.Dir(slices.Max(found)), nil
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", ErrMissing
	}
	return filepath.Dir(path), nil
}
