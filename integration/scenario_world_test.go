package integration

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"strowger/integration/phone"
	"strowger/integration/stack"
	"strowger/pkg/ledger"
	"strowger/pkg/rest"
)

// patience is how long anything in a scenario may take on a busy machine.
const patience = 90 * time.Second

// world is a running installation of two offices, 20 and 30, with what scenarios need to people it.
type world struct {
	*stack.Stack
	ground     *ground
	pushes     *pushes
	dir        string
	log        *logs
	extensions atomic.Int64
}

// shared is the world of the scenarios that leave it as they found it; TestMain ends it.
var shared struct {
	once  sync.Once
	dir   string
	world *world
	err   error
}

// tests runs the tests.
type tests struct{ m *testing.M }

func (t tests) Run() int {
	flag.Parse()
	if err := flag.Set("test.parallel", strconv.Itoa(max(6, runtime.GOMAXPROCS(0)))); err != nil { // they wait more than they work
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	late.done.Go(late.watch)
	code := t.m.Run()
	close(late.stop)
	late.done.Wait()
	if err := clearShared(); err != nil {
		fmt.Fprintln(os.Stderr, "what the tests shared:", err)
		code = 1
	}
	return code
}

// clearShared ends and removes what tests have in common.
func clearShared() (err error) {
	if shared.world != nil {
		err = shared.world.end()
	}
	if sharedPostgres.server != nil {
		err = errors.Join(err, sharedPostgres.server.Stop())
	}
	return errors.Join(err, os.RemoveAll(shared.dir), os.RemoveAll(programs.dir))
}

func TestMain(m *testing.M) {
	if !runBridge() {
		goleak.VerifyTestMain(tests{m})
	}
}

// together returns the shared world.
func together(t *testing.T) *world {
	t.Helper()
	shared.once.Do(func() {
		if shared.dir, shared.err = os.MkdirTemp("", "strowger-scenarios-"); shared.err == nil {
			shared.world, shared.err = begin(context.Background(), shared.dir, *storeFlag, *fabricFlag)
		}
	})
	installed(t, shared.err)
	tell(t, shared.world)
	return shared.world
}

// alone starts a world for one test, which may stop and start its roles, with more offices than two if asked.
func alone(t *testing.T, more ...stack.Site) *world {
	t.Helper()
	return on(t, *storeFlag, *fabricFlag, more...)
}

// on starts a world for one test on a ground of its choice.
func on(t *testing.T, store, fabric string, more ...stack.Site) *world {
	t.Helper()
	w, err := begin(context.Background(), t.TempDir(), store, fabric, more...)
	installed(t, err)
	tell(t, w)
	t.Cleanup(func() {
		if err := w.end(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// lot is the ports of this process: each world takes some, and each role of a deployment one, so that none finds a port free
// that another is about to use, or that a role had which was killed.
type lot struct {
	mu        sync.Mutex
	held      []net.Listener
	next, end int
}

// Numbers of ports. Those of the lots are below those that NATS servers have here and those of outgoing connections.
const (
	portsEach  = 40 // more than three offices need
	portsBlock = 500
	firstBlock = 10000
	blocks     = 20
)

// take returns the first of n ports that one may use.
func (l *lot) take(n int) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next+n > l.end {
		if err := l.more(); err != nil {
			return 0, err
		}
	}
	first := l.next
	l.next += n
	return first, nil
}

// more takes a block of ports. Its first one is held until the process ends: other processes of tests find it taken.
func (l *lot) more() error {
	var why error
	for _, i := range rand.Perm(blocks) {
		first := firstBlock + i*portsBlock
		held, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", first))
		if err == nil {
			l.held, l.next, l.end = append(l.held, held), first+1, first+portsBlock
			return nil
		}
		why = err
	}
	return fmt.Errorf("other tests use all ports: %w", why)
}

var ports lot

// begin lays a ground in dir and starts two offices on it, or more.
func begin(ctx context.Context, dir, store, fabric string, more ...stack.Site) (*world, error) {
	first, err := ports.take(portsEach)
	if err != nil {
		return nil, err
	}
	db, err := database(store)
	if err != nil {
		return nil, err
	}
	g, err := lay(ctx, dir, db, fabric)
	if err != nil {
		return nil, err
	}
	services, push, err := servePushes(dir)
	if err != nil {
		return nil, errors.Join(err, g.clear())
	}
	roles := &logs{}
	s, err := stack.Start(ctx, stack.Config{
		FirstPort: first, Push: push,
		Data: dir, MasterKey: g.key, Host: "127.0.0.1", Organization: "Scenario", DB: g.db, NATS: g.told,
		Sites:  append([]stack.Site{{Name: "Office 20", Code: "20"}, {Name: "Office 30", Code: "30"}}, more...),
		Logger: slog.New(slog.NewTextHandler(roles, &slog.HandlerOptions{Level: slog.LevelInfo})),
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start offices: %w\n%s", err, roles.since(0)), services.end(), g.clear())
	}
	w := newWorld(dir, s)
	w.log, w.ground, w.pushes = roles, g, services
	if err := w.awaitLeases(ctx); err != nil {
		return nil, errors.Join(err, w.end())
	}
	return w, nil
}

// awaitLeases waits until the cloud has heard of every switch: before that nobody is led to it.
func (w *world) awaitLeases(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for _, o := range w.Offices {
		for {
			sw, err := w.Client.Switches().Get(ctx, o.Switch.ID)
			if err != nil {
				return err
			}
			if sw.Live {
				break
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return fmt.Errorf("the cloud does not hear of switch %s", sw.Name)
			}
		}
	}
	return nil
}

// end stops everything.
func (w *world) end() error { return errors.Join(w.Close(), w.pushes.end(), w.ground.clear()) }

func newWorld(dir string, s *stack.Stack) *world {
	w := &world{Stack: s, dir: dir, log: &logs{}}
	w.extensions.Store(1000)
	return w
}

// logs keeps what the roles log, to be shown when a test fails.
type logs struct {
	mu   sync.Mutex
	text []byte
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, b...)
	return len(b), nil
}

func (l *logs) since(n int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text[n:])
}

// tell shows what the roles logged during a test that failed.
func tell(t *testing.T, w *world) {
	from := len(w.log.since(0))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the roles logged:\n%s", w.log.since(from))
		}
	})
}

// soon bounds what a test waits for.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// until polls for a condition, which returns "" or what is still missing.
func until(t *testing.T, condition func() string) {
	t.Helper()
	ctx := soon(t)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for missing := condition(); missing != ""; missing = condition() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited %v: %s", patience, missing)
		}
	}
}

// subscriber is a user with a number and a desk phone.
type subscriber struct {
	office int
	user   rest.User
	number rest.Number
	device rest.Device
}

// subscriber makes one through the API.
func (w *world) subscriber(t *testing.T, office int, name string) subscriber {
	t.Helper()
	ctx, o := soon(t), w.Offices[office]
	s := subscriber{office: office}
	var err error
	if s.user, err = w.Client.Users().Create(ctx, rest.NewUser(name)); err != nil {
		t.Fatal(err)
	}
	digits := fmt.Sprint(w.extensions.Add(1))
	if s.number, err = w.Client.Numbers().Create(ctx, rest.Number{Site: o.Site.ID, Digits: digits, User: s.user.ID}); err != nil {
		t.Fatal(err)
	}
	d := rest.NewDevice(s.user.ID, name+"'s phone")
	d.Switch, d.Username = o.Switch.ID, o.Site.Code+digits
	if s.device, err = w.Client.Devices().Create(ctx, d); err != nil {
		t.Fatal(err)
	}
	return s
}

// arrives is what comes next.
func arrives[T any](t *testing.T, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(patience):
		t.Fatalf("waited %v for %T: nothing came", patience, v)
	}
	return v
}

// change edits an object of the registry, such as a subscriber's user.
func change[T any](t *testing.T, c rest.Collection[T], id string, fields map[string]any) {
	t.Helper()
	if _, err := c.Update(soon(t), id, 0, fields); err != nil {
		t.Fatal(err)
	}
}

// settle waits until all that was changed is in force: an account that is newer than the changes is.
func (w *world) settle(t *testing.T) {
	t.Helper()
	w.person(t, 0, "Witness", nil)
	w.person(t, 1, "Witness", nil)
}

// account is what a subscriber's phone is configured with; change may be nil.
func (w *world) account(s subscriber, change func(*phone.Config)) phone.Config {
	cfg := phone.Config{
		Server: w.Offices[s.office].SIP.String(), User: s.device.Username, Password: s.device.Password, Name: s.user.Name,
	}
	if change != nil {
		change(&cfg)
	}
	return cfg
}

// phone runs a subscriber's phone until the test ends and registers it.
func (w *world) phone(t *testing.T, s subscriber, change func(*phone.Config)) *phone.Phone {
	t.Helper()
	p := run(t, w.account(s, change))
	register(t, p)
	return p
}

// person is a new subscriber with a registered phone.
func (w *world) person(t *testing.T, office int, name string, change func(*phone.Config)) (subscriber, *phone.Phone) {
	t.Helper()
	s := w.subscriber(t, office, name)
	return s, w.phone(t, s, change)
}

// run runs a phone until the test ends.
func run(t *testing.T, cfg phone.Config) *phone.Phone {
	t.Helper()
	p, _ := plugged(t, cfg)
	return p
}

// plugged runs a phone until the test ends or its cable is pulled.
func plugged(t *testing.T, cfg phone.Config) (p *phone.Phone, pull func()) {
	t.Helper()
	p, err := phone.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := p.Run(ctx); err != nil {
			t.Errorf("phone %s: %v", cfg.User, err)
		}
	})
	pull = func() {
		cancel()
		running.Wait()
	}
	t.Cleanup(pull)
	return p, pull
}

// register registers a phone whose account may still be on its way to the switch.
func register(t *testing.T, p *phone.Phone) {
	t.Helper()
	until(t, func() string {
		err := p.Register(soon(t))
		var refused *phone.Refusal
		switch {
		case err == nil:
			return ""
		case errors.As(err, &refused) && refused.Code == 404:
			return err.Error()
		}
		t.Fatal(err)
		return ""
	})
}

// dial has a phone call a number.
func dial(t *testing.T, from *phone.Phone, number string) *phone.Call {
	t.Helper()
	c, err := from.Dial(soon(t), number)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ring has a phone call a number and returns both ends when the callee rings.
func ring(t *testing.T, from *phone.Phone, number string, to *phone.Phone) (out, in *phone.Call) {
	t.Helper()
	out = dial(t, from, number)
	return out, incoming(t, to, out)
}

// incoming waits until a phone rings for a call.
func incoming(t *testing.T, to *phone.Phone, out *phone.Call) *phone.Call {
	t.Helper()
	select {
	case in := <-to.Incoming():
		return in
	case <-out.Done():
		t.Fatalf("the call failed: %v", out.Events())
	case <-soon(t).Done():
		t.Fatalf("the phone does not ring; the caller saw %v", out.Events())
	}
	return nil
}

// connect has a phone call another and returns both ends when they talk.
func connect(t *testing.T, from *phone.Phone, number string, to *phone.Phone) (out, in *phone.Call) {
	t.Helper()
	out, in = ring(t, from, number, to)
	if e := saw(t, out, phone.Progress); e.Code != 180 {
		t.Errorf("the caller saw %s before the answer, want 180", e)
	}
	in.Answer()
	saw(t, out, phone.Answered)
	saw(t, in, phone.Answered)
	return out, in
}

// saw waits for an event of a call.
func saw(t *testing.T, c *phone.Call, k phone.Kind) phone.Event {
	t.Helper()
	e, err := c.Wait(soon(t), k)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// over waits for the end of a call at a phone.
func over(t *testing.T, c *phone.Call) phone.Event {
	t.Helper()
	e := saw(t, c, phone.Ended)
	select {
	case <-c.Done():
	case <-soon(t).Done():
		t.Fatalf("the call ended (%s), but not its dialog", e)
	}
	return e
}

// hangUp ends a call from one end and waits for both.
func hangUp(t *testing.T, first, second *phone.Call) {
	t.Helper()
	first.HangUp()
	over(t, first)
	over(t, second)
}

// rate is that of all audio here, in Hz.
const rate = 8000

// babble is noise that rises and falls like speech, the same for one seed.
func babble(seed uint64) []int16 {
	r := rand.New(rand.NewPCG(seed, 0))
	s := make([]int16, rate)
	low := 0.0
	for i := range s {
		low += 0.3 * (r.NormFloat64() - low)
		s[i] = int16(9000 * low * (1.2 + math.Sin(float64(i)/1500)))
	}
	return s
}

// looks is how many seconds phones say something, each another thing, for a busy machine may spoil some.
const looks = 8

// speech is what a phone says; hears knows it by its seed.
func speech(seed uint64) (all []int16) {
	for i := range uint64(looks) {
		all = append(all, babble(seed*looks+i)...)
	}
	return all
}

// says makes a phone say something.
func says(seed uint64) func(*phone.Config) {
	return func(c *phone.Config) { c.Say = speech(seed) }
}

// hears waits until one end of a call has heard a second of what the other said. It takes a second that came whole but for
// a tenth: a machine that has other work loses packets, a switch that has none does not. Where a machine is too busy for any
// such second, what came must be what was said.
func hears(t *testing.T, c *phone.Call, seed uint64) {
	t.Helper()
	heard(t, seed, c.Heard, c.Events()[0].At)
}

// heard is hears of whatever keeps what it heard; begun is before the call.
func heard(t *testing.T, seed uint64, get func() []int16, begun time.Time) {
	t.Helper()
	said := speech(seed)
	var seen []phone.Similarity
	for i := range looks {
		begin := i * rate
		s := phone.Similarity{Delay: rate / 10}
		for range 2 { // what comes later than it was looked for is looked for then
			want := begin + rate + s.Delay
			until(t, func() string {
				if n := len(get()); n < want {
					return fmt.Sprintf("heard %d of %d samples, and before that %+v", n, want, seen)
				}
				return ""
			})
			s = phone.Compare(said[begin:begin+rate], get()) // all: who came late heard it earlier, who rang long later
			if s.Delay -= begin; s.Score < 0.95 || s.Missing <= rate/10 {
				break
			}
		}
		if seen = append(seen, s); s.Score >= 0.95 && s.Missing <= rate/10 {
			return
		}
	}
	known := func(s phone.Similarity) bool { return s.Score >= 0.95 }
	if late.busy(begun) && slices.ContainsFunc(seen, known) {
		t.Logf("the machine is too busy to judge the audio: %+v", seen)
		return
	}
	t.Errorf("what was heard is not what was said: %+v", seen)
}

// record waits for the latest call of a user to be over, as all its nodes report, and returns its record.
func (w *world) record(t *testing.T, u rest.User, nodes int) (c rest.Call) {
	t.Helper()
	ctx := soon(t)
	until(t, func() string {
		page, err := w.Client.Calls().Page(ctx, rest.Filter{"user": u.ID}, 1, "")
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Items) == 0 {
			return "there is no record of a call of " + u.Name
		}
		if c, err = w.Client.Calls().Get(ctx, page.Items[0].ID); err != nil {
			t.Fatal(err)
		}
		if n := ended(c); n < nodes {
			return fmt.Sprintf("call %s is %s, %d of %d nodes reported the end", c.ID, c.State, n, nodes)
		}
		return ""
	})
	return c
}

// ended is how many nodes reported the end of a call.
func ended(c rest.Call) int {
	nodes := map[string]bool{}
	for _, e := range c.Ladder {
		if e.Kind == ledger.Ended {
			nodes[e.Node] = true
		}
	}
	return len(nodes)
}

// folder is where the switch of an office keeps its data.
func (w *world) folder(office int) string {
	return filepath.Join(w.dir, "switch-"+w.Offices[office].Site.ID)
}
