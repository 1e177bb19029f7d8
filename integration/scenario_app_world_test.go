package integration

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"strowger/integration/standin"
	"strowger/integration/standin/apns"
	"strowger/integration/standin/fcm"
	"strowger/integration/standin/webpush"
	mobilebridge "strowger/mobile-bridge"
	"strowger/mobile-bridge/sdk"
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// bundle and project are the app that the devices of the tests run, as Apple and as Google know it.
const (
	bundle  = "com.example.phone"
	project = "example-phone"
)

// pushes is what stands in for the push services, each of them a real server that refuses what the real one refuses.
type pushes struct {
	apns *apns.Server
	fcm  *fcm.Server
	web  *webpush.Server

	stop    context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex
	failed error
	apps   map[string]func(payload []byte) // by push token
}

// servePushes starts the services, and says how a bridge is configured for them.
func servePushes(dir string) (p *pushes, cfg mobilebridge.PushServices, err error) {
	dir = filepath.Join(dir, "push")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, cfg, err
	}
	p = &pushes{apps: map[string]func([]byte){}}
	var failed [3]error
	p.apns, failed[0] = apns.New(apns.Config{Apps: []string{bundle}, Deliver: p.deliver, Now: time.Now})
	p.fcm, failed[1] = fcm.New(fcm.Config{Project: project, Deliver: p.deliver, Now: time.Now})
	p.web, failed[2] = webpush.New(webpush.Config{Deliver: p.deliver, Now: time.Now})
	if err := errors.Join(failed[:]...); err != nil {
		return nil, cfg, err
	}
	cfg = mobilebridge.PushServices{
		APNsKeyID: apns.KeyID, APNsTeam: apns.Team, APNsServer: p.apns.URL(), FCMServer: p.fcm.Endpoint(),
		Contact: "mailto:admin@example.com", LocalPush: true,
	}
	if cfg.APNsKey, cfg.APNsCA, err = p.apns.Files(dir); err != nil {
		return nil, cfg, err
	}
	account, err := p.fcm.File(dir)
	if err != nil {
		return nil, cfg, err
	}
	cfg.FCM = []string{account}
	var ctx context.Context
	ctx, p.stop = context.WithCancel(context.Background())
	for _, s := range []*standin.Server{p.apns.Server, p.fcm.Server, p.web.Server} {
		p.running.Go(func() {
			if err := s.Run(ctx); err != nil {
				p.mu.Lock()
				p.failed = cmp.Or(p.failed, err)
				p.mu.Unlock()
			}
		})
	}
	return p, cfg, nil
}

// end stops the services.
func (p *pushes) end() error {
	p.stop()
	p.running.Wait()
	return p.failed
}

// deliver hands a push to the app that it is for.
func (p *pushes) deliver(m standin.Message) {
	p.mu.Lock()
	take := p.apps[m.Token]
	p.mu.Unlock()
	if take != nil {
		take(m.Payload)
	}
}

// install puts an app onto a phone that pushes of a service reach.
func (p *pushes) install(t *testing.T, by, vapid string, take func([]byte)) (targets *sdk.Targets, token string) {
	t.Helper()
	targets = sdk.NewTargets()
	var tokens []string // besides
	switch by {
	case "apns":
		token = p.apns.Install(bundle)
		targets.AddAPNs(bundle, token, false)
		alert := p.apns.InstallAlert(bundle)
		targets.AddAPNsAlert(bundle, alert, false)
		tokens = append(tokens, alert)
	case "fcm":
		token = p.fcm.Install()
		targets.AddFCM(project, token)
	case "webpush":
		id, subscription, err := p.web.Subscribe(vapid)
		if err != nil {
			t.Fatal(err)
		}
		token = id
		targets.AddWebPush("https://bridge.example.com", subscription)
	default:
		t.Fatalf("no push service is called %q", by)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range append(tokens, token) {
		p.apps[one] = take
	}
	return targets, token
}

// remove takes an app off its phone.
func (p *pushes) remove(token string) {
	for _, s := range []*standin.Server{p.apns.Server, p.fcm.Server, p.web.Server} {
		s.Remove(token)
	}
}

// app is a phone that sleeps until a push comes.
type app struct {
	*sdk.Phone
	device rest.Device
	store  sdk.Store
	token  string // as its push service knows it
	events chan *sdk.Event
}

// Happened takes an event of a call. Those that nobody waits for are forgotten when there are many.
func (a *app) Happened(e *sdk.Event) {
	select {
	case a.events <- e:
	default:
	}
}

// app gives a user an app that a push service wakes.
func (w *world) app(t *testing.T, u rest.User, by string) *app {
	t.Helper()
	return w.appWith(t, u, by, func(a *app, payload []byte) {
		if _, err := a.Push(payload); err != nil {
			a.Happened(&sdk.Event{Kind: "refused push", Words: err.Error()})
		}
	})
}

// appWith is app with another use of its pushes.
func (w *world) appWith(t *testing.T, u rest.User, by string, take func(*app, []byte)) *app {
	t.Helper()
	d, err := w.Client.Devices().Create(soon(t), rest.Device{User: u.ID, Kind: designation.Mobile, Name: u.Name + "'s app", Enabled: true})
	if err != nil {
		t.Fatal(err)
	}
	code, err := w.Client.DeviceCode(soon(t), d.ID)
	if err != nil {
		t.Fatal(err)
	}
	a := &app{device: d, events: make(chan *sdk.Event, 64)}
	store, err := sdk.NewFolder(t.TempDir())
	if err == nil {
		a.store = store
		a.Phone, err = sdk.NewPhone(store, a)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	var targets *sdk.Targets
	targets, a.token = w.pushes.install(t, by, w.Bridge.VAPID, func(payload []byte) { take(a, payload) })
	until(t, func() string { // apps of scenarios side by side are more than one address may enrol at once
		switch err := a.Enrol(code.Link, "test", targets); {
		case errs.CodeOf(err) == errs.Congested:
			return err.Error()
		case err != nil:
			t.Fatal(err)
		}
		return ""
	})
	until(t, func() string {
		d, err := w.Client.Devices().Get(soon(t), d.ID)
		if err != nil {
			t.Fatal(err)
		}
		if !d.Reachable {
			return "the API does not know yet that the app can be woken"
		}
		return ""
	})
	return a
}

// sees waits for the next event of the app's calls, which must be of a kind.
func (a *app) sees(t *testing.T, kind string) *sdk.Event {
	t.Helper()
	select {
	case e := <-a.events:
		if e.Kind != kind {
			t.Fatalf("the app saw %s (%s %s), want %s", e.Kind, e.Code, e.Words, kind)
		}
		return e
	case <-soon(t).Done():
		t.Fatalf("the app did not see %s", kind)
	}
	return nil
}
