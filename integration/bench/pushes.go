package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"strowger/integration/standin/apns"
	mobilebridge "strowger/mobile-bridge"
	"strowger/mobile-bridge/sdk"
	"strowger/pkg/designation"
	"strowger/pkg/enrol"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/rest"
	"strowger/pkg/trust"
)

// payloadSize is that of a sealed wake, as the stand-ins of the tests see it.
const payloadSize = 2160

// waker is a switch that has bridges wake devices, and does nothing else.
type waker struct {
	id     *enrol.Identity
	client *fabric.Client
	phone  rest.Device // the caller's
	boot   string
}

// waker enrols one.
func (d *directory) waker(ctx context.Context) (w waker, err error) {
	p, err := d.place(ctx, 1, 0)
	if err != nil {
		return w, err
	}
	code, err := d.client.EnrolmentCode(ctx, p.node)
	if err != nil {
		return w, err
	}
	if w.id, err = enrol.Enrol(ctx, "", d.up.API, code.Code, filepath.Join(d.dir, "waker-"+d.unique())); err != nil {
		return w, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(w.id.Root)
	w.client, err = fabric.Connect(fabric.Config{
		Servers: w.id.Fabric, Org: w.id.Org, Node: w.id.Node, Name: w.id.NodeName, Logger: slog.New(slog.DiscardHandler),
		TLS: &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots, Certificates: []tls.Certificate{w.id.Certificate()}},
	})
	if err != nil {
		return w, err
	}
	if err := w.client.Ready(ctx); err != nil {
		return w, err
	}
	w.boot = ident.New(ident.Boot)
	if err := w.lease(ctx); err != nil {
		return w, err
	}
	all, err := d.client.Devices().Page(ctx, rest.Filter{"switch": w.id.Node}, 1, "")
	if err != nil || len(all.Items) == 0 {
		return w, errors.Join(err, errors.New("the switch that wakes has no phone"))
	}
	w.phone = all.Items[0]
	return w, nil
}

// lease says that the switch lives, for the next 50 s.
func (w waker) lease(ctx context.Context) error {
	hash, err := trust.KeyHash(&w.id.Key.PublicKey)
	if err != nil {
		return err
	}
	_, err = fabric.Request[fabric.Lease, fabric.Reply](ctx, w.client, fabric.SubjectLease(w.id.Org, w.id.Node), fabric.Lease{
		Header: fabric.Header{ID: ident.New(ident.Request)}, Version: "bench", Node: designation.Node{
			ID: w.id.Node, KeyHash: hash, Boot: w.boot, Addresses: []string{"192.0.2.1:7443"}, Web: []string{"any"},
			DTLS: "sha-256 " + string(bytes.Repeat([]byte("AB:"), 31)) + "AB",
		}})
	return err
}

// ticket lets devices be woken for a call to a number.
func (w waker) ticket(ctx context.Context, number string) (string, error) {
	a, err := fabric.Request[fabric.Admit, fabric.Admitted](ctx, w.client, fabric.SubjectAdmit(w.id.Org, w.id.Node), fabric.Admit{
		Header: fabric.Header{ID: ident.New(ident.Request)}, Call: ident.New(ident.Call), Device: w.phone.ID, Dialled: number, Media: []string{"audio"},
	})
	if err != nil {
		return "", err
	}
	if a.Plan == nil || len(a.Plan.Branches) == 0 || a.Plan.Branches[0].App == nil {
		return "", fmt.Errorf("the plan of a call to %s wakes nobody: %+v", number, a)
	}
	return a.Plan.Branches[0].App.Ticket, nil
}

// wake has a device woken n times at a rate; each time is another ring attempt.
func (w waker) wake(ctx context.Context, numbers []string, n int, rate float64) (outcome, error) {
	if err := w.lease(ctx); err != nil {
		return outcome{}, err
	}
	var tickets []string
	for _, number := range numbers {
		ticket, err := w.ticket(ctx, number)
		if err != nil {
			return outcome{}, err
		}
		tickets = append(tickets, ticket)
	}
	sealed, until := bytes.Repeat([]byte("x"), payloadSize), time.Now().Add(30*time.Second)
	var lost atomic.Int64
	var running sync.WaitGroup
	defer running.Wait()
	began := time.Now()
	for i := range n {
		if err := pause(ctx, time.Until(began.Add(time.Duration(float64(i)/rate*float64(time.Second))))); err != nil {
			return outcome{}, err
		}
		running.Go(func() {
			r, err := fabric.Request[fabric.Wake, fabric.WakeReply](ctx, w.client, fabric.SubjectWake(w.id.Org, w.id.Node), fabric.Wake{
				Header: fabric.Header{ID: ident.New(ident.Request)}, Ticket: tickets[i%len(tickets)], Sealed: sealed, Epoch: 1 + i/len(tickets), Until: until,
			})
			if err != nil || len(r.Pushes) == 0 || !r.Pushes[0].Accepted {
				lost.Add(1)
			}
		})
	}
	running.Wait()
	return outcome{units: n, lost: int(lost.Load())}, nil
}

// asleepBy makes devices that a push service wakes, and returns their numbers.
func (d *directory) asleepBy(ctx context.Context, up mobilebridge.Started, s *services, by string, devices int) (numbers []string, err error) {
	for range devices {
		number := fmt.Sprint(910_000 + d.numbered())
		code, err := d.asleep(ctx, number)
		if err != nil {
			return nil, err
		}
		targets := sdk.NewTargets()
		switch by {
		case "APNs":
			targets.AddAPNs(bundle, s.apple.Install(bundle), false)
		case "FCM":
			targets.AddFCM(project, s.google.Install())
		default:
			_, subscription, err := s.web.Subscribe(up.VAPID)
			if err != nil {
				return nil, err
			}
			targets.AddWebPush("https://bridge.example.com", subscription)
		}
		store, err := sdk.NewFolder(filepath.Join(d.dir, "app-"+d.unique()))
		if err != nil {
			return nil, err
		}
		p, err := sdk.NewPhone(store, nobody{})
		if err != nil {
			return nil, err
		}
		if err := p.Enrol(code.Link, "bench", targets); err != nil {
			return nil, err
		}
		p.Close()
		numbers = append(numbers, number)
	}
	return numbers, nil
}

// nobody listens.
type nobody struct{}

// Happened does nothing.
func (nobody) Happened(*sdk.Event) {}

// pushes measures what a push costs the bridge, by each service.
func (b *bench) pushes(ctx context.Context) error {
	ways := &delayer{}
	defer ways.close()
	s, err := serve(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	d, err := b.directory(ctx)
	if err != nil {
		return err
	}
	defer d.client.HTTP.CloseIdleConnections()
	if d.disguise, err = ways.disguised(d.apiAddress()); err != nil {
		return err
	}
	up, bridge, err := d.bridge(ctx, s, "")
	if err != nil {
		return err
	}
	w, err := d.waker(ctx)
	if err != nil {
		return err
	}
	defer w.client.Close()
	ours := server{name: "strowger", main: []program{bridge}, side: []program{d.program}}
	for _, by := range []string{"APNs", "FCM", "Web Push"} {
		numbers, err := d.asleepBy(ctx, up, s, by, 8)
		if err != nil {
			return err
		}
		for _, rate := range b.plan.pushRates {
			r := row{Part: "push", Name: "push by " + by, Load: fmt.Sprintf("%.0f/s", rate), Unit: "µs"}
			n := int(rate * b.plan.each.Seconds())
			for pass := range b.plan.runs + 1 { // the first one connects
				one, err := b.take(ctx, ours, func() (outcome, error) { return w.wake(ctx, numbers, n, rate) })
				if err != nil {
					return err
				}
				progress("strowger: %s at %.0f/s: %v, cloud %v, %d lost", r.Name, rate, one.main, one.side, one.lost)
				if pass > 0 {
					r.ours(one, 1)
				}
			}
			if by == "APNs" && !b.alone {
				if err := b.bareAPNs(ctx, s, &r, n, rate); err != nil {
					return err
				}
			}
			b.rows = append(b.rows, r)
		}
	}
	return nil
}

// bareAPNs measures what a push costs apns2 alone.
func (b *bench) bareAPNs(ctx context.Context, s *services, r *row, n int, rate float64) error {
	bare, at, err := b.bare()
	if err != nil {
		return err
	}
	key, ca, err := s.apple.Files(b.dir)
	if err != nil {
		return err
	}
	payload, err := json.Marshal(map[string][]byte{"strowger": bytes.Repeat([]byte("x"), payloadSize)})
	if err != nil {
		return err
	}
	order := map[string]any{
		"Server": s.apple.URL(), "CA": ca, "Key": key, "KeyID": apns.KeyID, "Team": apns.Team, "Topic": bundle + ".voip",
		"Token": s.apple.Install(bundle), "Payload": payload, "N": n, "Rate": rate,
	}
	r.Peer = "apns2"
	for range b.plan.runs {
		one, err := b.take(ctx, server{name: "apns2", main: []program{bare}}, func() (o outcome, err error) {
			o.units = n
			return o, tell(ctx, "http://"+at+"/pushes", order, &o.lost)
		})
		if err != nil {
			return err
		}
		progress("apns2: %v, %d lost", one.main, one.lost)
		r.theirs(one, 1)
	}
	return nil
}

// bare starts the program that has nothing but the library.
func (l *launcher) bare() (p program, at string, err error) {
	var up struct{ Address string }
	pid, err := l.announced(func(line []byte) error { return json.Unmarshal(line, &up) }, "bare")
	return program{name: "bare", pid: pid}, up.Address, err
}

// tell posts JSON and reads JSON.
func tell(ctx context.Context, to string, q, a any) error {
	body, err := json.Marshal(q)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	if body, err = io.ReadAll(resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %.200s", to, resp.Status, body)
	}
	return json.Unmarshal(body, a)
}
