package integration

import (
	"slices"
	"testing"

	"strowger/integration/phone"
	"strowger/pkg/rest"
)

// beside is a user with a desk phone and an app of another maker's that sleeps.
type beside struct {
	*world
	bob  subscriber
	desk *phone.Phone
	app  *sleeper
}

// beside makes one.
func (w *world) beside(t *testing.T, office int) beside {
	t.Helper()
	b := beside{world: w}
	b.bob, b.desk = w.person(t, office, "Bob", says(3))
	d := rest.NewDevice(b.bob.user.ID, "Bob's app")
	d.Switch, d.Username = b.bob.device.Switch, b.bob.device.Username+"-app"
	of := b.bob
	var err error
	if of.device, err = w.Client.Devices().Create(soon(t), d); err != nil {
		t.Fatal(err)
	}
	b.app = w.sleeper(t, of, "fcm")
	_, end := b.app.starts(t, w, 2)
	end()
	return b
}

// pushed waits until the app was pushed to.
func (a *sleeper) pushed(t *testing.T, out *phone.Call) {
	t.Helper()
	select {
	case <-a.woken:
	case <-soon(t).Done():
		t.Fatalf("no push came; the caller saw %v", out.Events())
	}
}

// tooLate starts the app after its call is over: the first call that it hears of is the next, which is another caller's.
func (b beside) tooLate(t *testing.T) {
	t.Helper()
	app, _ := b.app.starts(t, b.world, 2)
	cid, third := b.person(t, b.bob.office, "Cid", nil)
	out, in := ring(t, third, b.bob.number.Dial, app)
	if in.From != cid.number.Dial {
		t.Errorf("the app that came too late is called by %s, want %s", in.From, cid.number.Dial)
	}
	hangUp(t, out, in)
}

// TestLateFork calls somebody whose desk phone rings while a push wakes their app, which comes while it rings, after the desk phone was
// answered, or after the caller hung up: one of the two gets the call, and nothing rings afterwards.
func TestLateFork(t *testing.T) {
	t.Parallel()
	for name, play := range map[string]func(*testing.T, beside, *phone.Call, *phone.Call){
		"the late one answers": func(t *testing.T, b beside, out, in *phone.Call) {
			app, _ := b.app.starts(t, b.world, 2)
			late := incoming(t, app, out)
			late.Answer()
			saw(t, out, phone.Answered)
			if e := over(t, in); e.Words != "Call completed elsewhere" {
				t.Errorf("the desk phone is told %s", e)
			}
			hears(t, out, 2)
			hears(t, late, 1)
			hangUp(t, out, late)
		},
		"the first one answers while the late one rings": func(t *testing.T, b beside, out, in *phone.Call) {
			app, _ := b.app.starts(t, b.world, 2)
			late := incoming(t, app, out)
			in.Answer()
			saw(t, out, phone.Answered)
			if e := over(t, late); e.Words != "Call completed elsewhere" {
				t.Errorf("the app is told %s", e)
			}
			hears(t, out, 3)
			hangUp(t, out, in)
		},
		"the first one is busy, and the late one answers": func(t *testing.T, b beside, out, in *phone.Call) {
			in.Decline(486, "Busy Here")
			over(t, in)
			app, _ := b.app.starts(t, b.world, 2)
			late := incoming(t, app, out)
			late.Answer()
			saw(t, out, phone.Answered)
			hears(t, late, 1)
			hangUp(t, late, out)
		},
		"the late one comes too late": func(t *testing.T, b beside, out, in *phone.Call) {
			in.Answer()
			saw(t, out, phone.Answered)
			hears(t, out, 3)
			hangUp(t, out, in)
			b.tooLate(t)
		},
		"the caller does not wait": func(t *testing.T, b beside, out, in *phone.Call) {
			out.HangUp()
			over(t, out)
			over(t, in)
			b.tooLate(t)
		},
	} {
		for office, where := range []string{"here", "in another office"} {
			t.Run(name+", "+where, func(t *testing.T) {
				t.Parallel()
				w := together(t)
				_, from := w.person(t, 0, "Ann", says(1))
				b := w.beside(t, office)
				out, in := ring(t, from, b.bob.number.Dial, b.desk)
				b.app.pushed(t, out)
				play(t, b, out, in)
			})
		}
	}
}

// TestLateForkNeverComes calls somebody whose app never comes, alone and beside a desk phone that nobody answers: the caller waits as long
// as it would ring, and is told which of both it was.
func TestLateForkNeverComes(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, from := w.person(t, 0, "Ann", nil)
	b := w.beside(t, 0)
	w.policy(t, b.bob, map[string]any{"ring_seconds": 5})
	out, in := ring(t, from, b.bob.number.Dial, b.desk)
	b.app.pushed(t, out)
	if e := over(t, out); e.Code != 408 || e.Words != "No answer" {
		t.Errorf("beside a desk phone: the caller hears %s", e)
	}
	over(t, in)
	change(t, w.Client.Devices(), b.bob.device.ID, map[string]any{"delay_seconds": rest.NeverRings})
	w.settle(t)
	out = dial(t, from, b.bob.number.Dial)
	b.app.pushed(t, out)
	if e := over(t, out); e.Code != 480 {
		t.Errorf("alone: the caller hears %s", e)
	}
	r := w.record(t, ann.user, 1)
	if steps := wakes(r); r.Cause == nil || r.Cause.Code != "asleep" || slices.Contains(steps, "connected") {
		t.Errorf("the record: %+v, %q", r.Cause, steps)
	}
	b.tooLate(t)
}
