package command

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"strowger/integration/phone"
)

// dayTime bounds the demo's day of a desk phone user.
const dayTime = 3 * time.Minute

// deskphone is a desk phone of the demo, which says a tone of its own.
type deskphone struct {
	*phone.Phone
	name   string
	number string
	hertz  float64
}

// toneTime is how long a tone is to be heard, and exact how far it may be off, in Hz.
const (
	toneTime = time.Second
	exact    = 2
)

// day shows what a desk phone can do: hold, both kinds of transfer, pick-up, park and star codes. Who hears whom is told by the tones that they send.
func (d *demo) day() error {
	ctx, cancel := context.WithTimeout(d.ctx, dayTime)
	defer cancel()
	d.steps.next("registering three desk phones in office 20, and one in office 30")
	var running sync.WaitGroup
	defer running.Wait()
	phones, stop := context.WithCancel(ctx)
	defer stop()
	var at [4]*deskphone
	for i, v := range []struct {
		name   string
		office int
		digits string
	}{{"Watson", 0, "2101"}, {"Ada", 0, "2102"}, {"Grace", 0, "2103"}, {"Bell", 1, "2101"}} {
		var err error
		if at[i], err = d.deskphone(phones, &running, v.office, v.name, v.digits, 400+150*float64(i)); err != nil {
			return err
		}
	}
	watson, ada, grace, bell := at[0], at[1], at[2], at[3]
	d.steps.done()
	d.say("Office 20: Watson, Ada and Grace; office 30: Bell. Each says a tone of their own.\n")
	out, in, err := d.meet(ctx, watson, bell)
	if err != nil {
		return err
	}
	if err := d.holds(ctx, watson, bell, out, in); err != nil {
		return err
	}
	if err := d.transfers(ctx, watson, bell, grace, out, in); err != nil {
		return err
	}
	if err := d.joins(ctx, grace, bell, ada); err != nil {
		return err
	}
	if err := d.picksUp(ctx, watson, ada, grace); err != nil {
		return err
	}
	if err := d.parks(ctx, watson, ada, bell); err != nil {
		return err
	}
	return d.dialsStar(ctx, ada)
}

// deskphone makes a user with a number and a phone that says a tone.
func (d *demo) deskphone(ctx context.Context, running *sync.WaitGroup, office int, name, digits string, hertz float64) (*deskphone, error) {
	o := d.stack.Offices[office]
	account, err := d.account(ctx, o, name, digits)
	if err != nil {
		return nil, err
	}
	ph, err := phone.New(phone.Config{
		Server: o.SIP.String(), Local: o.SIP.Addr().String(), User: account.Username, Password: account.Password, Name: name, Say: phone.Sine(hertz, dayTime.Seconds()),
	})
	if err != nil {
		return nil, err
	}
	running.Go(func() {
		if err := ph.Run(ctx); err != nil {
			d.say("phone %s: %v\n", name, err)
		}
	})
	return &deskphone{ph, name, o.Site.Code + digits, hertz}, registered(ctx, ph)
}

// meet has one phone call another, which answers, and both hear each other.
func (d *demo) meet(ctx context.Context, from, to *deskphone) (out, in *phone.Call, err error) {
	d.steps.next(from.name + " calls " + to.name + ", who answers")
	if out, err = from.Dial(ctx, to.number); err != nil {
		return nil, nil, err
	}
	if in, err = incoming(ctx, to.Phone); err != nil {
		return nil, nil, err
	}
	in.Answer()
	if _, err = out.Wait(ctx, phone.Answered); err != nil {
		return nil, nil, err
	}
	return out, in, d.hear(ctx, from, out, to, in)
}

// hear waits until the two sides of a call hear each other, and says so.
func (d *demo) hear(ctx context.Context, a *deskphone, atA *phone.Call, b *deskphone, atB *phone.Call) error {
	if err := hears(ctx, a, atA, b.hertz); err != nil {
		return err
	}
	if err := hears(ctx, b, atB, a.hertz); err != nil {
		return err
	}
	d.steps.done()
	d.say("%s and %s hear each other: %.0f and %.0f Hz\n", a.name, b.name, b.hertz, a.hertz)
	return nil
}

// hears waits until a phone has heard a tone for a while.
func hears(ctx context.Context, p *deskphone, c *phone.Call, hertz float64) error {
	before := len(c.Heard())
	got, purity := 0.0, 0.0
	n := int(toneTime.Seconds() * rate)
	err := poll(ctx, func() bool {
		heard := c.Heard()
		if len(heard) < before+n {
			return false
		}
		got, purity = phone.Tone(heard[len(heard)-n/2:], rate)
		return math.Abs(got-hertz) < exact && purity > 0.9
	})
	if err != nil {
		return fmt.Errorf("%s does not hear %.0f Hz, but %.0f Hz with a purity of %.2f: %v", p.name, hertz, got, purity, c.Events())
	}
	return nil
}

// rate is the samples of a second that phones hear.
const rate = 8000

// hearsMusic waits until a phone has heard something for a while that is no tone.
func hearsMusic(ctx context.Context, p *deskphone, c *phone.Call) error {
	before, n := len(c.Heard()), int(toneTime.Seconds()*rate)
	err := poll(ctx, func() bool {
		heard := c.Heard()
		if len(heard) < before+n {
			return false
		}
		got, purity := phone.Tone(heard[len(heard)-n/2:], rate)
		return got > 0 && purity < 0.9
	})
	if err != nil {
		return fmt.Errorf("%s hears no music: %v", p.name, c.Events())
	}
	return nil
}

// poll looks again and again until something is so.
func poll(ctx context.Context, so func() bool) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// holds has the callee put the caller on hold, and take them back.
func (d *demo) holds(ctx context.Context, caller, callee *deskphone, out, in *phone.Call) error {
	d.steps.next(callee.name + " puts " + caller.name + " on hold")
	in.Hold()
	if err := hearsMusic(ctx, caller, out); err != nil {
		return err
	}
	d.steps.done()
	d.say("%s hears music\n", caller.name)
	d.steps.next(callee.name + " takes " + caller.name + " back")
	in.Resume()
	return d.hear(ctx, caller, out, callee, in)
}

// transfers has the callee send the caller to somebody else, who answers.
func (d *demo) transfers(ctx context.Context, caller, callee, third *deskphone, out, in *phone.Call) error {
	d.steps.next(callee.name + " transfers " + caller.name + " to " + third.name)
	in.Transfer(third.number)
	at, err := incoming(ctx, third.Phone)
	if err != nil {
		return fmt.Errorf("%s was not rung: %w; %v", third.name, err, in.Events())
	}
	at.Answer()
	if err := d.hear(ctx, caller, out, third, at); err != nil {
		return err
	}
	return d.hangUp(ctx, out, at)
}

// hangUp ends a call, and waits until the other side is told.
func (d *demo) hangUp(ctx context.Context, c, other *phone.Call) error {
	c.HangUp()
	_, err := other.Wait(ctx, phone.Ended)
	return err
}

// picksUp has a colleague answer what rings at another phone.
func (d *demo) picksUp(ctx context.Context, caller, callee, colleague *deskphone) error {
	d.steps.next(caller.name + " calls " + callee.name + ", whose phone rings; " + colleague.name + " dials **" + callee.number)
	out, err := caller.Dial(ctx, callee.number)
	if err != nil {
		return err
	}
	ringing, err := incoming(ctx, callee.Phone)
	if err != nil {
		return err
	}
	at, err := colleague.Dial(ctx, "**"+callee.number)
	if err != nil {
		return err
	}
	if err := d.hear(ctx, caller, out, colleague, at); err != nil {
		return err
	}
	e, err := ringing.Wait(ctx, phone.Ended)
	if err != nil {
		return err
	}
	d.say("%s's phone is told: %s\n", callee.name, e.Words)
	return d.hangUp(ctx, out, at)
}

// dialsStar has a phone dial a star code, which says what it did.
func (d *demo) dialsStar(ctx context.Context, p *deskphone) error {
	d.steps.next(p.name + " dials *78: do not disturb")
	c, err := p.Dial(ctx, "*78")
	if err != nil {
		return err
	}
	if _, err := c.Wait(ctx, phone.Ended); err != nil {
		return err
	}
	u, err := users().find(d.admin(), p.name)
	if err != nil {
		return err
	}
	d.steps.done()
	if !u.DND || len(c.Heard()) == 0 {
		return fmt.Errorf("%s dialled *78, heard %d samples, and is not to be disturbed: %t; %v", p.name, len(c.Heard()), u.DND, c.Events())
	}
	d.say("%s hears for %.1f s what it did: the user is not to be disturbed\n", p.name, float64(len(c.Heard()))/rate)
	return nil
}
