package sdk

import (
	"crypto/ed25519"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"strowger/pkg/designation"
	"strowger/pkg/enrol"
	"strowger/pkg/proof"
	"strowger/pkg/pushseal"
	"strowger/pkg/sessionkey"
	"strowger/pkg/sitecopy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is an anchor, a cloud, and a phone that is enrolled there.
type world struct {
	*anchor
	phone   *Phone
	seen    *recorder
	store   Store
	signing ed25519.PrivateKey // of the organization
	cloud   *cloud
	seal    string // the phone's public sealing key, as the cloud was told
	thumb   string
}

// cloud answers devices.
type cloud struct {
	*httptest.Server
	mu       sync.Mutex
	keys     sitecopy.KeySet
	requests []enrol.DeviceRequest
	updates  []enrol.PushUpdate
	bridges  []designation.BridgeFace // that devices are told of
}

func newCloud(t testing.TB) *cloud {
	c := &cloud{keys: sitecopy.KeySet{}, bridges: []designation.BridgeFace{{ID: "br_0", URL: "http://127.0.0.1:1"}}} // one that is away
	c.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		var err error
		if r.Method == http.MethodPost {
			var q enrol.DeviceRequest
			err = json.NewDecoder(r.Body).Decode(&q)
			c.requests = append(c.requests, q)
		} else {
			var q enrol.PushUpdate
			err = json.NewDecoder(r.Body).Decode(&q)
			c.updates = append(c.updates, q)
		}
		if err != nil || r.Header.Get(proof.Header) == "" {
			t.Errorf("request to the cloud: %v", err)
		}
		if err := json.NewEncoder(w).Encode(enrol.DeviceInfo{
			Org: "org_a", Device: "dev_a", DeviceName: "phone", UserName: "Anna", Now: time.Now(), SessionKeys: c.keys, Bridges: c.bridges,
		}); err != nil {
			t.Error(err)
		}
	}))
	c.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	c.StartTLS()
	t.Cleanup(c.Close)
	return c
}

func (c *cloud) link() string {
	code, _ := enrol.NewCode(c.Certificate().RawSubjectPublicKeyInfo)
	return enrol.Link(code, c.URL)
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{anchor: newAnchor(t), seen: newRecorder(t), cloud: newCloud(t), signing: ed25519.NewKeyFromSeed([]byte(strings.Repeat("o", 32)))}
	w.cloud.keys.Add("s-1", w.signing.Public().(ed25519.PublicKey))
	var err error
	if w.store, err = NewFolder(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if w.phone, err = NewPhone(w.store, w.seen); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.phone.Close)
	targets := NewTargets()
	targets.AddFCM("project", "token")
	if err := w.phone.Enrol(w.cloud.link(), "test", targets); err != nil {
		t.Fatal(err)
	}
	q := w.cloud.requests[0]
	w.seal, w.thumb = q.SealKey, q.SigningKey.Thumbprint()
	return w
}

// claims is a session key of a call that rings now.
func (w *world) claims(leg string) sessionkey.Claims {
	now := time.Now().Unix()
	return sessionkey.Claims{
		Issuer: "org_a", ID: leg, Audience: w.node.ID, Boot: "b", IssuedAt: now, NotBefore: now, Expires: now + 60, Subject: "dev_a",
		Confirm: sessionkey.Confirmation{Thumbprint: w.thumb}, AddressHash: w.node.Hash(), Org: "org_a", Call: "call_" + leg,
		From: designation.Party{Number: "201001", Name: "Bob"}, To: designation.Party{Number: "7001"}, Media: []string{"audio"},
	}
}

func (w *world) sign(c sessionkey.Claims) string {
	w.t.Helper()
	key, err := sessionkey.Sign("s-1", w.signing, c)
	if err != nil {
		w.t.Fatal(err)
	}
	return key
}

// wake is the sealed payload of a call.
func (w *world) wake(c sessionkey.Claims) []byte {
	w.t.Helper()
	return w.sealed(pushseal.Wake{Epoch: 1, Node: w.node, Key: w.sign(c)})
}

func (w *world) sealed(k pushseal.Wake) []byte {
	w.t.Helper()
	b, err := pushseal.Seal(w.seal, "org_a", "dev_a", k)
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// ring pushes a call and has its anchor ring the phone.
func (w *world) ring(leg string) (*Call, *arrival) {
	w.t.Helper()
	return w.ringWith(leg, webrtcOffer)
}

func (w *world) ringWith(leg string, f formats) (*Call, *arrival) {
	w.t.Helper()
	c, err := w.phone.Push(w.wake(w.claims(leg)))
	if err != nil {
		w.t.Fatal(err)
	}
	in := w.next()
	in.offer(f)
	if p := want[progressed](in); p.Code != 180 {
		w.t.Fatalf("the anchor heard %d", p.Code)
	}
	w.seen.want(Woken, Ringing)
	return c, in
}

// recorder is a Listener that remembers.
type recorder struct {
	t    testing.TB
	mu   sync.Mutex
	all  []Event
	news chan struct{} // closed at the next event
}

func newRecorder(t testing.TB) *recorder { return &recorder{t: t, news: make(chan struct{})} }

func (r *recorder) Happened(e *Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, *e)
	close(r.news)
	r.news = make(chan struct{})
}

func (r *recorder) kinds() (all []string) {
	for _, e := range r.all {
		all = append(all, e.Kind)
	}
	return all
}

// want waits until as many events came, and compares the kinds of all. It returns the last event.
func (r *recorder) want(kinds ...string) Event {
	r.t.Helper()
	late := time.After(patience)
	for {
		r.mu.Lock()
		got, news := r.kinds(), r.news
		var last Event
		if len(r.all) > 0 {
			last = r.all[len(r.all)-1]
		}
		r.mu.Unlock()
		if slices.Equal(got, kinds) {
			return last
		}
		if len(got) > len(kinds) || !slices.Equal(got, kinds[:len(got)]) {
			r.t.Fatalf("the phone told %v %s, want %v", got, last.Words, kinds)
		}
		select {
		case <-news:
		case <-late:
			r.t.Fatalf("the phone told %v, want %v", got, kinds)
		}
	}
}

// eventually waits until something is so.
func eventually(t testing.TB, is func() bool) {
	t.Helper()
	late := time.After(patience)
	for tick := time.NewTicker(5 * time.Millisecond); !is(); {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("it did not come about")
		}
	}
}
