package trial

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/sip"
	"strowger/pkg/sitecopy"
	"strowger/switchnode/internal/call"
)

var peer = sip.Peer{Transport: sip.UDP, Addr: netip.MustParseAddrPort("192.0.2.1:5060")}

// TestTalk reads the messages of calls: each refusal says what to change, and one that is no fault of the line is not called one.
func TestTalk(t *testing.T) {
	invite, again := ">INVITE sip:+4930123456@192.0.2.1", ">INVITE sip:+4930123456@192.0.2.1"
	plain, account := sitecopy.Trunk{Name: "Company"}, sitecopy.Trunk{Name: "Company", User: "line1", Number: "+4930100"}
	for _, c := range []struct {
		trunk    sitecopy.Trunk
		messages []string // ">" before those that are sent
		words    string   // of the last step
		failed   bool
		advice   string
	}{
		{plain, []string{invite, "100 Trying (INVITE)", "180 Ringing (INVITE)"}, "it rings there", false, ""},
		{plain, []string{invite, "200 OK (INVITE)"}, "answered", false, ""},
		{plain, []string{invite, "401 Unauthorized (INVITE)"}, "401 Unauthorized", true, "--username NAME --password PASSWORD"},
		{account, []string{invite, "407 Challenge (INVITE)", again}, "with the user name line1", false, ""},
		{account, []string{invite, "407 Challenge (INVITE)", again, "407 Challenge (INVITE)"}, "407", true, "does not take the user name"},
		{account, []string{invite, "407 Challenge (INVITE)", again, "403 Forbidden (INVITE)"}, "403", true, "(+4930100)"},
		{plain, []string{invite, "404 Not Found (INVITE)"}, "404", true, "E.164"},
		{plain, []string{invite, "484 Address Incomplete (INVITE)"}, "484", true, "E.164"},
		{plain, []string{invite, "488 Not Acceptable Here (INVITE)"}, "488", true, "codecs"},
		{plain, []string{invite, "302 Moved (INVITE)"}, "302", true, "--server"},
		{plain, []string{invite, "408 Timeout (INVITE)"}, "408", true, "another number"},
		{plain, []string{invite, "402 Payment Required (INVITE)"}, "402", true, "money"},
		{plain, []string{invite, "405 Method Not Allowed (INVITE)"}, "405", true, "--server"},
		{plain, []string{invite, "428 Use Identity Header (INVITE)"}, "428", true, "--stir-cert"},
		{plain, []string{invite, "438 Invalid Identity Header (INVITE)"}, "438", true, "clock"},
		{plain, []string{invite, "482 Loop Detected (INVITE)"}, "482", true, "circles"},
		{plain, []string{invite, "494 Security Agreement Required (INVITE)"}, "494", true, "tls"},
		{plain, []string{invite, "499 What (INVITE)"}, "499", true, "ask the company"},
		{plain, []string{invite, "503 Busy (INVITE)"}, "503", true, "OTHER"},
		{plain, []string{invite, "486 Busy Here (INVITE)"}, "486", false, "the line works"},
		{plain, []string{invite, "699 No (INVITE)"}, "699", false, "the line works"},
		{plain, []string{invite, "200 OK (INVITE)", ">BYE sip:x", "200 OK (BYE)"}, "answers the BYE: 200 OK", false, ""},
		{plain, []string{invite, "200 OK (INVITE)", "BYE sip:x"}, "the company hangs up", false, ""},
		{plain, []string{invite, "99", ""}, "INVITE sip:+4930123456@192.0.2.1 to udp:192.0.2.1:5060", false, ""},
	} {
		r := NewReport("tk_1", "", "")
		talk := NewTalk(r, c.trunk)
		for _, m := range c.messages {
			line, sent := strings.CutPrefix(m, ">")
			talk.Message(sent, peer, line, time.Time{})
		}
		steps := r.State().Steps
		s := steps[len(steps)-1]
		if !strings.Contains(s.Words, c.words) || s.Failed != c.failed || !strings.Contains(s.Advice, c.advice) || c.failed && s.Advice == "" {
			t.Errorf("%q: %+v, want %q, failed %v, advice %q", c.messages, s, c.words, c.failed, c.advice)
		}
	}
}

// TestEnds says what to change where a call ends that no company refused.
func TestEnds(t *testing.T) {
	for code, want := range map[errs.Code]string{
		errs.GuardNumber: "guard", errs.NoAnswer: "the line works", errs.Congested: "later", errs.LegLost: "firewall", errs.NoLine: "firewall", errs.Internal: "",
	} {
		r := NewReport("tk_1", "", "")
		NewTalk(r, sitecopy.Trunk{Name: "Company"}).ended(call.CauseOf(code, ""))
		if s := r.State().Steps[0]; !s.Failed || !strings.Contains(s.Advice, want) || want == "" && s.Advice != "" {
			t.Errorf("%s: %+v, want %q", code, s, want)
		}
	}
}

// TestTrouble says what to change where no connection is made.
func TestTrouble(t *testing.T) {
	strange := httptest.NewUnstartedServer(nil)
	strange.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	strange.StartTLS()
	t.Cleanup(strange.Close)
	_, unknown := tls.Dial("tcp", strange.Listener.Addr().String(), nil)
	roots := x509.NewCertPool()
	roots.AddCert(strange.Certificate())
	_, misnamed := tls.Dial("tcp", strange.Listener.Addr().String(), &tls.Config{RootCAs: roots, ServerName: "company.example"})
	for want, err := range map[string]error{
		"--tls-ca FILE":   unknown,
		"--server NAME":   misnamed,
		"clock":           x509.CertificateInvalidError{Reason: x509.Expired},
		"its certificate": x509.CertificateInvalidError{Reason: x509.NotAuthorizedToSign},
		"5061":            tls.RecordHeaderError{},
		"DNS":             &net.DNSError{IsNotFound: true},
		"nobody listens":  os.NewSyscallError("connect", syscall.ECONNREFUSED),
		"--transport":     sip.ErrUnreachable,
		"firewall":        os.ErrDeadlineExceeded,
	} {
		if got := Trouble(sitecopy.Trunk{Name: "Company"}, fmt.Errorf("connect: %w", err)); !strings.Contains(got, want) {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}

// TestReport bounds what a report may become.
func TestReport(t *testing.T) {
	r := NewReport("tk_1", "ca_1", "+4930123456")
	for range 2 * maxSteps {
		r.Found("it rings there")
	}
	r.End()
	if s := r.State(); len(s.Steps) != maxSteps || !s.Done || s.Call != "ca_1" || s.Steps[0] == (fabric.TestStep{}) {
		t.Errorf("%d steps, done %v", len(s.Steps), s.Done)
	}
	if (*Report)(nil).Of("tk_1") || !r.Of("tk_1") || r.Of("tk_2") {
		t.Error("of which trunk a report is")
	}
}
