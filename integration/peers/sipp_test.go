//go:build peers

package peers

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"text/template"
)

// sipp is one run of SIPp on a machine: one scenario, one call.
type sipp struct {
	*process
	dir string
}

// scenario is what the template of a scenario may use.
type scenario struct {
	User     string // SIP user name that signs in
	Password string
	Dialled  string
	Code     int // with which to refuse
	Reason   string
	Extra    string // headers of the INVITE, each with its line end
	Late     bool   // the INVITE leaves the offer to the switch
	Sign     bool   // the credentials go with it
	Other    string // before the Call-ID, in a second dialog of the same scenario: what ends with "///" is none of what SIPp goes by
	Bare     bool   // it knows no telephone events
	File     string // of A-law, which it plays
	Event    string // that a SUBSCRIBE is about
	Seconds  int    // for which it asks; 0: once
	To       string // what is dialled besides, as in a Refer-To
	Push     string // parameters of the contact that say how it is woken
}

// Signed is the same with credentials.
func (s scenario) Signed() scenario {
	s.Sign = true
	return s
}

// Second is the same of the second dialog of a scenario.
func (s scenario) Second() scenario {
	s.Other = "other///"
	return s
}

// line is a SIPp that plays one account's phone: the scenarios that it runs share its machine and its port.
type line struct {
	account
	host host
}

// line gives an account a machine for SIPp.
func (o *office) line(t *testing.T, a account) line {
	t.Helper()
	return line{account: a, host: o.net.host(t)}
}

// run starts a scenario against the switch of the line's office. Its text is a template over scenario.
func (l line) run(t *testing.T, text string, s scenario, args ...string) *sipp {
	t.Helper()
	if s.User == "" {
		s.User, s.Password = l.username, l.account.password
	}
	dir := t.TempDir()
	var b bytes.Buffer
	tmpl := template.Must(template.New("scenario").Parse(partials + text))
	if err := tmpl.Execute(&b, s); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "scenario.xml")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	ip, at := l.host.addr.String(), l.office.started.SIP.Addr().String()
	uri := at
	if s.Dialled != "" {
		uri = s.Dialled + "@" + at
	}
	// -auth_uri: what is signed must name the target (RFC 7616, 3.4.6); without it SIPp signs address and port.
	args = append([]string{
		l.office.started.SIP.String(), "-sf", file, "-i", ip, "-mi", ip, "-p", "5060", "-mp", "10000", "-m", "1", "-nostdin",
		"-auth_uri", uri, "-timeout", "40s", "-timeout_error", "-trace_stat", "-stf", filepath.Join(dir, "stat.csv"), "-fd", "1",
		"-trace_msg", "-message_file", filepath.Join(dir, "messages.log"), "-trace_err", "-error_file", filepath.Join(dir, "errors.log"),
	}, args...)
	p := &sipp{process: start(t, l.host, "sipp", args...), dir: dir}
	p.screen = true
	// Who calls it before it listens is told that nobody is there.
	table := fmt.Sprintf("/proc/%d/net/udp", p.cmd.Process.Pid)
	eventually(t, "SIPp listens", func() error {
		select {
		case <-p.done: // good tells how
			return nil
		default:
		}
		sockets, err := os.ReadFile(table)
		if err == nil && !bytes.Contains(sockets, fmt.Appendf(nil, ":%04X ", 5060)) {
			err = errors.New("nobody is at port 5060")
		}
		return err
	})
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		for _, name := range []string{"messages.log", "errors.log"} {
			if b, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
				t.Logf("sipp of %s, %s:\n%s", l.dial, name, tail(string(b)))
			}
		}
	})
	return p
}

// good waits for the end of the scenario and wants its one call to have gone as written.
func (s *sipp) good(t *testing.T) {
	t.Helper()
	s.went(t, 1)
}

// went waits for the end of the scenario and wants so many calls to have gone as written.
func (s *sipp) went(t *testing.T, calls int) {
	t.Helper()
	if err := s.wait(t); err != nil {
		t.Fatalf("sipp: %v", err)
	}
	stats, err := readStats(filepath.Join(s.dir, "stat.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if stats["SuccessfulCall(C)"] != calls || stats["FailedCall(C)"] != 0 {
		t.Fatalf("sipp counted %v successful and %v failed calls, want %d and 0", stats["SuccessfulCall(C)"], stats["FailedCall(C)"], calls)
	}
}

// sees waits until a text is among the messages that it sent and got.
func (s *sipp) sees(t *testing.T, text string) {
	t.Helper()
	eventually(t, "SIPp sees "+text, func() error {
		b, err := os.ReadFile(filepath.Join(s.dir, "messages.log"))
		if err == nil && !bytes.Contains(b, []byte(text)) {
			err = errors.New("not among its messages")
		}
		return err
	})
}

// readStats reads the last row of SIPp's statistics, the numbers of it.
func readStats(path string) (map[string]int, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.FieldsPerRecord = ';', -1
	rows, err := r.ReadAll()
	if err != nil {
		return nil, err
	}
	if len(rows) < 2 {
		return nil, fmt.Errorf("%s has %d rows, want a head and values", path, len(rows))
	}
	stats := map[string]int{}
	last := rows[len(rows)-1]
	for i, name := range rows[0] {
		if i < len(last) {
			if n, err := strconv.Atoi(strings.TrimSpace(last[i])); err == nil {
				stats[name] = n
			}
		}
	}
	return stats, nil
}

// register signs the line's phone in.
func (l line) register(t *testing.T) {
	t.Helper()
	l.run(t, registerScenario, scenario{}).good(t)
}
