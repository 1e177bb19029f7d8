package command

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"strowger/integration/phone"
	"strowger/integration/standin"
	"strowger/integration/standin/apns"
	mobilebridge "strowger/mobile-bridge"
	"strowger/mobile-bridge/sdk"
	"strowger/pkg/designation"
	"strowger/pkg/ledger"
	"strowger/pkg/rest"
)

// bundle is the demo's app, as its push service knows it.
const bundle = "com.example.strowger-demo"

// pushes is what stands in for Apple's push service.
type pushes struct {
	service *apns.Server
	pushed  chan []byte
	stop    context.CancelFunc
	running sync.WaitGroup
	failed  error
}

// end stops the service.
func (p *pushes) end() error {
	p.stop()
	p.running.Wait()
	return p.failed
}

// servePushes starts the service, and says how a bridge is configured for it.
func (d *demo) servePushes(dir string) (cfg mobilebridge.PushServices, err error) {
	p := &d.pushes
	p.pushed = make(chan []byte, 1)
	deliver := func(m standin.Message) {
		select {
		case p.pushed <- m.Payload:
		default: // the same wake, tried again
		}
	}
	if p.service, err = apns.New(apns.Config{Apps: []string{bundle}, Deliver: deliver, Now: time.Now}); err != nil {
		return cfg, err
	}
	var ctx context.Context
	ctx, p.stop = context.WithCancel(context.WithoutCancel(d.ctx))
	p.running.Go(func() { p.failed = p.service.Run(ctx) })
	cfg = mobilebridge.PushServices{APNsKeyID: apns.KeyID, APNsTeam: apns.Team, APNsServer: p.service.URL()}
	cfg.APNsKey, cfg.APNsCA, err = p.service.Files(dir)
	return cfg, err
}

// sleeper is the app of the demo.
type sleeper struct {
	*sdk.Phone
	events chan *sdk.Event
}

// Happened takes an event of a call. There are a handful.
func (s *sleeper) Happened(e *sdk.Event) { s.events <- e }

// sees waits for an event of the app's call.
func (s *sleeper) sees(ctx context.Context, kind string) (*sdk.Call, error) {
	select {
	case e := <-s.events:
		if e.Kind != kind {
			return nil, fmt.Errorf("the app saw %q (%s), not %q", e.Kind, e.Words, kind)
		}
		return e.Call, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("the app did not see %q in time", kind)
	}
}

// wake has a desk phone call an app that sleeps, and shows how it was woken.
func (d *demo) wake() error {
	ctx, cancel := context.WithTimeout(d.ctx, callTime)
	defer cancel()
	d.steps.next("enrolling an app, which goes to sleep")
	app, number, err := d.sleeper(ctx, "Elisha", "7001")
	if err != nil {
		return err
	}
	defer app.Close()
	var running sync.WaitGroup
	defer running.Wait()
	phones, stop := context.WithCancel(ctx)
	defer stop()
	caller, err := d.phone(phones, &running, 0, "Gray", "caller", "1002", phone.Ring)
	if err != nil {
		return err
	}
	d.steps.next("phone 1002 of office 20 dials " + number)
	out, err := caller.Dial(ctx, number)
	if err != nil {
		return err
	}
	var payload []byte
	select {
	case payload = <-d.pushes.pushed:
	case <-out.Done():
		return fmt.Errorf("the call failed: %v", out.Events())
	case <-ctx.Done():
		return fmt.Errorf("no push came: %v", out.Events())
	}
	d.steps.next(fmt.Sprintf("a push comes: %d bytes, sealed to the app", len(payload)))
	if _, err := app.Push(payload); err != nil {
		return err
	}
	if err := d.talk(ctx, app, out); err != nil {
		return err
	}
	d.steps.next("fetching the record from the directory")
	record, err := d.record(ctx, 1)
	d.steps.done()
	if err != nil {
		return err
	}
	d.tellWake(record)
	if err := d.appCallsPhone(ctx, app, caller); err != nil {
		return err
	}
	return d.appCallsApp(ctx, app)
}

// sleeper makes a user who has an app and no desk phone, and enrols the app.
func (d *demo) sleeper(ctx context.Context, name, digits string) (app *sleeper, number string, err error) {
	c := d.stack.Client
	u, err := c.Users().Create(ctx, rest.NewUser(name))
	if err != nil {
		return nil, "", err
	}
	n, err := c.Numbers().Create(ctx, rest.Number{Digits: digits, User: u.ID})
	if err != nil {
		return nil, "", err
	}
	device, err := c.Devices().Create(ctx, rest.Device{User: u.ID, Kind: designation.Mobile, Name: name + "'s app", Enabled: true})
	if err != nil {
		return nil, "", err
	}
	code, err := c.DeviceCode(ctx, device.ID)
	if err != nil {
		return nil, "", err
	}
	app = &sleeper{events: make(chan *sdk.Event, 16)}
	store, err := sdk.NewFolder(filepath.Join(d.dir, "app"+digits))
	if err == nil {
		app.Phone, err = sdk.NewPhone(store, app)
	}
	if err != nil {
		return nil, "", err
	}
	targets := sdk.NewTargets()
	targets.AddAPNs(bundle, d.pushes.service.Install(bundle), false)
	if err := app.Enrol(code.Link, "the demo", targets); err != nil {
		app.Close()
		return nil, "", err
	}
	return app, n.Dial, nil
}

// talk has the app answer, both sides speak, and the caller hang up.
func (d *demo) talk(ctx context.Context, app *sleeper, out *phone.Call) error {
	if _, err := app.sees(ctx, sdk.Woken); err != nil {
		return err
	}
	call, err := app.sees(ctx, sdk.Ringing)
	if err != nil {
		return err
	}
	d.steps.next(fmt.Sprintf("the app rings: %s, %s", call.FromName(), call.FromNumber()))
	says, err := speech("callee")
	if err != nil {
		return err
	}
	voice := phone.NewVoice(says)
	call.Answer(voice)
	if _, err := out.Wait(ctx, phone.Answered); err != nil {
		return err
	}
	if _, err := app.sees(ctx, sdk.Connected); err != nil {
		return err
	}
	d.steps.next("answered; each side plays its speech to the other")
	heard, err := d.listen(ctx, out.Done(), end{"office 20", out.Heard}, end{"the app", voice.Heard})
	if err != nil {
		return err
	}
	out.HangUp()
	<-out.Done()
	if _, err := app.sees(ctx, sdk.Ended); err != nil {
		return err
	}
	d.heard = heard
	return nil
}

// tellWake tells how the app was woken.
func (d *demo) tellWake(v rest.Call) {
	d.say("\nHow the app was woken:\n\n")
	for _, e := range v.Ladder {
		what := ""
		switch e.Kind {
		case ledger.Attempt:
			what = "dialled"
		case ledger.Wake:
			what = e.Text
		case ledger.Ringing, ledger.Answered:
			what = string(e.Kind)
		}
		if what != "" {
			d.say("  %8.3f s  %s\n", time.UnixMicro(e.At).Sub(v.StartedAt).Seconds(), what)
		}
	}
	d.say("\n%s\n", d.heard)
}
