package sitecopy

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/sitecopy"
	"strowger/pkg/trust"
)

func TestHoldsOverARestartWithoutTheCloud(t *testing.T) {
	w, dir := newWorld(t), t.TempDir()
	h := w.open(w.x, dir)
	if s := h.Snapshot(); s.Version() != 0 || len(s.Peers()) != 0 {
		t.Errorf("before the first document: %v", versions(s))
	}
	w.fetch(h)
	w.away = true
	again := w.open(w.x, dir)
	if err := again.fetch(t.Context()); errs.CodeOf(err) != errs.CloudAway {
		t.Errorf("fetched without a cloud: %v", err)
	}
	for name, s := range map[string]*Snapshot{"fetched": h.Snapshot(), "from disk": again.Snapshot()} {
		if got := versions(s); !maps.Equal(got, map[string]uint64{"copy": 10, w.berlin: 10}) {
			t.Errorf("%s: %v", name, got)
		}
		d, c, ok := s.Account("ada")
		if !ok || d.ID != "dv_ada" || c.MD5 != "md5 of dv_ada" || c.SHA256 != "sha256 of dv_ada" {
			t.Errorf("%s: %+v %+v", name, d, c)
		}
		if _, _, ok := s.Account("bob"); ok {
			t.Errorf("%s: a phone of another switch has an account here", name)
		}
		if p, enabled := s.Party(d); !enabled || p.Number != "201001" || p.Name != "ada" || p.Site != w.paris {
			t.Errorf("%s: %+v", name, p)
		}
		if s.NameOf(w.y.Node) != "y" || s.NameOf("sw_z") != "sw_z" {
			t.Errorf("%s: names %q %q", name, s.NameOf(w.y.Node), s.NameOf("sw_z"))
		}
		if k, ok := s.SessionKey("s1", w.now); !ok || k.Issuer != w.org || !k.Public.Equal(public(w.session)) {
			t.Errorf("%s: %+v", name, k)
		}
	}
}

func TestEnrolmentKeysServeUntilTheFirstCopy(t *testing.T) {
	w := newWorld(t)
	s := w.open(w.x, t.TempDir()).Snapshot()
	if k, ok := s.SessionKey("s1", w.now); !ok || k.Issuer != w.org {
		t.Errorf("%+v", k)
	}
	w.copies[w.paris].CopyKeys, w.copies[w.paris].SessionKeys = w.copyKeys(), sitecopy.KeySet{}
	if _, ok := w.fetched(w.x).Snapshot().SessionKey("s1", w.now); ok {
		t.Error("a session key that the copy no longer lists is known")
	}
}

// What cannot be taken leaves what was held, and keeps nothing else from being taken.
func TestRefusesDocuments(t *testing.T) {
	other := newWorld(t)
	for name, change := range map[string]func(w *world){
		"lower versions":     func(w *world) { w.copies[w.paris].Version, w.peers[w.berlin].Version = 9, 9 },
		"foreign signatures": func(w *world) { w.keys = other.keys },
		"unknown keys":       func(w *world) { w.kid, w.keys = "c9", map[string]ed25519.PrivateKey{"c9": other.session} },
		"damaged":            func(w *world) { w.forge = func(doc string) string { return doc[:len(doc)-8] + "AAAAAAAA" } },
		"no documents":       func(w *world) { w.forge = func(string) string { return "404 not found" } },
		"another type": func(w *world) {
			w.forge = func(string) string { return w.revoke(1, sitecopy.Revocation{Node: w.y.Node}) }
		},
		"another site's":      func(w *world) { w.forge = func(string) string { return w.signPeer(*w.peers[w.paris], w.paris) } },
		"need a newer switch": func(w *world) { w.copies[w.paris].Crit, w.peers[w.berlin].Crit = []string{"x"}, []string{"x"} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			h := w.fetched(w.x)
			before := versions(h.Snapshot())
			w.copies[w.paris].Version, w.peers[w.berlin].Version = 11, 11
			change(w)
			w.revoked = nil
			w.fetch(h)
			if got := versions(h.Snapshot()); !maps.Equal(got, before) {
				t.Errorf("held %v, now %v", before, got)
			}
			if w.open(w.x, h.cfg.Dir).Snapshot().Version() != 10 {
				t.Error("the disk has something else")
			}
		})
	}
}

func TestCopyOfAnotherSiteIsRefused(t *testing.T) {
	w := newWorld(t)
	w.forge = func(string) string { return w.signCopy(*w.copies[w.berlin], w.berlin) }
	if s := w.fetched(w.x).Snapshot(); s.Version() != 0 {
		t.Errorf("took the copy of another site: %v", versions(s))
	}
}

func TestCredentialsThatDoNotOpenAreRefused(t *testing.T) {
	w := newWorld(t)
	h := w.fetched(w.x)
	stolen := *w.x
	w.x.Key = w.y.Key // the cloud seals to another key
	w.copies[w.paris].Version = 11
	h.cfg.Identity = &stolen
	w.fetch(h)
	if _, c, ok := h.Snapshot().Account("ada"); h.Snapshot().Version() != 10 || !ok || c.MD5 == "" {
		t.Errorf("version %d, account %+v", h.Snapshot().Version(), c)
	}
}

func TestOneBadDocumentDoesNotKeepOthersOut(t *testing.T) {
	w := newWorld(t)
	h := w.fetched(w.x)
	w.copies[w.paris].Version, w.peers[w.berlin].Version = 9, 11
	w.fetch(h)
	if got := versions(h.Snapshot()); got["copy"] != 10 || got[w.berlin] != 11 {
		t.Errorf("%v", got)
	}
}

func TestKeysRotate(t *testing.T) {
	w, dir := newWorld(t), t.TempDir()
	h := w.open(w.x, dir)
	w.revoke(1, sitecopy.Revocation{Device: "dv_dan"})
	w.fetch(h)
	w.keys["c2"] = signing(t) // published
	w.copies[w.paris].Version = 11
	w.fetch(h)
	w.kid = "c2" // signs
	delete(w.keys, "c1")
	w.copies[w.paris].Version, w.peers[w.berlin].Version = 12, 12
	w.fetch(h)
	w.away = true
	s := w.open(w.x, dir).Snapshot() // the enrolment knows only c1
	if got := versions(s); got["copy"] != 12 || got[w.berlin] != 12 {
		t.Errorf("%v", got)
	}
	if !s.Revoked("dv_dan") {
		t.Error("a revocation ended with the key that signed it")
	}
}

func TestRevocations(t *testing.T) {
	w := newWorld(t)
	h := w.fetched(w.x)
	y := trust.Name{Org: w.org, Kind: trust.Switch, ID: w.y.Node}
	if err := h.Snapshot().Authorize(y, hashOf(w.y), false); err != nil {
		t.Errorf("before: %v", err)
	}
	if err := h.Snapshot().Authorize(y, hashOf(w.x), false); errs.CodeOf(err) != errs.WrongPresenter {
		t.Errorf("with another key: %v", err)
	}
	if _, ok := h.Snapshot().SessionKey(w.y.Node, w.now); !ok {
		t.Error("y's signing key is not known")
	}
	w.revoke(1, sitecopy.Revocation{Node: w.y.Node})
	w.revoke(2, sitecopy.Revocation{Device: "dv_ada"})
	w.fetch(h)
	for name, s := range map[string]*Snapshot{"fetched": h.Snapshot(), "from disk": w.open(w.x, h.cfg.Dir).Snapshot()} {
		if err := s.Authorize(y, hashOf(w.y), false); errs.CodeOf(err) != errs.Revoked {
			t.Errorf("%s: %v", name, err)
		}
		if _, ok := s.SessionKey(w.y.Node, w.now); ok {
			t.Errorf("%s: a revoked switch may sign", name)
		}
		if got := s.RevokedNodes(); len(got) != 1 || got[0] != w.y.Node || !s.Revoked(w.y.Node) || s.Revoked(w.x.Node) || s.Revoked("") {
			t.Errorf("%s: revoked nodes %v", name, got)
		}
		d, _, _ := s.Account("ada")
		if _, enabled := s.Party(d); enabled || s.Homed("dv_ada") || !s.Homed("dv_dan") {
			t.Errorf("%s: a revoked phone may call", name)
		}
	}
}

// TestBridges: a switch knows the bridges of its organization, and which key each has, until they are revoked.
func TestBridges(t *testing.T) {
	w := newWorld(t)
	bridge := trust.Name{Org: w.org, Kind: trust.Bridge, ID: "br_1"}
	w.copies[w.paris].Bridges = []sitecopy.Bridge{{Node: designation.Node{ID: bridge.ID, KeyHash: "pin"}, URL: "https://b.example"}}
	h := w.fetched(w.x)
	if got := h.Snapshot().Bridges(); len(got) != 1 || got[bridge.ID].URL != "https://b.example" {
		t.Errorf("bridges %+v", got)
	}
	if err := h.Snapshot().Authorize(bridge, "pin", true); err != nil {
		t.Errorf("a bridge that is listed: %v", err)
	}
	if err := h.Snapshot().Authorize(bridge, "another", false); errs.CodeOf(err) != errs.WrongPresenter {
		t.Errorf("a bridge with another key: %v", err)
	}
	w.revoke(1, sitecopy.Revocation{Node: bridge.ID})
	w.fetch(h)
	if got := h.Snapshot().Bridges(); len(got) != 0 {
		t.Errorf("bridges %+v, want none: it was revoked", got)
	}
}

func TestMissingRevocationIsAskedForAgain(t *testing.T) {
	w := newWorld(t)
	h := w.fetched(w.x)
	w.revoke(1, sitecopy.Revocation{Device: "dv_1"})
	w.revoke(2, sitecopy.Revocation{Device: "dv_2"})
	third := w.revoke(3, sitecopy.Revocation{Device: "dv_3"})
	if err := h.takeRevocation(third); err != nil || h.docs.through() != 0 {
		t.Errorf("%v, through %d", err, h.docs.through())
	}
	w.fetch(h)
	if h.docs.through() != 3 || len(h.docs.revoked) != 3 || !h.Snapshot().Revoked("dv_1") {
		t.Errorf("through %d of %d", h.docs.through(), len(h.docs.revoked))
	}
}

// TestRevocationOfARestoredCloud has a cloud that forgot the last statements, which counts on by the clock.
func TestRevocationOfARestoredCloud(t *testing.T) {
	w := newWorld(t)
	h := w.fetched(w.x)
	for n := range uint64(3) {
		w.revoke(n+1, sitecopy.Revocation{Device: "dv_ada"})
	}
	w.fetch(h)
	at := func(n uint64) *uint64 { return &n }
	w.revoked = w.revoked[:1] // of three
	w.revoke(1_800_000_000, sitecopy.Revocation{Device: "dv_bob", Previous: at(1)})
	last := w.revoke(1_800_000_500, sitecopy.Revocation{Device: "dv_dan", Previous: at(1_800_000_000)})
	if err := h.takeRevocation(last); err != nil || h.docs.through() != 3 {
		t.Errorf("%v, through %d with one missing", err, h.docs.through())
	}
	w.fetch(h)
	if s := h.Snapshot(); h.docs.through() != 1_800_000_500 || !s.Revoked("dv_ada") || !s.Revoked("dv_bob") || !s.Revoked("dv_dan") {
		t.Errorf("through %d of %d", h.docs.through(), len(h.docs.revoked))
	}
}

func TestRemovedSiteIsForgotten(t *testing.T) {
	w := newWorld(t)
	h := w.fetched(w.x)
	delete(w.peers, w.berlin)
	w.fetch(h) // the copy still lists it: the cloud's "not found" is no failure
	c := w.copies[w.paris]
	c.Version, c.Sites = 11, c.Sites[:1]
	w.fetch(h)
	left, err := filepath.Glob(filepath.Join(h.cfg.Dir, peersFolder, "*"))
	if err != nil || len(left) != 0 || len(h.Snapshot().Peers()) != 0 {
		t.Errorf("%v, files %v, peers %v", err, left, h.Snapshot().Peers())
	}
}

func TestDamagedDisk(t *testing.T) {
	w := newWorld(t)
	h := w.fetched(w.x)
	for _, name := range []string{copyFile, filepath.Join(peersFolder, w.berlin+peerSuffix)} {
		if err := os.WriteFile(h.path(name), []byte("garbage"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again := w.open(w.x, h.cfg.Dir)
	if s := again.Snapshot(); s.Version() != 0 || len(s.Peers()) != 0 {
		t.Errorf("%v", versions(s))
	}
	w.fetch(again)
	if s := again.Snapshot(); s.Version() != 10 || len(s.Peers()) != 1 {
		t.Errorf("after a fetch: %v", versions(s))
	}
	if err := os.WriteFile(h.path(revocationsFile), []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	// Trust that was taken back must not return in silence.
	if _, err := Open(h.cfg); err == nil || !strings.Contains(err.Error(), revocationsFile) {
		t.Errorf("opened without its revocations: %v", err)
	}
}

// What the disk does not take is in force, and is written when it takes it again.
func TestDiskThatTakesNothing(t *testing.T) {
	w, dir := newWorld(t), t.TempDir()
	h := w.open(w.x, dir)
	peers := filepath.Join(dir, peersFolder)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	w.fetch(h)
	if s := h.Snapshot(); s.Version() != 10 || len(s.Peers()) != 1 || h.Ready() == nil || h.Trouble() != "" {
		t.Errorf("without a disk: %v, %v, %q", versions(s), h.Ready(), h.Trouble())
	}
	w.change(func() { w.copies[w.paris].Version = 11 })
	w.fetch(h)
	if err := os.MkdirAll(peers, 0o700); err != nil {
		t.Fatal(err)
	}
	h.keepRest()
	if err := h.Ready(); err != nil {
		t.Errorf("with a disk: %v", err)
	}
	if s := w.open(w.x, dir).Snapshot(); s.Version() != 11 || len(s.Peers()) != 1 {
		t.Errorf("on the disk: %v", versions(s))
	}
}

func TestRunFetchesAgain(t *testing.T) {
	w, dir := newWorld(t), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var seen []uint64
		h, err := Open(Config{Dir: dir, Identity: w.x, Fetch: cloud{w, w.x}, Logger: slog.New(slog.DiscardHandler),
			Changed: func(s *Snapshot) { seen = append(seen, s.Version()) }})
		if err != nil {
			t.Fatal(err)
		}
		w.away = true
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- h.Run(ctx) }()
		time.Sleep(3 * retryInterval)
		w.change(func() {
			if w.asked < 3 || w.asked > 5 {
				t.Errorf("asked %d times in %v without an answer", w.asked, 3*retryInterval)
			}
			w.away = false
		})
		time.Sleep(retryInterval)
		w.change(func() { w.copies[w.paris].Version = 11 })
		h.Refresh() // told of a change
		synctest.Wait()
		if v := h.Snapshot().Version(); v != 11 {
			t.Errorf("version %d after a notice", v)
		}
		w.change(func() { w.copies[w.paris].Version = 12 })
		time.Sleep(refreshInterval) // not told
		if v := h.Snapshot().Version(); v != 12 {
			t.Errorf("version %d after an interval", v)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if seen[0] != 0 || seen[len(seen)-1] != 12 {
			t.Errorf("told %v", seen)
		}
	})
}
