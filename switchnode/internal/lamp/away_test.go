package lamp

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/switchnode/internal/call"
)

// offices is a switch whose phones watch, the home of users, and a switch that anchors calls of theirs, with a network between them that
// loses, doubles and delays.
type offices struct {
	now     time.Time
	away    *Away
	home    *Home
	board   *Board
	abroad  *Abroad
	seen    map[string]fabric.LampState // what the watcher's lamps show, as it was told of changes
	here    map[string][]Dialog         // the truth: calls at home,
	there   map[string][]Dialog         // and at the anchor
	private map[string]bool
	wire    []fabric.Lamps
	ever    []came
	boots   int
	again   time.Time
}

// came is a message, and when it came.
type came struct {
	fabric.Lamps
	at time.Time
}

var people = []string{"301001", "301002", "301003"}

const watcher = "us_ann"

func newOffices() *offices {
	o := &offices{now: time.Unix(1e9, 0), seen: map[string]fabric.LampState{}, here: map[string][]Dialog{}, there: map[string][]Dialog{}, private: map[string]bool{}}
	o.restartAway()
	o.restartHome()
	o.abroad = NewAbroad("bt_anchor")
	return o
}

func (o *offices) boot() string {
	o.boots++
	return "bt_" + strconv.Itoa(o.boots)
}

// restartAway has the watchers' switch begin anew: its phones subscribe again.
func (o *offices) restartAway() {
	o.away = NewAway(o.boot(), uint64(o.boots)<<32)
	clear(o.seen)
	for _, number := range people {
		o.away.Want(number, watcher, o.now.Add(time.Hour))
	}
}

// restartHome has the home begin anew: its calls are gone.
func (o *offices) restartHome() {
	o.home, o.board = NewHome(o.boot()), New()
	o.ever = slices.DeleteFunc(o.ever, func(m came) bool { return len(m.Sights) > 0 })
	clear(o.here)
}

func (o *offices) ways() Ways {
	return Ways{
		Find: func(q fabric.LampAsk) (Watched, error) {
			switch {
			case !slices.Contains(people, q.Number):
				return Watched{}, errs.New(errs.Unknown, "nobody has %s", q.Number)
			case o.private[q.Number]:
				return Watched{User: q.Number, Denied: q.By}, nil
			}
			return Watched{User: q.Number, By: q.By}, nil
		},
		State: func(user string) fabric.LampState {
			return fabric.LampState{Reachable: true, Dialogs: slices.Concat(o.here[user], o.board.Dialogs(user))}
		},
	}
}

func (o *offices) send(from string, all ...fabric.Lamps) {
	for _, m := range all {
		m.From = from
		o.wire = append(o.wire, m)
	}
}

// deliver has a message arrive.
func (o *offices) deliver(m fabric.Lamps) {
	o.ever = append(o.ever, came{m, o.now})
	switch {
	case len(m.Asks) > 0:
		o.send("home", o.home.Asked(m, o.ways(), o.now))
	case len(m.Tells) > 0:
		o.look(o.away.Heard(m, nil, o.now))
	case len(m.Sights) > 0:
		o.changed(o.board.Sighted(m, o.now)...)
	}
}

// changed has the home tell of users.
func (o *offices) changed(users ...string) { o.send("home", o.home.Changed(users, o.ways(), o.now)...) }

// look has the lamps of numbers show what is known now.
func (o *offices) look(numbers []string) {
	for _, n := range numbers {
		o.seen[n], _, _ = o.away.Look(n, watcher)
	}
}

// proceed does what is due at all three.
func (o *offices) proceed() {
	o.changed(o.board.Fade(o.now)...)
	o.home.Expire(o.now)
	questions, lost := o.away.Due(o.now)
	o.send("away", questions...)
	o.look(lost)
	if !o.now.Before(o.again) {
		o.again = o.now.Add(fabric.LampRefresh)
		o.send("anchor", o.abroad.Again()...)
	}
}

// calls is some calls of somebody, or none.
func calls(t *rapid.T, at string) (all []Dialog) {
	for i := range rapid.IntRange(0, 2).Draw(t, "calls") {
		all = append(all, Dialog{
			ID: fmt.Sprint("lg_", at, i), Call: fmt.Sprint("ca_", at, i), Direction: Recipient, State: rapid.SampledFrom([]string{"early", "confirmed"}).Draw(t, "state"),
		})
	}
	return all
}

// step is one thing that happens.
func (o *offices) step(t *rapid.T) {
	user := rapid.SampledFrom(people).Draw(t, "user")
	switch rapid.IntRange(0, 11).Draw(t, "step") {
	case 0, 1:
		o.here[user] = calls(t, "home")
		o.changed(user)
	case 2:
		o.there[user] = calls(t, "anchor")
		o.send("anchor", o.abroad.Changed(user, o.there[user])...)
	case 3:
		o.private[user] = !o.private[user]
	case 4:
		o.now = o.now.Add(time.Duration(rapid.IntRange(1, 60).Draw(t, "seconds")) * time.Second)
		o.proceed()
	case 5:
		o.away.Renew()
		o.proceed()
	case 6:
		if rapid.IntRange(0, 4).Draw(t, "restart") == 0 {
			o.restartHome()
		}
	case 7:
		if rapid.IntRange(0, 4).Draw(t, "restart") == 0 {
			o.restartAway()
		}
	default:
		if len(o.wire) == 0 {
			return
		}
		i := rapid.IntRange(0, len(o.wire)-1).Draw(t, "message")
		m := o.wire[i]
		if what := rapid.IntRange(0, 4).Draw(t, "fate"); what != 0 { // 0: it comes again
			o.wire = slices.Delete(o.wire, i, i+1)
			if what == 1 {
				return // it is lost
			}
		}
		o.deliver(m)
	}
}

// TestLampsConverge loses, doubles and delays what switches tell each other, and restarts them. No lamp shows what was never so; and when
// the network has been good for as long as a lease and a refresh, every lamp shows what is so.
func TestLampsConverge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := newOffices()
		o.proceed()
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			o.step(t)
			for number, shown := range o.seen {
				if now, standing, _ := o.away.Look(number, watcher); !same(now, shown) {
					t.Fatalf("nobody is told that the lamp of %s shows %+v now (%d), not %+v", number, now, standing, shown)
				}
			}
		}
		for end := o.now.Add(fabric.LampLease + 2*fabric.LampRefresh); o.now.Before(end); o.now = o.now.Add(time.Second) {
			o.proceed()
			for len(o.wire) > 0 {
				i := rapid.IntRange(0, min(len(o.wire)-1, 3)).Draw(t, "order")
				m := o.wire[i]
				o.wire = slices.Delete(o.wire, i, i+1)
				o.deliver(m)
			}
		}
		o.right(t, "when quiet")
		o.ever = slices.DeleteFunc(o.ever, func(m came) bool { return o.now.Sub(m.at) > remembered })
		for range min(len(o.ever), 20) { // what comes again, late, changes nothing
			o.deliver(o.ever[rapid.IntRange(0, len(o.ever)-1).Draw(t, "late")].Lamps)
			o.right(t, "after a message that came again")
		}
	})
}

// right checks that every lamp shows what is so.
func (o *offices) right(t *rapid.T, when string) {
	for _, number := range people {
		want, standing := slices.Concat(o.here[number], o.there[number]), Shown
		if o.private[number] {
			want, standing = nil, Denied
		}
		state, got, err := o.away.Look(number, watcher)
		if standing == Denied {
			state.Dialogs = nil
		}
		if !slices.Equal(state.Dialogs, want) || got != standing || (err != nil) != (standing == Denied) {
			t.Fatalf("%s the lamp of %s shows %+v (%d, %v), and is to show %+v (%d)", when, number, state.Dialogs, got, err, want, standing)
		}
		if shown := o.seen[number]; standing == Shown && !slices.Equal(shown.Dialogs, want) {
			t.Fatalf("%s the lamp of %s was told of %+v, and is to show %+v", when, number, shown.Dialogs, want)
		}
	}
}

// TestLampsGoOut loses everything from some moment on: within a lease no lamp is lit.
func TestLampsGoOut(t *testing.T) {
	o := newOffices()
	o.here["301001"] = []Dialog{{ID: "lg_1", State: string(call.PhaseConfirmed)}}
	o.proceed()
	for len(o.wire) > 0 {
		m := o.wire[0]
		o.wire = o.wire[1:]
		o.deliver(m)
	}
	if got := len(o.seen["301001"].Dialogs); got != 1 {
		t.Fatalf("the lamp shows %d calls", got)
	}
	for end := o.now.Add(fabric.LampLease); !o.now.After(end); o.now = o.now.Add(time.Second) {
		o.proceed()
		o.wire = nil
	}
	if _, standing, _ := o.away.Look("301001", watcher); standing != Asked || len(o.seen["301001"].Dialogs) != 0 {
		t.Errorf("nothing was heard for %v, and the lamp shows %+v (%d)", fabric.LampLease, o.seen["301001"], standing)
	}
}

// TestLampsOfMany has more numbers and watchers than go into one message.
func TestLampsOfMany(t *testing.T) {
	a := NewAway("bt_a", 1)
	now := time.Unix(1e9, 0)
	for i := range 2*fabric.MaxLamps + 1 {
		a.Want(strconv.Itoa(100000+i), watcher, now.Add(time.Minute))
	}
	for i := range fabric.MaxWatchers + 1 {
		a.Want("100000", strconv.Itoa(i), now.Add(time.Minute))
	}
	questions, _ := a.Due(now)
	asks, by := 0, 0
	for _, q := range questions {
		if len(q.Asks) > fabric.MaxLamps {
			t.Errorf("%d asks in a message", len(q.Asks))
		}
		for _, one := range q.Asks {
			asks++
			if by += len(one.By); len(one.By) > fabric.MaxWatchers {
				t.Errorf("%d watchers in an ask", len(one.By))
			}
		}
	}
	if asks != 2*fabric.MaxLamps+2 || by != 2*fabric.MaxLamps+1+fabric.MaxWatchers+1 {
		t.Errorf("%d asks by %d", asks, by)
	}
	if more, _ := a.Due(now.Add(time.Second)); len(more) > 0 {
		t.Errorf("asked again at once: %d", len(more))
	}
	if _, _ = a.Due(now.Add(2 * time.Minute)); len(a.numbers) > 0 {
		t.Errorf("%d numbers that nobody watches are kept", len(a.numbers))
	}
}

// TestLampsAreBounded: there is no room for any number of numbers, and what is said of who did not ask is not kept.
func TestLampsAreBounded(t *testing.T) {
	a, now := NewAway("bt_a", 1), time.Unix(1e9, 0)
	for i := range maxNumbers {
		if a.Full(strconv.Itoa(i)) {
			t.Fatalf("full after %d", i)
		}
		a.Want(strconv.Itoa(i), watcher, now.Add(time.Minute))
	}
	if !a.Full("x") || a.Full("0") {
		t.Error("there is room for one more, or none for one that is there")
	}
	questions, _ := a.Due(now)
	a.Heard(fabric.Lamps{From: "sw_1", Boot: "bt_1", Turn: questions[0].Turn, Tells: []fabric.LampTell{{Number: "0", By: []string{watcher, "us_made_up"}}}}, nil, now)
	if _, standing, _ := a.Look("0", watcher); standing != Shown || len(a.numbers["0"].may) != 1 {
		t.Errorf("%d: rights of %v are kept", standing, a.numbers["0"].may)
	}
}

// TestLampsOfStrangers: over a link a switch is believed of its own numbers alone, and where no document says whose a number is, if it was
// the one that answered by the cloud.
func TestLampsOfStrangers(t *testing.T) {
	a, now := NewAway("bt_a", 1), time.Unix(1e9, 0)
	for _, number := range []string{"301001", "777"} {
		a.Want(number, watcher, now.Add(time.Minute))
	}
	questions, _ := a.Due(now)
	home := func(number string) string { return map[string]string{"301001": "sw_home"}[number] }
	tell := func(from, number string, home func(string) string) bool {
		return len(a.Heard(fabric.Lamps{From: from, Boot: "bt_" + from, Turn: questions[0].Turn, Tells: []fabric.LampTell{{
			Number: number, By: []string{watcher}, Version: 1, LampState: fabric.LampState{Reachable: true},
		}}}, home, now)) > 0
	}
	if tell("sw_liar", "301001", home) || tell("sw_liar", "777", home) || a.Strangers != 2 {
		t.Errorf("a stranger is believed, %d are counted", a.Strangers)
	}
	if _, standing, _ := a.Look("301001", watcher); standing != Asked {
		t.Errorf("a stranger answered: %d", standing)
	}
	if !tell("sw_home", "301001", home) || !tell("sw_chosen", "777", nil) {
		t.Error("the home is not believed")
	}
	a.Heard(fabric.Lamps{From: "sw_chosen", Boot: "bt_sw_chosen", Tells: []fabric.LampTell{{Number: "777", Version: 2}}}, home, now)
	if state, _, _ := a.Look("777", watcher); state.Reachable || a.Strangers != 2 {
		t.Errorf("who answered by the cloud is not believed over a link: %+v", state)
	}
}

// TestSightsOfAnEarlierRun: what a switch said before it began anew comes late, and is no news.
func TestSightsOfAnEarlierRun(t *testing.T) {
	b, now := New(), time.Unix(1e9, 0)
	say := func(boot, user string, version uint64, n int) []string {
		return b.Sighted(fabric.Lamps{From: "sw_1", Boot: boot, Sights: []fabric.LampSight{{User: user, Version: version, Dialogs: make([]Dialog, n)}}}, now)
	}
	say("bt_old", "us_1", 7, 1)
	say("bt_old", "us_2", 8, 1)
	if changed := say("bt_new", "us_1", 1, 0); len(changed) != 1 {
		t.Fatalf("a new run changes %v", changed)
	}
	if changed := slices.Concat(say("bt_old", "us_1", 9, 1), say("bt_old", "us_2", 9, 0), say("bt_old", "us_3", 9, 1)); len(changed) > 0 {
		t.Errorf("a run that is over changes the lamps of %v", changed)
	}
	for i := range 3 * maxRuns {
		say(strconv.Itoa(i), "us_1", 1, 1)
	}
	if got := len(b.runs["sw_1"]); got != maxRuns {
		t.Errorf("%d runs are kept", got)
	}
}
