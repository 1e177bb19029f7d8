package sitecopy

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"strowger/pkg/designation"
	"strowger/pkg/enrol"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/sitecopy"
	"strowger/pkg/trust"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is an organization with two offices and what its cloud signs: Paris, code 20, with the switches x and x2, and
// Berlin, code 30, with y.
type world struct {
	t             *testing.T
	org           string
	paris, berlin string
	x, x2, y      *enrol.Identity
	kid           string
	keys          map[string]ed25519.PrivateKey // that sign documents
	session       ed25519.PrivateKey
	now           time.Time

	mu      sync.Mutex // held by what answers, and by tests while Run runs
	away    bool       // the cloud
	copies  map[string]*sitecopy.Copy
	peers   map[string]*sitecopy.Peer
	revoked []string
	asked   int
	forge   func(doc string) string // what becomes of each document on its way
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, org: ident.New(ident.Organization), paris: ident.New(ident.Site), berlin: ident.New(ident.Site),
		kid: "c1", keys: map[string]ed25519.PrivateKey{"c1": signing(t)}, session: signing(t), now: time.Unix(1_800_000_000, 0),
		copies: map[string]*sitecopy.Copy{}, peers: map[string]*sitecopy.Peer{}}
	w.x, w.x2, w.y = w.identity(w.paris), w.identity(w.paris), w.identity(w.berlin)
	sites := []sitecopy.SiteCode{{Site: w.paris, Code: "20"}, {Site: w.berlin, Code: "30"}}
	paris, berlin := []sitecopy.Switch{w.listed(w.x, "x"), w.listed(w.x2, "x2")}, []sitecopy.Switch{w.listed(w.y, "y")}
	user := func(id, home string) sitecopy.User {
		return sitecopy.User{ID: "us_" + id, Name: id, Enabled: true, Calling: "internal", HomeSwitch: home}
	}
	phone := func(id, sw string) sitecopy.Device {
		return sitecopy.Device{ID: "dv_" + id, User: "us_" + id, Kind: designation.DeskPhone, Name: id + "'s phone", Username: id, Switch: sw, Enabled: true}
	}
	number := func(site, digits, id string) sitecopy.Number {
		return sitecopy.Number{ID: "nu_" + digits, Site: site, Digits: digits, User: "us_" + id}
	}
	w.copies[w.paris] = &sitecopy.Copy{
		Head: sitecopy.Head{Version: 10}, OrgName: "Acme", SiteName: "Paris", SiteCode: "20", Switches: paris, Sites: sites, Ring: time.Minute,
		Users:   []sitecopy.User{user("ada", w.x.Node), user("bob", w.x2.Node), user("cat", ""), user("dan", w.x.Node), user("eve", w.y.Node)},
		Devices: []sitecopy.Device{phone("ada", w.x.Node), phone("bob", w.x2.Node), phone("dan", w.x.Node)},
		Numbers: []sitecopy.Number{number(w.paris, "1001", "ada"), number(w.paris, "1002", "bob"), number(w.paris, "1003", "cat"),
			number("", "777", "ada"), number("", "888", "dan"), number(w.paris, "1005", "eve")},
	}
	w.copies[w.berlin] = &sitecopy.Copy{
		Head: sitecopy.Head{Version: 10}, OrgName: "Acme", SiteName: "Berlin", SiteCode: "30", Switches: berlin, Sites: sites, Ring: time.Minute,
		Users: []sitecopy.User{user("yan", w.y.Node)}, Devices: []sitecopy.Device{phone("yan", w.y.Node)},
		Numbers: []sitecopy.Number{number(w.berlin, "1001", "yan")},
	}
	w.peers[w.paris] = &sitecopy.Peer{Head: sitecopy.Head{Version: 10}, SiteName: "Paris", SiteCode: "20", Switches: paris, Homes: map[string]string{"1002": w.x2.Node}}
	w.peers[w.berlin] = &sitecopy.Peer{Head: sitecopy.Head{Version: 10}, SiteName: "Berlin", SiteCode: "30", Switches: berlin}
	return w
}

func signing(t *testing.T) ed25519.PrivateKey {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func public(key ed25519.PrivateKey) ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }

func (w *world) identity(site string) *enrol.Identity {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		w.t.Fatal(err)
	}
	return &enrol.Identity{
		Info: enrol.Info{Org: w.org, Site: site, Node: ident.New(ident.Switch), CopyKeys: w.copyKeys(), SessionKeys: w.sessionKeys()},
		Key:  key, SigningKey: signing(w.t), Chain: []*x509.Certificate{{RawSubjectPublicKeyInfo: spki}},
	}
}

func (w *world) copyKeys() sitecopy.KeySet {
	set := sitecopy.KeySet{}
	for kid, key := range w.keys {
		set.Add(kid, public(key))
	}
	return set
}

func (w *world) sessionKeys() sitecopy.KeySet {
	set := sitecopy.KeySet{}
	set.Add("s1", public(w.session))
	return set
}

func hashOf(id *enrol.Identity) string { return trust.CertKeyHash(id.Chain[0].RawSubjectPublicKeyInfo) }

func (w *world) listed(id *enrol.Identity, name string) sitecopy.Switch {
	return sitecopy.Switch{
		Node:       designation.Node{ID: id.Node, Name: name, Addresses: []string{"192.0.2.1:7443"}, KeyHash: hashOf(id)},
		SigningKey: base64.RawURLEncoding.EncodeToString(public(id.SigningKey)),
	}
}

func (w *world) head(h sitecopy.Head, site string) sitecopy.Head {
	return sitecopy.Head{Org: w.org, ID: site, Version: h.Version, Issued: w.now.Unix(), Expires: w.now.Add(sitecopy.Lifetime).Unix(), Crit: h.Crit}
}

func (w *world) signCopy(c sitecopy.Copy, site string) string {
	c.Head, c.Secrets = w.head(c.Head, site), map[string]string{}
	if c.CopyKeys == nil {
		c.CopyKeys, c.SessionKeys = w.copyKeys(), w.sessionKeys()
	}
	for _, id := range []*enrol.Identity{w.x, w.x2, w.y} {
		var credentials []sitecopy.Credential
		for _, d := range c.Devices {
			if d.Switch == id.Node {
				credentials = append(credentials, sitecopy.Credential{Device: d.ID, MD5: "md5 of " + d.ID, SHA256: "sha256 of " + d.ID})
			}
		}
		sealed, err := sitecopy.Seal(&id.Key.PublicKey, w.org, site, id.Node, credentials)
		if err != nil {
			w.t.Fatal(err)
		}
		c.Secrets[id.Node] = sealed
	}
	doc, err := sitecopy.SignCopy(w.kid, w.keys[w.kid], c)
	if err != nil {
		w.t.Fatal(err)
	}
	return doc
}

func (w *world) signPeer(p sitecopy.Peer, site string) string {
	p.Head = w.head(p.Head, site)
	doc, err := sitecopy.SignPeer(w.kid, w.keys[w.kid], p)
	if err != nil {
		w.t.Fatal(err)
	}
	return doc
}

// change does something while holders run.
func (w *world) change(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// revoke takes trust from a node or device.
func (w *world) revoke(number uint64, r sitecopy.Revocation) string {
	r.Head = sitecopy.Head{Org: w.org, ID: r.Node + r.Device, Version: number}
	doc, err := sitecopy.SignRevocation(w.kid, w.keys[w.kid], r)
	if err != nil {
		w.t.Fatal(err)
	}
	w.revoked = append(w.revoked, doc)
	return doc
}

// cloud answers one switch.
type cloud struct {
	*world
	id *enrol.Identity
}

func (c cloud) answer(doc string, held, have uint64) (string, error) {
	c.asked++
	switch {
	case c.away:
		return "", errs.New(errs.CloudAway, "nobody answers")
	case held == have:
		return "", nil
	case c.forge != nil:
		return c.forge(doc), nil
	}
	return doc, nil
}

func (c cloud) Copy(_ context.Context, have uint64) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := c.copies[c.id.Site]
	return c.answer(c.signCopy(*v, c.id.Site), v.Version, have)
}

func (c cloud) Peer(_ context.Context, site string, have uint64) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.peers[site]
	if !ok {
		return "", errs.New(errs.NotFound, "no site %s", site)
	}
	return c.answer(c.signPeer(*v, site), v.Version, have)
}

func (c cloud) Revocations(_ context.Context, after uint64) ([]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.answer("", 0, 0)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(c.revoked), func(doc string) bool {
		r, err := sitecopy.OpenRevocation(doc, c.org, c.copyKeys())
		return err == nil && r.Version <= after
	}), nil
}

// open starts a holder of a switch on a folder, without running it.
func (w *world) open(id *enrol.Identity, dir string) *Holder {
	w.t.Helper()
	h, err := Open(Config{Dir: dir, Identity: id, Fetch: cloud{w, id}, Changed: func(*Snapshot) {}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.t.Fatal(err)
	}
	return h
}

// fetched opens a holder and has it fetch everything.
func (w *world) fetched(id *enrol.Identity) *Holder {
	w.t.Helper()
	h := w.open(id, w.t.TempDir())
	w.fetch(h)
	return h
}

func (w *world) fetch(h *Holder) {
	w.t.Helper()
	if err := h.fetch(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func versions(s *Snapshot) map[string]uint64 {
	all := maps.Clone(s.Peers())
	all["copy"] = s.Version()
	return all
}
