package command

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"strowger/integration/phone"
	"strowger/integration/stack"
	"strowger/pkg/ledger"
	"strowger/pkg/rest"
)

// The speech of the demo: 8 kHz, 16 bit, mono, made with espeak-ng.
//
//go:embed audio/*.wav
var audio embed.FS

type demoCommand struct {
	Part   []string `help:"What to show: desk (a call between offices), apps (apps that sleep and browsers), queue (callers who wait), pstn (lines to phone companies), phone (what a desk phone can do). Default: ${default}." default:"desk,apps" enum:"desk,apps,queue,pstn,phone" placeholder:"PART"`
	Once   bool     `help:"Exit after the calls: 0 if each side heard what the other said, else 1."`
	Host   string   `help:"IP address to use. Default: this machine's outward one." placeholder:"IP"`
	Digest []string `help:"Password digests that phones are offered, the best first: SHA-256, MD5. Some phones give up when they see SHA-256. Default: ${default}." default:"MD5" placeholder:"NAME"`
	Log    bool     `help:"Show what the roles log."`
}

func (*demoCommand) unconnected() {}

// callTime bounds the demo's call: set-up, both speeches, record.
const callTime = 60 * time.Second

// similar is how much of what was said must be in what was heard; G.711 alone leaves 0.99.
const similar = 0.97

// mayMiss is the part of what was said, as a divisor, that a busy machine may lose on the way.
const mayMiss = 10

// slack is how much longer than the speech is listened, in samples: a tenth of a second for the way and the start.
const slack = 800

// Run starts two offices and has them talk.
func (c *demoCommand) Run(e *env) (err error) {
	if err := ownAddress("host", c.Host, "192.0.2.10"); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "strowger-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	d := &demo{env: e, dir: dir, steps: steps{out: e.err, start: time.Now()}}
	push, err := d.servePushes(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.pushes.end()) }()
	s, err := stack.Start(e.ctx, stack.Config{
		Push: push, Data: filepath.Join(dir, "data"), MasterKey: filepath.Join(dir, "master.key"), Host: c.Host, Digest: c.Digest, Organization: "Demo",
		Sites: []stack.Site{{Name: "Office 20", Code: "20"}, {Name: "Office 30", Code: "30"}},
		Step:  d.steps.next, Logger: c.logger(e.err),
	})
	if err != nil {
		return err
	}
	d.stack = s
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := d.parts(c.Part); err != nil || c.Once {
		return err
	}
	if err := d.invite(); err != nil {
		return err
	}
	return s.Wait()
}

// parts shows one thing after the other.
func (d *demo) parts(names []string) error {
	var all []error
	for _, p := range []struct {
		name string
		show func() error
	}{{"desk", d.call}, {"apps", d.wake}, {"queue", d.queue}, {"pstn", d.lines}, {"phone", d.day}} {
		if slices.Contains(names, p.name) {
			all = append(all, p.show())
		}
	}
	return errors.Join(all...)
}

func (c *demoCommand) logger(w io.Writer) *slog.Logger {
	if !c.Log {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(w, nil))
}

// demo is a run of the demonstration.
type demo struct {
	*env
	dir    string
	steps  steps
	stack  *stack.Stack
	pushes pushes
	heard  string // what came of the comparison
}

// end is one side of a call, and what it hears.
type end struct {
	name  string
	heard func() []int16
}

// extension is the built-in phone's in both offices.
const extension = "1001"

// call has the phone of office 20 call that of office 30 and shows what came of it.
func (d *demo) call() error {
	ctx, cancel := context.WithTimeout(d.ctx, callTime)
	defer cancel()
	d.steps.next("registering a phone in each office")
	var running sync.WaitGroup
	defer running.Wait()
	phones, stop := context.WithCancel(ctx)
	defer stop()
	caller, err := d.phone(phones, &running, 0, "Watson", "caller", extension, phone.Ring)
	if err != nil {
		return err
	}
	callee, err := d.phone(phones, &running, 1, "Bell", "callee", extension, phone.Answer)
	if err != nil {
		return err
	}
	number := d.stack.Offices[1].Site.Code + extension
	d.steps.next("phone 1001 of office 20 dials 30 1001")
	out, err := caller.Dial(ctx, number)
	if err != nil {
		return err
	}
	var in *phone.Call
	select {
	case in = <-callee.Incoming():
		d.steps.next("the phone of office 30 rings")
	case <-out.Done():
		return fmt.Errorf("the call failed: %v", out.Events())
	case <-ctx.Done():
		return fmt.Errorf("the phone of office 30 did not ring: %v", out.Events())
	}
	if _, err := out.Wait(ctx, phone.Answered); err != nil {
		return err
	}
	d.steps.next("answered; each side plays its speech to the other")
	heard, err := d.listen(ctx, out.Done(), end{"office 20", out.Heard}, end{"office 30", in.Heard})
	if err != nil {
		return err
	}
	out.HangUp()
	<-out.Done()
	<-in.Done()
	d.steps.next("fetching the record from the directory")
	record, err := d.record(ctx, 2)
	d.steps.done()
	if err != nil {
		return err
	}
	if err := d.show(record); err != nil {
		return err
	}
	d.say("\n%s\n", heard)
	return nil
}

// phone makes a user with a number and a phone, and registers the phone.
func (d *demo) phone(ctx context.Context, running *sync.WaitGroup, office int, name, role, digits string, p phone.Policy) (*phone.Phone, error) {
	o := d.stack.Offices[office]
	account, err := d.account(ctx, o, name, digits)
	if err != nil {
		return nil, err
	}
	samples, err := speech(role)
	if err != nil {
		return nil, err
	}
	ph, err := phone.New(phone.Config{
		Server: o.SIP.String(), Local: o.SIP.Addr().String(), User: account.Username, Password: account.Password, Name: name,
		Say: samples, Policy: p, After: time.Second,
	})
	if err != nil {
		return nil, err
	}
	running.Go(func() {
		if err := ph.Run(ctx); err != nil {
			d.say("phone %s: %v\n", name, err)
		}
	})
	return ph, registered(ctx, ph)
}

// registered registers, again and again while the switch does not know the account yet: its copy is on the way.
func registered(ctx context.Context, p *phone.Phone) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := p.Register(ctx)
		var refused *phone.Refusal
		if !errors.As(err, &refused) || refused.Code != 404 {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}

// account makes a user with a number and a desk phone.
func (d *demo) account(ctx context.Context, o stack.Office, name, digits string) (rest.Device, error) {
	u, err := d.stack.Client.Users().Create(ctx, rest.NewUser(name))
	if err != nil {
		return rest.Device{}, err
	}
	if _, err := d.stack.Client.Numbers().Create(ctx, rest.Number{Site: o.Site.ID, Digits: digits, User: u.ID}); err != nil {
		return rest.Device{}, err
	}
	v := rest.NewDevice(u.ID, name+"'s phone")
	v.Switch, v.Username = o.Switch.ID, o.Site.Code+digits
	return d.stack.Client.Devices().Create(ctx, v)
}

// listen compares what the two sides heard with what caller and callee said.
func (d *demo) listen(ctx context.Context, over <-chan struct{}, caller, callee end) (string, error) {
	a, err := speech("caller")
	if err != nil {
		return "", err
	}
	b, err := speech("callee")
	if err != nil {
		return "", err
	}
	return compare(ctx, over, side{caller, a}, side{callee, b})
}

// compare is listen where both say the same.
func (d *demo) compare(ctx context.Context, said []int16, caller, callee end) (string, error) {
	return compare(ctx, nil, side{caller, said}, side{callee, said})
}

// side is an end, and what it says.
type side struct {
	end
	says []int16
}

// compare waits until both speeches have been played to their ends, or the call is over, and compares.
func compare(ctx context.Context, over <-chan struct{}, caller, callee side) (string, error) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	a, b := caller.says, callee.says
	for len(callee.heard()) < len(a)+slack || len(caller.heard()) < len(b)+slack {
		select {
		case <-tick.C:
		case <-over:
			return "", errors.New("the call ended early")
		case <-ctx.Done():
			return "", fmt.Errorf("%s heard %d of %d samples, %s %d of %d", callee.name, len(callee.heard()), len(a), caller.name, len(caller.heard()), len(b))
		}
	}
	toB, toA := phone.Compare(a, callee.heard()), phone.Compare(b, caller.heard())
	if min(toA.Score, toB.Score) < similar || toB.Missing > len(a)/mayMiss || toA.Missing > len(b)/mayMiss {
		return "", fmt.Errorf("what arrived is not what was said: similarity %.3f to %s, %.3f to %s, want %.2f; %d of %d and %d of %d samples are missing",
			toB.Score, callee.name, toA.Score, caller.name, similar, toB.Missing, len(a), toA.Missing, len(b))
	}
	heard := func(by, of string, s phone.Similarity) string {
		return fmt.Sprintf("%s heard what %s said: similarity %.3f.", strings.ToUpper(by[:1])+by[1:], of, s.Score)
	}
	return heard(callee.name, caller.name, toB) + "\n" + heard(caller.name, callee.name, toA), nil
}

// speech is what one of the demo's phones says.
func speech(name string) ([]int16, error) {
	wav, err := audio.ReadFile("audio/" + name + ".wav")
	if err != nil {
		return nil, err
	}
	return phone.ReadWAV(bytes.NewReader(wav))
}

// record waits until the ledgers of all switches of the latest call have arrived.
func (d *demo) record(ctx context.Context, switches int) (rest.Call, error) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		p, err := d.stack.Client.Calls().Page(ctx, nil, 1, "")
		if err != nil {
			return rest.Call{}, err
		}
		if len(p.Items) > 0 && p.Items[0].State == "ended" {
			v, err := d.stack.Client.Calls().Get(ctx, p.Items[0].ID)
			if err != nil || ended(v) == switches {
				return v, err
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return rest.Call{}, errors.New("the call's record did not arrive")
		}
	}
}

// ended is how many switches have reported the end.
func ended(v rest.Call) int {
	nodes := map[string]bool{}
	for _, e := range v.Ladder {
		if e.Kind == ledger.Ended {
			nodes[e.Node] = true
		}
	}
	return len(nodes)
}

func (d *demo) show(v rest.Call) error {
	e := d.admin()
	e.say("\n")
	if e.JSON {
		return e.show(v, nil)
	}
	return e.tellCall(v)
}

// admin is the environment of an administrator's commands.
func (d *demo) admin() *env {
	e := *d.env
	e.client = d.stack.Client
	return &e
}

// invite tells how to join in with one's own phones.
func (d *demo) invite() error {
	d.say("\nThe offices stay up until you press Ctrl-C. Register your own SIP phones (UDP or TCP):\n\n")
	for i, o := range d.stack.Offices {
		for n := range 2 {
			digits := fmt.Sprintf("20%02d", n+1)
			v, err := d.account(d.ctx, o, fmt.Sprintf("Guest %d%d", i+1, n+1), digits)
			if err != nil {
				return err
			}
			d.say("  office %s   server %s   user %s   password %s\n", o.Site.Code, o.SIP, v.Username, v.Password)
		}
	}
	if err := d.inviteBrowser(); err != nil {
		return err
	}
	d.say("\nWithin an office dial 2001 or 2002; the other office is 30 2001 from office 20, and 20 2001 from office 30.\n"+
		"See the calls: strowger --cloud %s --key %s call list\n", d.stack.Cloud.API, d.stack.Client.Key)
	return nil
}

// steps tells progress: each line ends with the time that its step took.
type steps struct {
	out   io.Writer
	start time.Time
	open  bool
}

func (s *steps) next(what string) {
	s.done()
	s.start, s.open = time.Now(), true
	fmt.Fprintf(s.out, "%-60s", what+" ...")
}

func (s *steps) done() {
	if s.open {
		fmt.Fprintf(s.out, " %5.2f s\n", time.Since(s.start).Seconds())
	}
	s.open = false
}
