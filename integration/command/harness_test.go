package command

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"strowger/cloud"
	"strowger/pkg/config"
	"strowger/pkg/designation"
	"strowger/pkg/enrol"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/ledger"
	"strowger/pkg/trust"
)

var update = flag.Bool("update", false, "write the golden files")

// TestMain keeps the account of whoever runs the tests out of them.
func TestMain(m *testing.M) {
	for _, name := range []string{"STROWGER_CLOUD", "STROWGER_API_KEY", "STROWGER_DATA", "STROWGER_ORGANIZATION", "STROWGER_CONFIG"} {
		if err := os.Unsetenv(name); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}

// system is a running cloud and a folder with the account of its first admin.
type system struct {
	t     *testing.T
	cloud cloud.Started
	data  string
}

// start runs a cloud for one test.
func start(t *testing.T) *system {
	t.Helper()
	dir := t.TempDir()
	ctx, stop := context.WithCancel(context.Background())
	started, ended := make(chan cloud.Started, 1), make(chan error, 1)
	go func() {
		ended <- cloud.Run(ctx, cloud.Config{
			Data: dir, MasterKey: filepath.Join(dir, "master.key"), Host: []string{"127.0.0.1"}, API: "127.0.0.1:0", Fabric: "127.0.0.1:0",
			Logger: slog.New(slog.DiscardHandler), Started: func(s cloud.Started) { started <- s },
		})
	}()
	s := &system{t: t, data: filepath.Join(dir, "account")}
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the cloud ended with %v", err)
		}
	})
	select {
	case s.cloud = <-started:
	case err := <-ended:
		ended <- nil
		t.Fatalf("the cloud did not start: %v", err)
	}
	s.ok("login", s.cloud.API, s.cloud.APIKey)
	return s
}

// run runs one command line.
func (s *system) run(args ...string) (stdout, stderr string, code int) {
	s.t.Helper()
	var out, err bytes.Buffer
	code = Main(s.t.Context(), append([]string{"--data", s.data}, args...), &out, &err)
	return out.String(), err.String(), code
}

// ok runs a command line that must succeed and returns what it printed.
func (s *system) ok(args ...string) string {
	s.t.Helper()
	stdout, stderr, code := s.run(args...)
	if code != config.OK || stderr != "" {
		s.t.Fatalf("strowger %s: exit code %d, %s", strings.Join(args, " "), code, stderr)
	}
	return stdout
}

// refused runs a command line that must fail and returns what it said.
func (s *system) refused(args ...string) string {
	s.t.Helper()
	stdout, stderr, code := s.run(args...)
	if code != config.Failed || stdout != "" {
		s.t.Fatalf("strowger %s: exit code %d, %s%s", strings.Join(args, " "), code, stdout, stderr)
	}
	return stderr
}

// transcript is a session as a person sees it.
func (s *system) transcript(lines ...string) string {
	s.t.Helper()
	var b strings.Builder
	for _, line := range lines {
		stdout, stderr, code := s.run(words(line)...)
		b.WriteString("$ strowger " + line + "\n" + stdout + stderr)
		if code != config.OK {
			b.WriteString("(exit code " + string(rune('0'+code)) + ")\n")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// words splits a command line; a word with spaces stands in single quotes.
func words(line string) []string {
	var all []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			all = append(all, part)
		} else {
			all = append(all, strings.Fields(part)...)
		}
	}
	return all
}

// golden compares a transcript with its file, what differs from run to run made equal.
func (s *system) golden(name, got string) {
	s.t.Helper()
	for _, r := range []struct{ re, with string }{
		{`\b([a-z]{2,3})_[2-7a-z]{26}\b`, "${1}_ID"},
		{`\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?Z?`, "DATE"},
		{`https://127\.0\.0\.1:\d+`, "https://CLOUD"},
		{`--enroll [0-9a-z-]{55,}`, "--enroll CODE"},
		{`(code=)[0-9a-z-]{55,}`, "${1}CODE"},
		{`cloud=https%3A%2F%2F127.0.0.1%3A\d+`, "cloud=CLOUD"},
		{`(?m)^    [0-9a-z-]{55,}$`, "    CODE"},
		{`"code": "[0-9a-z-]{55,}"`, `"code": "CODE"`},
		{`sk_[a-z2-7]{58}`, "sk_SECRET"},
		{`(password\W+)[0-9a-z]{5}(-[0-9a-z]{5})+`, "${1}PASSWORD"},
		{`version \S+ answers in \d+ ms`, "version V answers in N ms"},
		{` +\n`, "\n"},
	} {
		got = regexp.MustCompile(r.re).ReplaceAllString(got, r.with)
	}
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			s.t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	if got != string(want) {
		s.t.Errorf("%s is not what was expected; if it is better, run go test -update:\n%s", path, got)
	}
}

// edge is what the cloud sees of a switch: its identity and its connection to the fabric.
type edge struct {
	*enrol.Identity
	fabric *fabric.Client
}

// enrol brings a switch up with the code that a command printed.
func (s *system) enrol(code string) *edge {
	s.t.Helper()
	id, err := enrol.Enrol(s.t.Context(), "", s.cloud.API, code, s.t.TempDir())
	if err != nil {
		s.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(id.Root)
	f, err := fabric.Connect(fabric.Config{
		Servers: id.Fabric, Org: id.Org, Node: id.Node, Name: id.NodeName, Logger: slog.New(slog.DiscardHandler),
		TLS: &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots, Certificates: []tls.Certificate{id.Certificate()}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(f.Close)
	return &edge{Identity: id, fabric: f}
}

// lease says that the switch is alive.
func (e *edge) lease(t *testing.T, registered ...string) {
	t.Helper()
	hash, err := trust.KeyHash(&e.Key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	_, err = fabric.Request[fabric.Lease, fabric.Reply](t.Context(), e.fabric, fabric.SubjectLease(e.Org, e.Node), fabric.Lease{
		Node:       designation.Node{ID: e.Node, Addresses: []string{"192.0.2.10:7443"}, KeyHash: hash, Boot: ident.New(ident.Boot)},
		Registered: registered, Changed: true, Version: "v1", SIP: []string{"192.0.2.10:5060"},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// report writes a call to the ledger; times are milliseconds after begin.
func (e *edge) report(t *testing.T, begin time.Time, events ...ledger.Event) {
	t.Helper()
	for i := range events {
		events[i].Seq, events[i].At = uint64(i+1), begin.UnixMicro()+events[i].At*1000
	}
	r, err := fabric.Request[fabric.Ledger, fabric.LedgerReply](t.Context(), e.fabric, fabric.SubjectLedger(e.Org, e.Node),
		fabric.Ledger{Spool: ident.New(ident.Spool), First: 1, Events: events})
	if err != nil || r.StoredThrough != uint64(len(events)) {
		t.Fatalf("stored through %d of %d: %v", r.StoredThrough, len(events), err)
	}
}
