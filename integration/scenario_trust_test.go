package integration

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"strowger/integration/stack"
	"strowger/pkg/enrol"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/rest"
)

// TestEnrolment shows codes that are wrong, and a good one twice.
func TestEnrolment(t *testing.T) {
	t.Parallel()
	w := together(t)
	code := w.code(t, "spare")
	refused := func(code, words string, want errs.Code) {
		t.Helper()
		if _, err := w.enrol(t, code, t.TempDir()); errs.CodeOf(err) != want || !strings.Contains(err.Error(), words) {
			t.Errorf("code %q: %s %v; want %s ... %s", code, errs.CodeOf(err), err, want, words)
		}
	}
	conn, err := tls.Dial("tcp", strings.TrimPrefix(w.Cloud.API, "https://"), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	spki := conn.ConnectionState().PeerCertificates[0].RawSubjectPublicKeyInfo
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	never, _ := enrol.NewCode(spki)
	refused(never, "not known", errs.NotFound)
	elsewhere, _ := enrol.NewCode([]byte("the key of another cloud"))
	refused(elsewhere, "not the cloud that gave out the code", errs.Unauthenticated)
	refused("nonsense", "", errs.Invalid)
	typo := []byte(code)
	typo[5] ^= 1
	refused(string(typo), "", errs.Invalid)

	dir := t.TempDir()
	id, err := w.enrol(t, code, dir)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := enrol.Load(dir); err != nil || !bytes.Equal(again.Chain[0].Raw, id.Chain[0].Raw) {
		t.Errorf("the identity on disk: %v", err)
	}
	refused(code, "used", errs.Used)
}

// enrol shows a code. Scenarios side by side are more than one address may enrol at once.
func (w *world) enrol(t *testing.T, code, dir string) (id *enrol.Identity, err error) {
	t.Helper()
	until(t, func() string {
		if id, err = enrol.Enrol(soon(t), "", w.Cloud.API, code, dir); errs.CodeOf(err) == errs.Congested {
			return err.Error()
		}
		return ""
	})
	return id, err
}

// code makes a switch at the first office and its enrolment code.
func (w *world) code(t *testing.T, name string) string {
	t.Helper()
	sw, err := w.Client.Switches().Create(soon(t), rest.Switch{Name: fmt.Sprint(name, w.extensions.Add(1)), Site: w.Offices[0].Site.ID})
	if err != nil {
		t.Fatal(err)
	}
	c, err := w.Client.EnrolmentCode(soon(t), sw.ID)
	if err != nil {
		t.Fatal(err)
	}
	return c.Code
}

// TestRevocation takes trust from a switch in the middle of a call: its link and its connection to the cloud are cut, it
// does not come back, and who calls its phones is told. A call to a third office notices nothing.
func TestRevocation(t *testing.T) {
	t.Parallel()
	w := alone(t, stack.Site{Name: "Office 40", Code: "40"})
	ann, from := w.person(t, 0, "Ann", nil)
	bob, to := w.person(t, 1, "Bob", nil)
	dan, another := w.person(t, 0, "Dan", says(4))
	cid, third := w.person(t, 2, "Cid", says(5))
	out, _ := connect(t, from, bob.number.Dial, to)
	stays, there := connect(t, another, cid.number.Dial, third)
	gone := w.Offices[1].Switch
	if _, err := w.Client.RevokeSwitch(soon(t), gone.ID, "stolen"); err != nil {
		t.Fatal(err)
	}
	if e := over(t, out); !strings.Contains(e.Words, "revoked") {
		t.Errorf("the call that was cut ended with %s", e)
	}
	until(t, func() string {
		sw, err := w.Client.Switches().Get(soon(t), gone.ID)
		if err != nil {
			t.Fatal(err)
		}
		if sw.State != "revoked" || sw.Live {
			return "the API shows the switch as " + sw.State
		}
		return ""
	})
	r := w.record(t, ann.user, 1)
	if r.Cause == nil || r.Cause.Code != string(errs.LinkLost) || r.Cause.Q850 != 38 || r.EndedBy != "system" {
		t.Errorf("the call that was cut: by %q, cause %+v", r.EndedBy, r.Cause)
	}

	hears(t, there, 4)
	hears(t, stays, 5)
	hangUp(t, stays, there)
	if r := w.record(t, dan.user, 2); r.EndedBy != "caller" {
		t.Errorf("the call to a third office: by %q, cause %+v", r.EndedBy, r.Cause)
	}

	if e := over(t, dial(t, from, bob.number.Dial)); e.Code != 502 || !strings.Contains(e.Words, "revoked") {
		t.Errorf("a call to a phone of a revoked switch: %s", e)
	}
	id, err := enrol.Load(filepath.Join(w.folder(1), "identity"))
	if err != nil {
		t.Fatal(err)
	}
	c := w.join(t, id)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if err := c.Ready(ctx); err == nil {
		t.Error("a revoked switch is connected to the cloud")
	}
	if _, err := w.Client.EnrolmentCode(soon(t), gone.ID); errs.CodeOf(err) != errs.Revoked {
		t.Errorf("a new code for a revoked switch: %v", err)
	}
}

// join connects to the cloud as a node does, until the test ends.
func (w *world) join(t *testing.T, id *enrol.Identity) *fabric.Client {
	t.Helper()
	c, err := fabric.Connect(fabric.Config{
		Servers: id.Fabric, Org: id.Org, Node: id.Node, Name: id.NodeName, Logger: slog.New(slog.DiscardHandler),
		TLS: &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: pool(id), GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			c := id.Certificate()
			return &c, nil
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func pool(id *enrol.Identity) *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(id.Root)
	return p
}
