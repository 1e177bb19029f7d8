package toll

import (
	"bytes"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"strowger/pkg/errs"
	"strowger/pkg/guard"
)

// perMinute is what each call costs: an amount for the answer, and one for each minute that begins.
func perMinute(d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	return 5 + 10*int64((d+time.Minute-1)/time.Minute)
}

// had is a call that a book let in, as the world saw it.
type had struct {
	user     int
	at       time.Time
	hold     *hold
	answered time.Time
	end      time.Time
	cost     int64
}

// office is the books of two switches, which have the calls of the same users, each with a share of their limits.
type office struct {
	t     *rapid.T
	now   time.Time
	books [2]*Book
	rules guard.Rules // of a user, for both
	line  guard.Rules
	all   []*had
	lives [2][]*had
}

func (o *office) ask(sw, user int, abroad bool) Ask {
	q := Ask{User: fmt.Sprint("us_", user), Name: fmt.Sprint("User ", user), Rules: o.rules.Share(sw, 2), Abroad: abroad}
	for i := range 2 {
		q.Lines = append(q.Lines, Line{Trunk: fmt.Sprint("tk_", sw, i), Rules: o.line, Cost: perMinute})
	}
	return q
}

// restart is a kill: what runs is gone, and the book is what was written. Clocks that are set do not matter: the time of a book never
// goes back.
func (o *office) restart(sw int) {
	again := New()
	for _, r := range o.books[sw].all(o.now) {
		again.apply(r)
	}
	o.books[sw] = again
	for _, c := range o.lives[sw] {
		o.over(c)
	}
	o.lives[sw] = nil
}

func (o *office) over(c *had) {
	c.end = o.now
	if !c.answered.IsZero() {
		c.cost = perMinute(o.now.Sub(c.answered))
	}
}

// pass lets time pass, and has calls pay in time: those that cannot end.
func (o *office) pass(d time.Duration) {
	for end := o.now.Add(d); o.now.Before(end); {
		next := end
		for sw := range o.lives {
			for _, c := range o.lives[sw] {
				if due := c.hold.due(); !due.IsZero() && due.Before(next) {
					next = due
				}
			}
		}
		o.now = next
		for sw := range o.lives {
			var left []*had
			for _, c := range o.lives[sw] {
				if due := c.hold.due(); !due.IsZero() && !o.now.Before(due) && o.books[sw].pay(o.now, c.hold) != nil {
					o.books[sw].end(o.now, c.hold)
					o.over(c)
					continue
				}
				left = append(left, c)
			}
			o.lives[sw] = left
		}
	}
}

// check sees that nothing was let in beyond the limits, in any time that ends now, and no count is below 0.
func (o *office) check() {
	for user := range 2 {
		var together, forwarded, perHour, perDay, costHour, costDay int64
		for _, c := range o.all {
			if c.user != user {
				continue
			}
			cost := c.cost
			if c.end.IsZero() {
				together++
				forwarded += c.hold.ask.forwarded()
				if !c.answered.IsZero() {
					cost = perMinute(o.now.Sub(c.answered))
				}
			}
			last := o.now
			if !c.end.IsZero() {
				last = c.end
			}
			if o.now.Sub(c.at) < hour {
				perHour++
			}
			if o.now.Sub(c.at) < day {
				perDay++
			}
			if o.now.Sub(c.at) < hour && o.now.Sub(last) < hour {
				costHour += cost
			}
			if o.now.Sub(c.at) < day {
				costDay += cost
			}
		}
		for _, l := range []struct {
			name      string
			had, most int64
		}{
			{"at once", together, o.rules.Together}, {"forwarded at once", forwarded, o.rules.Forwarded}, {"in an hour", perHour, o.rules.CallsHour}, {"in a day", perDay, o.rules.CallsDay},
			{"cost in an hour", costHour, o.rules.CostHour}, {"cost in a day", costDay, o.rules.CostDay},
		} {
			if l.had > l.most {
				o.t.Fatalf("user %d has had %d %s, the most is %d", user, l.had, l.name, l.most)
			}
		}
	}
	for _, b := range o.books {
		for id, a := range b.accounts {
			if a.together < 0 || a.forwarded < 0 || a.forwarded > a.together {
				o.t.Fatalf("%s has %d calls at once, of which %d are forwarded", id, a.together, a.forwarded)
			}
			for _, s := range append(append([]slot(nil), a.slots...), a.days...) {
				if s.Calls < 0 || s.Abroad < 0 || s.Cost < 0 || s.Toll < 0 {
					o.t.Fatalf("%s has %+v", id, s)
				}
			}
		}
	}
}

// TestNoGuardIsPassedBy has calls of two users come, fail over, be answered, paid and ended in any order at two switches that are
// killed at any time.
func TestNoGuardIsPassedBy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.SampledFrom([]int64{1, 3, 8, 100})
		money := rapid.SampledFrom([]int64{20, 60, 100, 1000})
		o := &office{t: t, now: time.Unix(1_800_000_000, 0), books: [2]*Book{New(), New()}, line: guard.Trunks()}
		o.rules = guard.Rules{
			Longest:   guard.NoLimit,
			CallsHour: limit.Draw(t, "calls in an hour"), CallsDay: 2 * limit.Draw(t, "calls in a day"), Together: limit.Draw(t, "together"), Forwarded: limit.Draw(t, "forwarded together"),
			CostHour: money.Draw(t, "cost of an hour"), CostDay: 2 * money.Draw(t, "cost of a day"), NightCalls: guard.NoLimit, Alarm: guard.NoLimit,
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			sw := rapid.IntRange(0, 1).Draw(t, "switch")
			switch what := rapid.SampledFrom([]string{"call", "call", "answer", "end", "pass", "restart"}).Draw(t, "what"); {
			case what == "call":
				user := rapid.IntRange(0, 1).Draw(t, "user")
				q := o.ask(sw, user, rapid.Bool().Draw(t, "abroad"))
				q.Forwarded = rapid.Bool().Draw(t, "forwarded")
				h, err := o.books[sw].enter(o.now, q)
				if err == nil {
					c := &had{user: user, at: o.now, hold: h}
					o.all, o.lives[sw] = append(o.all, c), append(o.lives[sw], c)
					o.books[sw].tries(h, h.ask.Lines[0].Trunk)
				}
			case what == "pass":
				o.pass(time.Duration(rapid.SampledFrom([]int{1, 70, 250, 4000, 30_000}).Draw(t, "seconds")) * time.Second)
			case what == "restart":
				o.restart(sw)
			case len(o.lives[sw]) == 0:
			default:
				i := rapid.IntRange(0, len(o.lives[sw])-1).Draw(t, "which")
				c := o.lives[sw][i]
				if what == "answer" && c.answered.IsZero() {
					c.answered = o.now
					o.books[sw].begin(o.now, c.hold, c.hold.ask.Lines[0].Trunk)
				} else if what == "end" {
					o.books[sw].end(o.now, c.hold)
					o.books[sw].end(o.now, c.hold) // once is enough
					o.over(c)
					o.lives[sw] = append(o.lives[sw][:i:i], o.lives[sw][i+1:]...)
				}
			}
			o.check()
		}
	})
}

// TestTrunkThatWasNotTried has the limit of a trunk left for others.
func TestTrunkThatWasNotTried(t *testing.T) {
	b, now := New(), time.Unix(1_800_000_000, 0)
	line := guard.Trunks()
	line.CallsHour = 1
	q := Ask{User: "us_1", Name: "Ann", Rules: guard.Users(), Lines: []Line{{Trunk: "tk_1", Name: "One", Rules: line}, {Trunk: "tk_2", Name: "Two", Rules: line}}}
	h, err := b.enter(now, q)
	if err != nil {
		t.Fatal(err)
	}
	b.tries(h, "tk_1")
	if _, err := b.enter(now, q); errs.CodeOf(err) != errs.GuardTrunk {
		t.Errorf("while it may still be tried: %v", err)
	}
	b.end(now, h)
	if h, err = b.enter(now, q); err != nil || len(h.ask.Lines) != 1 || h.ask.Lines[0].Trunk != "tk_2" {
		t.Errorf("the other trunk has room: %v", err)
	}
}

// TestAlarm has a user who calls abroad now and then do so all day, and be blocked until that is lifted, whatever happens.
func TestAlarm(t *testing.T) {
	b, now := New(), time.Unix(1_800_000_000, 0)
	rules := guard.Users()
	rules.CallsHour, rules.Alarm = guard.NoLimit, 4
	const lastWall = 1_800_000_000
	call := func(abroad bool) error {
		h, err := b.enter(now, Ask{User: "us_1", Name: "Ann", Rules: rules, Abroad: abroad, Minute: 12 * 60, Wall: lastWall, Lines: []Line{{Trunk: "tk_1", Rules: guard.Trunks()}}})
		if err == nil {
			b.end(now, h)
		}
		return err
	}
	for range memoryDays { // 4 a day: at most 4 + 3·2
		for range 4 {
			if err := call(true); err != nil {
				t.Fatal(err)
			}
		}
		now = now.Add(day + slotTime)
	}
	for i := range 10 {
		if err := call(true); err != nil {
			t.Fatalf("call %d: %v", i, err)
		}
	}
	if err := call(true); errs.CodeOf(err) != errs.GuardAlarm || len(b.alarms) != 1 || b.alarms[0].Account != "us_1" {
		t.Errorf("far more than usual: %v, %v", err, b.alarms)
	}
	if err := call(false); err != nil {
		t.Errorf("a call in the country: %v", err)
	}
	again := New()
	for _, r := range b.all(now) {
		again.apply(r)
	}
	b, now = again, now.Add(3*day)
	if err := call(true); errs.CodeOf(err) != errs.GuardAlarm {
		t.Errorf("days later, after a restart: %v", err)
	}
	rules.Lifted = lastWall - 1
	if err := call(true); errs.CodeOf(err) != errs.GuardAlarm {
		t.Errorf("an earlier alarm was lifted: %v", err)
	}
	if rules.Lifted = lastWall; call(true) != nil {
		t.Error("it cannot be lifted")
	}
}

// TestKeeper is kept on disk: a limit that is used up is used up after a kill, and after the clock was set back. A call that nobody
// ended ends, and one whose money is gone is told.
func TestKeeper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "tolls")
		log := &bytes.Buffer{}
		start := func() *Keeper {
			k, err := NewKeeper(Config{Path: path, Alarm: func(Alarm) {}, Logger: slog.New(slog.NewTextHandler(log, nil))})
			if err != nil {
				t.Fatal(err)
			}
			go func() { _ = k.Run(t.Context()) }()
			return k
		}
		k := start()
		rules := guard.Users()
		rules.CallsHour, rules.CostHour = 3, 100
		q := Ask{User: "us_1", Name: "Ann", Rules: rules, Number: "+4930123456", Lines: []Line{{Trunk: "tk_1", Rules: guard.Trunks(), Cost: perMinute}}}
		spent := 0
		var lives atomic.Bool
		lives.Store(true)
		enter := func() (*Permit, error) {
			return k.Enter(t.Context(), q, lives.Load, func(err error) {
				if errs.CodeOf(err) == errs.GuardCost {
					spent++
				}
			})
		}
		p, err := enter()
		if err != nil || !p.Allows("tk_1") || p.Allows("tk_2") {
			t.Fatal(err)
		}
		p.Tried("tk_1")
		p.Answered("tk_1")
		time.Sleep(time.Hour) // 9 minutes cost 95
		synctest.Wait()
		if spent != 1 {
			t.Errorf("told %d times that the money is gone", spent)
		}
		if _, err := enter(); errs.CodeOf(err) != errs.GuardCost {
			t.Errorf("without money: %v", err)
		}
		p.End()
		time.Sleep(2 * time.Hour)
		for range 3 {
			if _, err := enter(); err != nil {
				t.Fatal(err)
			}
		}
		k = start() // beside the one that was killed
		if _, err := enter(); errs.CodeOf(err) != errs.GuardCalls {
			t.Errorf("after a kill: %v", err)
		}
		time.Sleep(2 * time.Hour)
		for range 3 {
			if _, err := enter(); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Hour)
		if _, err := enter(); errs.CodeOf(err) != errs.GuardTogether {
			t.Errorf("beside three calls: %v", err)
		}
		lives.Store(false)
		time.Sleep(2 * lookAfter)
		if _, err := enter(); err != nil {
			t.Errorf("after calls that nobody ended: %v", err)
		}
		if log.Len() > 0 {
			t.Errorf("logged: %s", log)
		}
	})
}

// TestLongest has a call end that lasts for too long, whoever says so, with rates and without; one that nobody answers does not.
func TestLongest(t *testing.T) {
	for _, c := range []struct {
		name       string
		user, line int64
		cost       func(time.Duration) int64
		want       time.Duration // 0: never
	}{
		{"by default", guard.Users().Longest, guard.Trunks().Longest, nil, 12 * time.Hour},
		{"of the trunk", guard.Users().Longest, 90 * 60, nil, 90 * time.Minute},
		{"within a minute that is paid", 90, guard.NoLimit, func(time.Duration) int64 { return 0 }, 90 * time.Second},
		{"no limit", guard.NoLimit, guard.NoLimit, nil, 0},
	} {
		b, start := New(), time.Unix(1_800_000_000, 0)
		q := Ask{User: "us_1", Name: "Ann", Rules: guard.Users(), Lines: []Line{{Trunk: "tk_1", Name: "One", Rules: guard.Trunks(), Cost: c.cost}}}
		q.Rules.Longest, q.Lines[0].Rules.Longest = c.user, c.line
		h, err := b.enter(start, q)
		if err != nil {
			t.Fatal(err)
		}
		if !h.due().IsZero() {
			t.Errorf("%s: the call ends before it is answered", c.name)
		}
		b.begin(start, h, "tk_1")
		var ended time.Duration
		for due := h.due(); !due.IsZero() && ended == 0; due = h.due() {
			if err := b.pay(due, h); errs.CodeOf(err) == errs.GuardTime {
				ended = due.Sub(start)
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if ended != c.want {
			t.Errorf("%s: the call ends after %v, want %v", c.name, ended, c.want)
		}
	}
}

// TestClockThatWasSetBack has the time of the book go on from where it was.
func TestClockThatWasSetBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tolls")
	start := func() *Keeper {
		k, err := NewKeeper(Config{Path: path, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	k, later := start(), time.Now().Add(1000*time.Hour)
	if err := k.disk.save(later, k.book); err != nil {
		t.Fatal(err)
	}
	if k = start(); k.now().Before(later.Truncate(time.Second)) || k.now().After(later.Add(time.Hour)) {
		t.Errorf("the book is at %v, was at %v", k.now(), later)
	}
}
