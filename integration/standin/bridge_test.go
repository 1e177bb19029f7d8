package standin_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"strowger/integration/standin"
	"strowger/integration/standin/apns"
	"strowger/integration/standin/fcm"
	"strowger/integration/standin/webpush"
	mobilebridge "strowger/mobile-bridge"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/pushseal"
)

// phones is the three push services with a bridge that is configured for them.
type phones struct {
	*cloud
	bridge  running
	apns    *apns.Server
	fcm     *fcm.Server
	web     *webpush.Server
	arrived chan standin.Message
}

const (
	app     = "com.example.phone"
	project = "example-phone"
)

// newPhones runs the services, and a bridge that waits so long for an answer to a try.
func newPhones(t *testing.T, timeout time.Duration) *phones {
	t.Helper()
	p := &phones{cloud: newCloud(t), arrived: make(chan standin.Message, 1024)}
	deliver := func(m standin.Message) { p.arrived <- m }
	var err1, err2, err3 error
	p.apns, err1 = apns.New(apns.Config{Apps: []string{app}, Deliver: deliver, Now: time.Now})
	p.fcm, err2 = fcm.New(fcm.Config{Project: project, Deliver: deliver, Now: time.Now})
	p.web, err3 = webpush.New(webpush.Config{Deliver: deliver, Now: time.Now})
	if err := cmpErr(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var servers sync.WaitGroup
	for _, s := range []*standin.Server{p.apns.Server, p.fcm.Server, p.web.Server} {
		servers.Go(func() {
			if err := s.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() { stop(); servers.Wait() })
	cfg := p.config(t)
	cfg.PushTimeout = timeout
	p.bridge = p.start(cfg)
	return p
}

func cmpErr(all ...error) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}

// config is that of a bridge which knows the three services.
func (p *phones) config(t *testing.T) mobilebridge.Config {
	t.Helper()
	dir := t.TempDir()
	key, ca, err := p.apns.Files(dir)
	if err != nil {
		t.Fatal(err)
	}
	account, err := p.fcm.File(dir)
	if err != nil {
		t.Fatal(err)
	}
	return mobilebridge.Config{PushServices: mobilebridge.PushServices{
		APNsKey: key, APNsKeyID: apns.KeyID, APNsTeam: apns.Team, APNsServer: p.apns.URL(), APNsCA: ca,
		FCM: []string{account}, FCMServer: p.fcm.Endpoint(), Contact: "mailto:admin@example.com", LocalPush: true,
	}, Relaying: mobilebridge.Relaying{STUN: "off"}}
}

// kind is one provider: how a device gets a token, and how its server fails.
type kind struct {
	fabric.Provider
	server  *standin.Server
	install func(*testing.T) (target fabric.Target, token string)
	refuse  func(status int, reason, retryAfter string)
}

func (p *phones) kinds() []kind {
	return []kind{
		{fabric.APNs, p.apns.Server, func(*testing.T) (fabric.Target, string) {
			token := p.apns.Install(app)
			return fabric.Target{Provider: fabric.APNs, App: app, Token: token}, token
		}, func(status int, reason, _ string) { p.apns.Refuse(status, reason) }},
		{fabric.FCM, p.fcm.Server, func(*testing.T) (fabric.Target, string) {
			token := p.fcm.Install()
			return fabric.Target{Provider: fabric.FCM, App: project, Token: token}, token
		}, p.fcm.Refuse},
		{fabric.WebPush, p.web.Server, func(t *testing.T) (fabric.Target, string) {
			id, subscription, err := p.web.Subscribe(p.bridge.VAPID)
			if err != nil {
				t.Fatal(err)
			}
			return fabric.Target{Provider: fabric.WebPush, Token: subscription}, id
		}, func(status int, _, retryAfter string) { p.web.Refuse(status, retryAfter) }},
	}
}

// TestWakeReachesDevices: the device gets the sealed bytes, as large as they come, urgently, and not after the ring.
func TestWakeReachesDevices(t *testing.T) {
	p := newPhones(t, wait)
	sealed := bytes.Repeat([]byte{0xa5}, pushseal.MaxSealed)
	var all []fabric.Target
	tokens := map[string]bool{}
	for _, k := range p.kinds() {
		target, token := k.install(t)
		all, tokens[token] = append(all, target), true
	}
	p.device("dv_1", all...)
	before := time.Now().Truncate(time.Second)
	pushes, call, err := p.wake("dv_1", sealed)
	if err != nil || len(pushes) != 3 {
		t.Fatalf("%+v, %v", pushes, err)
	}
	for i, r := range pushes {
		if want := (fabric.PushResult{Provider: all[i].Provider, Accepted: true, Tries: 1}); r != want {
			t.Fatalf("%+v, want %+v", r, want)
		}
	}
	for range 3 { // an accepted push is delivered
		m := <-p.arrived
		if !tokens[m.Token] || !bytes.Equal(m.Sealed(), sealed) || m.Collapse != call || !m.Urgent {
			t.Errorf("token %s got %d bytes, collapse id %s, urgent %v", m.Token, len(m.Sealed()), m.Collapse, m.Urgent)
		}
		if m.Expires.Before(before.Add(ringing-time.Second)) && m.Expires.Before(time.Now()) || m.Expires.After(time.Now().Add(ringing)) {
			t.Errorf("token %s: expires at %v, the ring began at %v and lasts %v", m.Token, m.Expires, before, ringing)
		}
		delete(tokens, m.Token)
	}
	for _, r := range pushes {
		if n := p.bridge.metric(t, fmt.Sprintf(`strowger_push_tries_total{outcome="accepted",provider=%q,reason=""}`, r.Provider)); n != "1" {
			t.Errorf("%s: counted %s tries, want 1", r.Provider, n)
		}
	}
}

// TestRefusals: what is for good is told in the provider's word, what may pass is tried again, dead tokens are pruned.
func TestRefusals(t *testing.T) {
	p := newPhones(t, wait)
	kinds := p.kinds()
	for _, tt := range []struct {
		kind   int // of kinds
		status int
		reason string
		after  string // Retry-After
		want   fabric.PushResult
	}{
		{kind: 0, status: 400, reason: "BadDeviceToken", want: fabric.PushResult{Reason: "BadDeviceToken", Dead: true, Tries: 1}},
		{kind: 0, status: 400, reason: "BadTopic", want: fabric.PushResult{Reason: "BadTopic", Tries: 1}},
		{kind: 0, status: 400, reason: "DeviceTokenNotForTopic", want: fabric.PushResult{Reason: "DeviceTokenNotForTopic", Tries: 1}},
		{kind: 0, status: 403, reason: "InvalidProviderToken", want: fabric.PushResult{Reason: "InvalidProviderToken", Tries: 1}},
		{kind: 0, status: 403, reason: "ExpiredProviderToken", want: fabric.PushResult{Reason: "ExpiredProviderToken", Tries: 1}},
		{kind: 0, status: 410, reason: "ExpiredToken", want: fabric.PushResult{Reason: "ExpiredToken", Dead: true, Tries: 1}},
		{kind: 0, status: 413, reason: "PayloadTooLarge", want: fabric.PushResult{Reason: "PayloadTooLarge", Tries: 1}},
		{kind: 0, status: 429, reason: "TooManyProviderTokenUpdates", want: fabric.PushResult{Accepted: true, Tries: 2}},
		{kind: 0, status: 500, reason: "InternalServerError", want: fabric.PushResult{Accepted: true, Tries: 2}},
		{kind: 0, status: 503, reason: "Shutdown", want: fabric.PushResult{Accepted: true, Tries: 2}},

		{kind: 1, status: 400, reason: "INVALID_ARGUMENT", want: fabric.PushResult{Reason: "INVALID_ARGUMENT", Tries: 1}},
		{kind: 1, status: 401, reason: "THIRD_PARTY_AUTH_ERROR", want: fabric.PushResult{Reason: "THIRD_PARTY_AUTH_ERROR", Tries: 1}},
		{kind: 1, status: 403, reason: "SENDER_ID_MISMATCH", want: fabric.PushResult{Reason: "SENDER_ID_MISMATCH", Tries: 1}},
		{kind: 1, status: 403, want: fabric.PushResult{Reason: "PERMISSION_DENIED", Tries: 1}},
		{kind: 1, status: 404, reason: "UNREGISTERED", want: fabric.PushResult{Reason: "UNREGISTERED", Dead: true, Tries: 1}},
		{kind: 1, status: 404, want: fabric.PushResult{Reason: "Not Found", Tries: 1}},
		{kind: 1, status: 429, reason: "QUOTA_EXCEEDED", after: "1", want: fabric.PushResult{Accepted: true, Tries: 2}},
		{kind: 1, status: 429, reason: "QUOTA_EXCEEDED", after: "3600", want: fabric.PushResult{Reason: "QUOTA_EXCEEDED", Tries: 1}},
		{kind: 1, status: 500, reason: "INTERNAL", want: fabric.PushResult{Accepted: true, Tries: 2}},
		{kind: 1, status: 503, reason: "UNAVAILABLE", want: fabric.PushResult{Accepted: true, Tries: 2}},
		{kind: 1, status: 503, reason: "UNAVAILABLE", after: "3600", want: fabric.PushResult{Reason: "UNAVAILABLE", Tries: 1}},

		{kind: 2, status: 400, want: fabric.PushResult{Reason: "Bad Request", Tries: 1}},
		{kind: 2, status: 403, want: fabric.PushResult{Reason: "Forbidden", Tries: 1}},
		{kind: 2, status: 404, want: fabric.PushResult{Reason: "Not Found", Dead: true, Tries: 1}},
		{kind: 2, status: 410, want: fabric.PushResult{Reason: "Gone", Dead: true, Tries: 1}},
		{kind: 2, status: 413, want: fabric.PushResult{Reason: "Request Entity Too Large", Tries: 1}},
		{kind: 2, status: 307, want: fabric.PushResult{Reason: "Temporary Redirect", Tries: 1}},
		{kind: 2, status: 429, after: "1", want: fabric.PushResult{Accepted: true, Tries: 2}},
		{kind: 2, status: 429, after: "3600", want: fabric.PushResult{Reason: "Too Many Requests", Tries: 1}},
		{kind: 2, status: 503, want: fabric.PushResult{Accepted: true, Tries: 2}},
	} {
		k := kinds[tt.kind]
		t.Run(fmt.Sprintf("%s %d %s %s", k.Provider, tt.status, tt.reason, tt.after), func(t *testing.T) {
			target, _ := k.install(t)
			p.device("dv_1", target)
			if k.Provider == fabric.FCM && k.server.Served() == 0 { // the first request is for an access token
				p.warm(t)
			}
			k.refuse(tt.status, tt.reason, tt.after)
			tt.want.Provider = k.Provider
			pushes, _, err := p.wake("dv_1", []byte("sealed"))
			if err != nil || !slices.Equal(pushes, []fabric.PushResult{tt.want}) {
				t.Fatalf("%+v, %v, want %+v", pushes, err, tt.want)
			}
			if tt.want.Dead {
				p.expectPruned(t, "dv_1", target, tt.want.Reason)
			}
		})
	}
}

// warm sends one push, so that the bridge has an access token.
func (p *phones) warm(t *testing.T) {
	t.Helper()
	p.device("dv_warm", fabric.Target{Provider: fabric.FCM, App: project, Token: p.fcm.Install()})
	if pushes, _, err := p.wake("dv_warm", []byte("sealed")); err != nil || !pushes[0].Accepted {
		t.Fatalf("%+v, %v", pushes, err)
	}
}

func (p *phones) expectPruned(t *testing.T, device string, target fabric.Target, reason string) {
	t.Helper()
	select {
	case q := <-p.pruned:
		if q.Device != device || q.Target != target || q.Reason != reason {
			t.Errorf("pruned %+v, %s, %s", q.Target, q.Device, q.Reason)
		}
	case <-time.After(wait):
		t.Fatal("the dead token is not pruned")
	}
}

// TestTokensThatEnded: the services' own refusals, of devices that removed the app and of tokens that are none.
func TestTokensThatEnded(t *testing.T) {
	p := newPhones(t, wait)
	for _, k := range p.kinds() {
		target, token := k.install(t)
		k.server.Remove(token)
		p.device("dv_1", target)
		pushes, _, err := p.wake("dv_1", []byte("sealed"))
		if err != nil || len(pushes) != 1 || !pushes[0].Dead || pushes[0].Tries != 1 {
			t.Fatalf("%s, a removed app: %+v, %v", k.Provider, pushes, err)
		}
		p.expectPruned(t, "dv_1", target, pushes[0].Reason)
	}
	for _, tt := range []struct {
		target fabric.Target
		want   fabric.PushResult
	}{
		{fabric.Target{Provider: fabric.APNs, App: app, Token: "00ff"}, fabric.PushResult{Reason: "BadDeviceToken", Dead: true, Tries: 1}},
		{fabric.Target{Provider: fabric.APNs, App: app, Token: "../0"}, fabric.PushResult{Reason: "malformed target", Dead: true, Tries: 1}},
		{fabric.Target{Provider: fabric.APNs, App: "com.example.other", Token: p.apns.Install(app)}, fabric.PushResult{Reason: "TopicDisallowed", Tries: 1}},
		{fabric.Target{Provider: fabric.FCM, App: project, Token: p.fcm.InstallOther()}, fabric.PushResult{Reason: "SENDER_ID_MISMATCH", Tries: 1}},
		{fabric.Target{Provider: fabric.FCM, App: project, Token: "none"}, fabric.PushResult{Reason: "INVALID_ARGUMENT", Tries: 1}},
		{fabric.Target{Provider: fabric.FCM, App: project}, fabric.PushResult{Reason: "malformed target", Tries: 1}},
		{fabric.Target{Provider: fabric.FCM, App: "another-project", Token: "x"}, fabric.PushResult{Reason: "not configured"}},
		{fabric.Target{Provider: fabric.WebPush, Token: "none"}, fabric.PushResult{Reason: "malformed target", Tries: 1}},
		{fabric.Target{Provider: fabric.WebPush, Token: `{"endpoint":"ftp://127.0.0.1/"}`}, fabric.PushResult{Reason: "malformed target", Tries: 1}},
		{fabric.Target{Provider: fabric.WebPush, Token: `{"endpoint":"http://127.0.0.1:1/","keys":{"auth":"AA","p256dh":"AA"}}`}, fabric.PushResult{Reason: "malformed target", Tries: 1}},
		{fabric.Target{Provider: "pigeon", Token: "x"}, fabric.PushResult{Reason: "not configured"}},
	} {
		p.device("dv_1", tt.target)
		tt.want.Provider = tt.target.Provider
		if pushes, _, err := p.wake("dv_1", []byte("sealed")); err != nil || !slices.Equal(pushes, []fabric.PushResult{tt.want}) {
			t.Errorf("%s %s: %+v, %v, want %+v", tt.target.Provider, tt.target.Token, pushes, err, tt.want)
		}
	}
}

// TestDeadConnections: a connection that swallows everything, and a request that gets no answer on one that works, are left
// for another within a try.
func TestDeadConnections(t *testing.T) {
	p := newPhones(t, time.Second)
	p.warm(t)
	var all []fabric.Target
	for _, k := range p.kinds() {
		target, _ := k.install(t)
		all = append(all, target)
	}
	p.device("dv_1", all...)
	wake := func(what string, least int) {
		t.Helper()
		pushes, _, err := p.wake("dv_1", []byte("sealed"))
		for _, r := range pushes {
			if !r.Accepted || r.Tries < least {
				t.Errorf("%s: %+v, want accepted by try %d or later", what, r, least)
			}
		}
		if err != nil || len(pushes) != len(all) {
			t.Fatalf("%s: %+v, %v", what, pushes, err)
		}
	}
	connections := func() (n []int) {
		for _, k := range p.kinds() {
			n = append(n, k.server.Connections())
		}
		return n
	}
	wake("new connections", 1)
	first := connections()
	for _, k := range p.kinds() {
		if k.server.Lose() == 0 {
			t.Fatalf("%s: the bridge keeps no connection", k.Provider)
		}
	}
	wake("dead connections", 2)
	second := connections()
	for _, k := range p.kinds() {
		k.server.Stall()
	}
	wake("stalled requests", 2)
	third := connections()
	for i, k := range p.kinds() {
		if second[i] <= first[i] || third[i] <= second[i] {
			t.Errorf("%s: %d, %d, %d connections: want another after each failure", k.Provider, first[i], second[i], third[i])
		}
	}
}

func TestGoAway(t *testing.T) {
	p := newPhones(t, wait)
	p.warm(t)
	for _, k := range p.kinds() {
		target, _ := k.install(t)
		p.device("dv_1", target)
		wake := func() {
			t.Helper()
			if pushes, _, err := p.wake("dv_1", []byte("sealed")); err != nil || !pushes[0].Accepted {
				t.Fatalf("%s: %+v, %v", k.Provider, pushes, err)
			}
		}
		wake()
		k.server.GoAway()
		wake()
		before := k.server.Connections()
		wake()
		if k.server.Connections() == before {
			t.Errorf("%s: the bridge uses a connection that the server has ended", k.Provider)
		}
	}
}

// TestSlowServiceHarmsNoOther fills the room of a service that answers nobody, while another wakes its phones.
func TestSlowServiceHarmsNoOther(t *testing.T) {
	p := newPhones(t, wait)
	p.warm(t)
	p.device("dv_fcm", fabric.Target{Provider: fabric.FCM, App: project, Token: p.fcm.Install()})
	p.device("dv_apns", fabric.Target{Provider: fabric.APNs, App: app, Token: p.apns.Install(app)})
	release := p.fcm.Hold()
	defer release()
	const room = 128 // of a service and an app
	accepted := make(chan bool, room)
	for range room {
		go func() {
			pushes, _, err := p.wake("dv_fcm", []byte("sealed"))
			for errs.CodeOf(err) == errs.CloudAway { // on a busy machine
				pushes, _, err = p.wake("dv_fcm", []byte("sealed"))
			}
			accepted <- err == nil && pushes[0].Accepted
		}()
	}
	eventually(t, "the pushes are under way", func() bool { return p.bridge.metric(t, "strowger_pushes") == fmt.Sprint(room) })
	if pushes, _, err := p.wake("dv_fcm", []byte("sealed")); err != nil || pushes[0].Reason != "congested" {
		t.Errorf("one more for the slow service: %+v, %v", pushes, err)
	}
	if pushes, _, err := p.wake("dv_apns", []byte("sealed")); err != nil || !pushes[0].Accepted || pushes[0].Tries != 1 {
		t.Errorf("beside the slow service: %+v, %v", pushes, err)
	}
	release()
	for range room {
		if !<-accepted {
			t.Fatal("a push that waited was not accepted when the service answered again")
		}
	}
}

// TestTickets: nobody is woken without one that is his to show.
func TestTickets(t *testing.T) {
	p := newPhones(t, wait)
	target, _ := p.kinds()[0].install(t)
	p.device("dv_1", target)
	good, _ := p.ticket("dv_1")
	next := newKey(t)
	p.mu.Lock()
	p.keys.Add("s-2", next.Public().(ed25519.PublicKey))
	p.mu.Unlock()
	q := fabric.Wake{Ticket: p.signed(t, "s-2", next, anchor), Sealed: []byte("sealed"), Epoch: 1, Until: time.Now().Add(ringing)}
	if pushes, err := p.ask(q); err != nil || !pushes[0].Accepted {
		t.Errorf("a ticket by a key newer than the bridge's enrolment: %+v, %v", pushes, err)
	}
	other := newKey(t)
	for name, tt := range map[string]struct {
		ticket string
		want   errs.Code
	}{
		"none":                     {"", errs.KeyMalformed},
		"no token":                 {"a.b.c", errs.KeyMalformed},
		"changed":                  {good[:len(good)-8] + "AAAAAAAA", errs.BadSignature},
		"signed by somebody":       {p.signed(t, "s-1", other, anchor), errs.BadSignature},
		"by a key that nobody has": {p.signed(t, "s-9", other, anchor), errs.UnknownKey},
		"of another anchor":        {p.signed(t, "s-1", p.key, "sw_x"), errs.WrongPresenter},
	} {
		_, err := p.ask(fabric.Wake{Ticket: tt.ticket, Sealed: []byte("sealed"), Epoch: 1, Until: time.Now().Add(ringing)})
		if errs.CodeOf(err) != tt.want {
			t.Errorf("a ticket, %s: %v, want %s", name, err, tt.want)
		}
	}
	if n := p.apns.Served(); n != 1 {
		t.Errorf("%d pushes were sent, want that by the newer key alone", n)
	}
	p.device("dv_1")
	if _, _, err := p.wake("dv_1", []byte("sealed")); errs.CodeOf(err) != errs.Offline {
		t.Errorf("a device without a push token: %v, want %s", err, errs.Offline)
	}
}

// TestKeptAcrossRestarts: a bridge that starts again is the same to the cloud, and to push services.
func TestKeptAcrossRestarts(t *testing.T) {
	p := newPhones(t, wait)
	target, _ := p.kinds()[2].install(t)
	p.device("dv_1", target)
	cfg := p.config(t)
	cfg.Data = t.TempDir()
	p.bridge.stop()
	p.lease(func(l fabric.Lease) bool { return l.Leaving })
	first := p.start(cfg)
	first.stop()
	p.lease(func(l fabric.Lease) bool { return l.Leaving })
	second := p.start(cfg)
	if first.VAPID == "" || second.VAPID != first.VAPID {
		t.Errorf("VAPID key %q, then %q", first.VAPID, second.VAPID)
	}
	if want := []string{"apns", "fcm", "webpush"}; !slices.Equal(second.Push, want) {
		t.Errorf("pushes by %v, want %v", second.Push, want)
	}
	// The subscription was for the key of the bridge before.
	if pushes, _, err := p.wake("dv_1", []byte("sealed")); err != nil || pushes[0].Reason != http.StatusText(http.StatusForbidden) {
		t.Errorf("a subscription for another bridge's key: %+v, %v", pushes, err)
	}
}

// TestStopsWithPushesUnderWay: who waits is told, and the bridge ends.
func TestStopsWithPushesUnderWay(t *testing.T) {
	p := newPhones(t, wait)
	target, _ := p.kinds()[0].install(t)
	p.device("dv_1", target)
	release := p.apns.Hold()
	defer release()
	result := make(chan []fabric.PushResult, 1)
	go func() {
		pushes, _, err := p.wake("dv_1", []byte("sealed"))
		if err != nil {
			t.Error(err)
		}
		result <- pushes
	}()
	eventually(t, "the push is under way", func() bool { return p.apns.Served() == 1 })
	p.bridge.stop()
	if pushes := <-result; len(pushes) != 1 || pushes[0].Accepted {
		t.Errorf("told %+v, want one push that was not accepted", pushes)
	}
}
