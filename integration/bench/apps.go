package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"strowger/integration/standin"
	"strowger/integration/standin/apns"
	"strowger/integration/standin/fcm"
	"strowger/integration/standin/webpush"
	mobilebridge "strowger/mobile-bridge"
	"strowger/mobile-bridge/sdk"
	"strowger/pkg/designation"
	"strowger/pkg/enrol"
	"strowger/pkg/rest"
)

// The app of every device here, as Apple and Google know it.
const bundle, project = "com.example.phone", "example-phone"

// services stand in for those of Apple, Google and a browser, on the core of the load.
type services struct {
	apple  *apns.Server
	google *fcm.Server
	web    *webpush.Server

	mu   sync.Mutex
	apps map[string]func(payload []byte) // by push token

	stop    context.CancelFunc
	running sync.WaitGroup
}

// serve starts them.
func serve(ctx context.Context) (s *services, err error) {
	s = &services{apps: map[string]func([]byte){}}
	var failed [3]error
	s.apple, failed[0] = apns.New(apns.Config{Apps: []string{bundle}, Deliver: s.deliver, Now: time.Now})
	s.google, failed[1] = fcm.New(fcm.Config{Project: project, Deliver: s.deliver, Now: time.Now})
	s.web, failed[2] = webpush.New(webpush.Config{Deliver: s.deliver, Now: time.Now})
	if err := errors.Join(failed[:]...); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	s.stop = stop
	for _, one := range []*standin.Server{s.apple.Server, s.google.Server, s.web.Server} {
		s.running.Go(func() {
			if err := one.Run(ctx); err != nil {
				progress("a stand-in of a push service ended: %v", err)
			}
		})
	}
	return s, nil
}

// close ends them.
func (s *services) close() {
	s.stop()
	s.running.Wait()
}

// deliver gives a push to its app.
func (s *services) deliver(m standin.Message) {
	s.mu.Lock()
	take := s.apps[m.Token]
	s.mu.Unlock()
	if take != nil {
		take(m.Payload)
	}
}

// install puts the app onto an iPhone.
func (s *services) install(take func(payload []byte)) (token string) {
	token = s.apple.Install(bundle)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apps[token] = take
	return token
}

// bridge starts one that pushes to the services. apple is where it finds Apple's, "" for where it is.
func (d *directory) bridge(ctx context.Context, s *services, apple string, flags ...string) (up mobilebridge.Started, p program, err error) {
	if apple == "" {
		apple = s.apple.URL()
	}
	key, ca, errApple := s.apple.Files(d.dir)
	account, errGoogle := s.google.File(d.dir)
	b, errBridge := d.client.Bridges().Create(ctx, rest.Bridge{Name: "bridge-" + d.unique()})
	if err := errors.Join(errApple, errGoogle, errBridge); err != nil {
		return up, p, err
	}
	code, err := d.client.BridgeCode(ctx, b.ID)
	if err != nil {
		return up, p, err
	}
	pid, err := d.announced(func(line []byte) error { return json.Unmarshal(line, &up) }, "mobile-bridge", append([]string{"--json",
		"--data", "bridge-data-" + d.unique(), "--enroll", code.Code, "--cloud", d.up.API, "--host", "127.0.0.1", "--link", "127.0.0.1:0", "--listen", "127.0.0.1:0",
		"--metrics", "127.0.0.1:0", "--pprof", "--contact", "mailto:bench@example.com", "--local-push",
		"--apns-key", key, "--apns-key-id", apns.KeyID, "--apns-team", apns.Team, "--apns-server", apple, "--apns-ca", ca,
		"--fcm", account, "--fcm-server", s.google.Endpoint()}, flags...)...)
	return up, program{name: "bridge", pid: pid, metrics: up.Metrics}, err
}

// sleeper is a user who has nothing but an app that sleeps.
type sleeper struct {
	*sdk.Phone
	number string
	events chan *sdk.Event
}

// Happened takes an event of a call.
func (s *sleeper) Happened(e *sdk.Event) { s.events <- e }

// sleeper makes the i-th one. pushed is called with each push before the app gets it.
func (d *directory) sleeper(ctx context.Context, s *services, i int, pushed func()) (*sleeper, error) {
	one := &sleeper{number: fmt.Sprint(900_000 + i), events: make(chan *sdk.Event, 256)}
	code, err := d.asleep(ctx, one.number)
	if err != nil {
		return nil, err
	}
	store, err := sdk.NewFolder(filepath.Join(d.dir, "app-"+d.unique()))
	if err != nil {
		return nil, err
	}
	if one.Phone, err = sdk.NewPhone(store, one); err != nil {
		return nil, err
	}
	targets := sdk.NewTargets()
	targets.AddAPNs(bundle, s.install(func(payload []byte) {
		pushed()
		if _, err := one.Push(payload); err != nil {
			progress("a push is no call: %v", err)
		}
	}), false)
	if err := one.Enrol(code.Link, "bench", targets); err != nil {
		return nil, err
	}
	return one, nil
}

// asleep makes a user, a number and a device that is to sleep, and returns the code that enrols it.
func (d *directory) asleep(ctx context.Context, number string) (code rest.EnrolmentCode, err error) {
	u, err := d.client.Users().Create(ctx, rest.NewUser("Sleeper "+number))
	if err != nil {
		return code, err
	}
	if _, err := d.client.Numbers().Create(ctx, rest.Number{Digits: number, User: u.ID}); err != nil {
		return code, err
	}
	dev, err := d.client.Devices().Create(ctx, rest.Device{User: u.ID, Kind: designation.Mobile, Name: "app", Enabled: true})
	if err != nil {
		return code, err
	}
	if code, err = d.client.DeviceCode(ctx, dev.ID); err != nil {
		return code, err
	}
	if d.disguise != "" {
		code.Link = enrol.Link(code.Code, "https://"+d.disguise)
	}
	return code, nil
}

// disguised passes connections on to the cloud, each from another address: one alone may enrol an app a second.
func (d *delayer) disguised(to string) (listen string, err error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	d.keep(listener)
	var n atomic.Uint32
	d.running.Go(func() {
		for {
			outside, err := listener.Accept()
			if err != nil {
				return
			}
			d.keep(outside)
			i := n.Add(1)
			from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 9, byte(i>>8), byte(i))}}
			inside, err := from.Dial("tcp4", to)
			if err != nil {
				_ = outside.Close() // the client tries again
				continue
			}
			d.keep(inside)
			d.copy(outside, inside)
		}
	})
	return listener.Addr().String(), nil
}
