package integration

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"strowger/integration/phone"
	"strowger/pkg/rest"
	"strowger/pkg/sip"
	"strowger/pkg/sip/digest"
)

// registry is the registrar of a phone company with one account.
type registry struct {
	digest  *digest.Server
	code    atomic.Int32   // that refuses, 0: none
	contact chan []sip.URI // of the last REGISTER that was accepted; none when it took the contact back
}

func newRegistry(user, password string) *registry {
	a1 := md5.Sum([]byte(user + ":company:" + password))
	return &registry{contact: make(chan []sip.URI, 64), digest: digest.New(digest.Config{
		Realm: "company", Algorithms: []string{"MD5"}, Now: time.Now, Lookup: func(name string) (digest.HA1, bool) {
			return digest.HA1{MD5: hex.EncodeToString(a1[:])}, name == user
		},
	})}
}

func (r *registry) take(req *sip.Request, from sip.Peer, respond sip.Respond) {
	if code := r.code.Load(); code != 0 {
		respond(int(code), "Refused", sip.NewHeader("Retry-After", "1"))
		return
	}
	var shown []string
	for h := range sip.Named(req, "Authorization") {
		shown = append(shown, h.Value())
	}
	if _, err := r.digest.Verify("REGISTER", req.Recipient.String(), shown, from.Addr.Addr()); err != nil {
		respond(401, "Unauthorized", sip.NewHeader("WWW-Authenticate", r.digest.Challenges(false, from.Addr.Addr())[0]))
		return
	}
	var contacts []sip.URI
	for h := range sip.Named(req, "Contact") {
		if _, u, _, err := sip.ParseAddress(h.Value()); err == nil {
			contacts = append(contacts, u)
		}
	}
	for h := range sip.Named(req, "Expires") {
		if h.Value() == "0" {
			contacts = nil
		}
	}
	r.contact <- contacts
	respond(200, "OK", sip.NewHeader("Expires", "600"))
}

// bound waits until the registrar has a contact, or has none.
func (r *registry) bound(t *testing.T, want bool) sip.URI {
	t.Helper()
	for {
		select {
		case all := <-r.contact:
			switch {
			case want && len(all) > 0:
				return all[0]
			case !want && len(all) == 0:
				return sip.URI{}
			}
		case <-time.After(time.Minute):
			t.Fatalf("no contact registered is %v", !want)
		}
	}
}

// TestTrunkRegisters has a switch register at phone companies: calls that come to its contact are the company's from any address, and
// those to any other are not; a trunk that is not registered is tried last, and people are told; one that is removed is taken back.
func TestTrunkRegisters(t *testing.T) {
	t.Parallel()
	w := alone(t)
	reg, closed := newRegistry("line1", "secret"), newRegistry("line2", "secret")
	closed.code.Store(403)
	company := carrier(t, func(c *phone.Config) { c.Registrar = reg.take })
	refuser := carrier(t, func(c *phone.Config) { c.Registrar = closed.take })
	line := rest.NewTrunk("Company")
	line.Order, line.Username, line.Password, line.Register, line.Domain = 1, "line1", "secret", true, "company.example"
	line = w.trunk(t, 0, line, company)
	other := rest.NewTrunk("Refuser")
	other.Username, other.Password, other.Register = "line2", "secret", true
	other = w.trunk(t, 0, other, refuser)
	ann, near := w.person(t, 0, "Ann", nil)
	change(t, w.Client.Users(), ann.user.ID, map[string]any{"calling": "national"})
	if _, err := w.Client.Numbers().Create(soon(t), rest.Number{Digits: "+4930200", User: ann.user.ID}); err != nil {
		t.Fatal(err)
	}
	w.settle(t)

	contact := reg.bound(t, true)
	status := func(id, want string) rest.TrunkServer {
		t.Helper()
		var got rest.Trunk
		until(t, func() string {
			var err error
			if got, err = w.Client.Trunks().Get(soon(t), id); err != nil {
				t.Fatal(err)
			}
			if len(got.Status) == 1 && got.Status[0].Registration == want {
				return ""
			}
			return fmt.Sprintf("trunk %s: %+v, want %s", got.Name, got.Status, want)
		})
		return got.Status[0]
	}
	if s := status(line.ID, "registered"); s.Until == nil || s.Retry != nil {
		t.Errorf("registered: %+v", s)
	}
	if s := status(other.ID, "refused"); s.Code != 403 || s.Words != "Refused" || s.Retry == nil {
		t.Errorf("refused: %+v", s)
	}

	for v, words := range map[*rest.Trunk]string{&line: "as line1 until ", &other: "does not register line2: 403 Refused"} {
		r := w.tested(t, *v, "")
		if last := r.Steps[len(r.Steps)-1]; !strings.Contains(last.Words, words) || last.Failed != (v == &other) {
			t.Errorf("a test of trunk %s: %+v, want %q", v.Name, r.Steps, words)
		}
	}

	from := func(to string) *phone.Phone {
		return carrier(t, func(c *phone.Config) { c.User, c.To, c.Server = "030999000", to, w.Offices[0].SIP.String() })
	}
	out, in := ring(t, from("030200"), contact.User, near)
	if in.From != "+4930999000" {
		t.Errorf("called by %q", in.From)
	}
	out.HangUp()
	over(t, out)
	over(t, in)
	named := carrier(t, func(c *phone.Config) {
		c.To, c.Server, c.Headers = "line1", w.Offices[0].SIP.String(), []sip.Header{sip.NewHeader("P-Called-Party-ID", "<sip:+4930200@company.example>")}
	})
	out, in = ring(t, named, contact.User, near)
	out.HangUp()
	over(t, out)
	over(t, in)
	if e := over(t, dial(t, from("030200"), strings.Repeat("0", len(contact.User)))); e.Code != 401 {
		t.Errorf("who does not know the contact hears %d %q", e.Code, e.Words)
	}

	out, in = ring(t, near, "0030123456", company)
	in.Decline(486, "Busy Here")
	over(t, out)
	company.Refuse(503)
	out, in = ring(t, near, "0030123456", refuser) // last, and not never
	in.Decline(486, "Busy Here")
	over(t, out)

	w.alerted(t, other.ID, "warning", "trunk Refuser is lost: "+refuser.Address()+" refuses the registration (403 Refused); calls go by other trunks first, where there are any")
	closed.code.Store(0)
	closed.bound(t, true)
	w.alerted(t, other.ID, "info", "trunk Refuser is back: it was lost for ")
	change(t, w.Client.Trunks(), line.ID, map[string]any{"enabled": false})
	reg.bound(t, false)
}

// alerted waits until people are told something of a trunk, and not twice.
func (w *world) alerted(t *testing.T, trunk, severity, words string) {
	t.Helper()
	until(t, func() string {
		var all []string
		for a, err := range w.Client.Alerts().All(soon(t), rest.Filter{}) {
			if err != nil {
				t.Fatal(err)
			}
			if a.Kind == "trunk" && a.Subject == trunk && a.Severity == severity {
				all = append(all, a.Words)
			}
		}
		if len(all) == 1 && strings.HasPrefix(all[0], words) {
			return ""
		}
		return fmt.Sprintf("alerts %q, want %q", all, words)
	})
}
