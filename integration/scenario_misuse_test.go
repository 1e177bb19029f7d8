package integration

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"strowger/cloud/cloudtest"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/rest"
	"strowger/pkg/sessionkey"
	"strowger/pkg/token"
)

// misuse is a way to misuse a session key: a row of the matrix.
type misuse struct {
	name   string
	claims func(*sessionkey.Claims)       // what the key says; nil: what a good one says
	sign   func(sessionkey.Claims) string // nil: as the organization does
	how    manner                         // in which it is shown
	want   errs.Code                      // how it is refused
	on     map[*column]string             // a code, in backquotes, where it is refused otherwise, or why there is no such thing
}

// manner is how a key is shown.
type manner int

const (
	plain  manner = iota
	stolen        // by somebody else than it is for
	ghost         // for a ring attempt that there is not
	during        // for a second call, while the first one rings
	again         // when it was used
)

// column is a way on which keys come to a switch.
type column struct {
	name    string
	only    errs.Code              // how all keys are refused where none is good, else empty
	counted func(errs.Code) string // the switch's figure of refusals
	good    func() sessionkey.Claims
	show    func(t *testing.T, c sessionkey.Claims, sign func(sessionkey.Claims) string, how manner) errs.Code
}

// forger signs what no cloud would: he has the organization's own key.
type forger struct {
	org     string
	kid     string
	key     ed25519.PrivateKey
	foreign ed25519.PrivateKey // one that nobody knows
}

func (w *world) forger(t *testing.T, org string) forger {
	t.Helper()
	db := w.ground.db
	if db == "" {
		db = "sqlite:" + filepath.Join(w.dir, "cloud", "cloud.db")
	}
	kid, key, err := cloudtest.SessionKey(soon(t), db, w.ground.key, org)
	if err != nil {
		t.Fatal(err)
	}
	_, foreign, _ := ed25519.GenerateKey(rand.Reader) // never fails
	return forger{org, kid, key, foreign}
}

// another is another organization of the installation.
func (w *world) another(t *testing.T) string {
	t.Helper()
	c := w.Client
	c.Organization = ""
	o, err := c.Organizations().Create(soon(t), rest.NewOrganization("Other"))
	if err != nil {
		t.Fatal(err)
	}
	c.Organization = o.ID
	if _, err := c.Sites().Create(soon(t), rest.Site{Name: "There", Code: "20"}); err != nil {
		t.Fatal(err)
	}
	return o.ID
}

// by signs claims under a kid, whatever they say.
func by(kid string, key ed25519.PrivateKey) func(sessionkey.Claims) string {
	return func(c sessionkey.Claims) string {
		s, err := token.Sign(sessionkey.Type, kid, key, c)
		if err != nil {
			panic(err) // claims are JSON
		}
		return s
	}
}

// unlike signs with another algorithm than a session key has.
func (f forger) unlike(algorithm string, sign func(text []byte) []byte) func(sessionkey.Claims) string {
	return func(c sessionkey.Claims) string {
		body, err := json.Marshal(c)
		if err != nil {
			panic(err) // claims are JSON
		}
		enc := base64.RawURLEncoding
		s := enc.EncodeToString(fmt.Appendf(nil, `{"alg":%q,"kid":%q,"typ":%q}`, algorithm, f.kid, sessionkey.Type)) + "." + enc.EncodeToString(body)
		return s + "." + enc.EncodeToString(sign([]byte(s)))
	}
}

// tamper signs a good key, and then has it say that somebody else calls.
func (f forger) tamper(c sessionkey.Claims) string {
	parts := strings.Split(by(f.kid, f.key)(c), ".")
	c.From.Number, c.From.Name = "112", "Police"
	body, err := json.Marshal(c)
	if err != nil {
		panic(err) // claims are JSON
	}
	parts[1] = base64.RawURLEncoding.EncodeToString(body)
	return strings.Join(parts, ".")
}

// at moves a key in time.
func at(issued, notBefore, expires time.Duration) func(*sessionkey.Claims) {
	return func(c *sessionkey.Claims) {
		now := time.Now()
		c.ID = ident.New(ident.Leg) // time guards the first use
		c.IssuedAt, c.NotBefore, c.Expires = now.Add(issued).Unix(), now.Add(notBefore).Unix(), now.Add(expires).Unix()
	}
}

// misuses are the rows.
func misuses(f, other forger, revoked string, link *column, apps ...*column) []misuse {
	public := f.key.Public().(ed25519.PublicKey)
	ofApps := func(words string) map[*column]string {
		on := map[*column]string{}
		for _, app := range apps {
			on[app] = words
		}
		return on
	}
	return []misuse{
		{name: "expired", claims: at(-5*time.Minute, -5*time.Minute, -4*time.Minute), want: errs.KeyExpired},
		{name: "not yet valid", claims: at(0, 2*time.Minute, 3*time.Minute), want: errs.KeyNotYetValid},
		{name: "signed by a clock ahead", claims: at(2*time.Minute, 2*time.Minute, 3*time.Minute), want: errs.ClockSkew},
		{name: "for another node", claims: func(c *sessionkey.Claims) { c.Audience = ident.New(ident.Switch) }, want: errs.WrongAudience},
		{name: "for an earlier run of the node", claims: func(c *sessionkey.Claims) { c.Boot = ident.New(ident.Boot) }, want: errs.Restarted},
		{name: "shown by another than it is for", how: stolen, want: errs.WrongPresenter},
		{name: "of another ring attempt", how: ghost, want: errs.Ghost, on: map[*column]string{link: "only apps are woken"}},
		{name: "signature by another key", sign: by(f.kid, f.foreign), want: errs.BadSignature},
		{name: "claims changed", sign: f.tamper, want: errs.BadSignature},
		{name: "signed by nobody known", sign: by("s-nobody", f.foreign), want: errs.UnknownKey},
		{name: "signed by another organization", sign: by(other.kid, other.key), want: errs.UnknownKey},
		{name: "for another organization", claims: func(c *sessionkey.Claims) { c.Org, c.Issuer = other.org, other.org }, want: errs.UnknownKey},
		{name: "for who was revoked", claims: func(c *sessionkey.Claims) { c.Subject = revoked }, want: errs.Revoked},
		{name: "algorithm none", sign: f.unlike("none", func([]byte) []byte { return nil }), want: errs.KeyMalformed},
		{name: "HMAC with the public key", sign: f.unlike("HS256", func(text []byte) []byte {
			m := hmac.New(sha256.New, public)
			m.Write(text)
			return m.Sum(nil)
		}), want: errs.KeyMalformed},
		{name: "for a call that is not here", claims: func(c *sessionkey.Claims) { c.ID = ident.New(ident.Leg) }, want: errs.Gone,
			on: map[*column]string{link: "begins the call"}},
		{name: "for a second call beside its own", how: during, want: errs.Replayed, on: ofApps("leads to its own leg")},
		{name: "used before", how: again, want: errs.Replayed},
	}
}

// TestSessionKeyMisuse shows a switch session keys that are no good, many of them signed by the organization's own key, on every
// way on which keys come in: each is refused for its own reason and counted, it rings for nobody, and no record says that it did.
func TestSessionKeyMisuse(t *testing.T) {
	t.Parallel()
	w := alone(t)
	f, other := w.forger(t, w.Client.Organization), w.forger(t, w.another(t))
	l := w.byLink(t, f)
	revoked := l.revoked(t, w)
	a := w.byApp(t, f)
	link, desk := l.column(), l.atPhones(w)
	app, spliced := a.column("by WebTransport", directly(a.wake.Node)), a.column("by a bridge", a.byBridge(t, w))
	rows := misuses(f, other, revoked, link, app, spliced)
	cells := map[*column][]string{}
	var refused []string                                                   // calls that there never were
	for _, together := range [][]*column{{app, spliced}, {link}, {desk}} { // the app rings, and answers in the last row
		for _, m := range rows {
			for _, c := range together {
				claims := c.good()
				cells[c] = append(cells[c], w.cell(t, c, m, f, claims))
				if claims.Call != a.claims.Call && !slices.Contains(l.rang, claims.Call) {
					refused = append(refused, claims.Call)
				}
			}
		}
	}
	a.ends(t, w)
	l.ends(t, w) // what this switch reports after a call is stored after it
	for _, call := range refused {
		if r, err := w.Client.Calls().Get(soon(t), call); errs.CodeOf(err) != errs.NotFound {
			t.Errorf("a key that was refused left a record: %+v, %v", r, err)
		}
	}
	inDocument(t, "misuse", matrix([]*column{link, app, spliced, desk}, rows, cells))
}

// cell shows a key and says how it was refused.
func (w *world) cell(t *testing.T, c *column, m misuse, f forger, claims sessionkey.Claims) string {
	t.Helper()
	want, sign := "`"+string(m.want)+"`", m.sign
	if special := m.on[c]; special != "" {
		want = special
	}
	if c.only != "" {
		want = "`" + string(c.only) + "`"
	}
	if !strings.HasPrefix(want, "`") {
		return want
	}
	if m.claims != nil {
		m.claims(&claims)
	}
	if sign == nil {
		sign = by(f.kid, f.key)
	}
	figure := c.counted(errs.Code(strings.Trim(want, "`")))
	before := w.figure(t, figure)
	got := "`" + string(c.show(t, claims, sign, m.how)) + "`"
	if got != want {
		t.Errorf("%s, %s: refused as %s, want %s", c.name, m.name, got, want)
	}
	if n := w.figure(t, figure) - before; n != 1 {
		t.Errorf("%s, %s: counted %v times as %s", c.name, m.name, n, figure)
	}
	return got
}

// matrix is the cells as a table.
func matrix(columns []*column, rows []misuse, cells map[*column][]string) string {
	text, line := "| session key", "|---"
	for _, c := range columns {
		text, line = text+" | "+c.name, line+"|---"
	}
	text += " |\n" + line + "|\n"
	for i, m := range rows {
		text += "| " + m.name
		for _, c := range columns {
			text += " | " + cells[c][i]
		}
		text += " |\n"
	}
	return text
}

// figure is a figure of the second switch, zero if it has none yet.
func (w *world) figure(t *testing.T, name string) float64 {
	t.Helper()
	return figures(t, w.Offices[1].Metrics)[name]
}

// inDocument compares a table with that of docs/security.md between the comments that begin and end it.
func inDocument(t *testing.T, name, text string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, begun := strings.Cut(string(b), "<!-- "+name+" -->\n\n")
	table, _, ended := strings.Cut(rest, "\n<!-- end of "+name+" -->")
	if !begun || !ended || table != text {
		t.Errorf("docs/security.md, %s: has\n%s\nwant\n%s", name, table, text)
	}
}
