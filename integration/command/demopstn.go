package command

import (
	"context"
	"fmt"
	"sync"
	"time"

	"strowger/integration/phone"
	"strowger/pkg/rest"
)

// pstnTime bounds the demo's calls to the phone network.
const pstnTime = 60 * time.Second

// pstn has two phone companies, each with a line to one office, and calls that leave by them and come in.
type pstn struct {
	*demo
	ctx         context.Context
	running     *sync.WaitGroup
	near, cheap *phone.Phone // companies of office 20 and of office 30
	anna        *phone.Phone
	calls       int
}

// lines shows calls to the phone network and from it, and what they cost.
func (d *demo) lines() error {
	ctx, cancel := context.WithTimeout(d.ctx, pstnTime)
	defer cancel()
	var running sync.WaitGroup
	defer running.Wait()
	phones, stop := context.WithCancel(ctx)
	defer stop()
	p := &pstn{demo: d, ctx: phones, running: &running}
	for _, step := range []func() error{p.connect, p.people, p.leave, p.comeIn, p.help, p.guarded, p.refused, p.report} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// connect gives each office a line to a company of its own, with its prices.
func (p *pstn) connect() (err error) {
	p.steps.next("two phone companies: Near has a line to office 20, Cheap to office 30")
	c := p.stack.Client
	// The demo is shown at night as well. What is changed before phones have accounts counts when they register.
	if _, err := c.Organizations().Update(p.ctx, c.Organization, 0, map[string]any{"guard": map[string]any{"night": ""}}); err != nil {
		return err
	}
	for i, v := range []struct {
		name, number, rates string
		phone               **phone.Phone
	}{
		{"Near", "+4930100", "+49,0.01,EUR,60,60\n+44,0.09,EUR,60,60\n", &p.near},
		{"Cheap", "+4940100", "+49,0.01,EUR,60,60\n+44,0.02,EUR,60,60\n", &p.cheap},
	} {
		o := p.stack.Offices[i]
		if _, err := c.Sites().Update(p.ctx, o.Site.ID, 0, map[string]any{"country": "DE", "outside": "0"}); err != nil {
			return err
		}
		if *v.phone, err = p.company(o.SIP.String(), o.SIP.Addr().String(), v.name); err != nil {
			return err
		}
		t := rest.NewTrunk(v.name)
		t.Switch, t.Servers, t.Number = o.Switch.ID, []string{(*v.phone).Address()}, v.number
		if t, err = c.Trunks().Create(p.ctx, t); err != nil {
			return err
		}
		if _, err = c.SetRates(p.ctx, t.ID, []byte("prefix,per_minute,currency,first,step\n"+v.rates)); err != nil {
			return err
		}
	}
	return nil
}

// company is a phone that answers what the switch calls, and calls the switch.
func (p *pstn) company(switchAt, local, name string) (*phone.Phone, error) {
	ph, err := phone.New(phone.Config{Server: switchAt, Local: local, User: "030999000", Name: "a customer of " + name, Policy: phone.Answer})
	if err != nil {
		return nil, err
	}
	p.running.Go(func() {
		if err := ph.Run(p.ctx); err != nil {
			p.say("company %s: %v\n", name, err)
		}
	})
	return ph, nil
}

// people are two in office 20, of whom one may call phone numbers, and one in office 30, whose switch then has its line too.
func (p *pstn) people() (err error) {
	p.steps.next("Anna and Emil have phones in office 20; Anna may call abroad, and has the phone number +4930200")
	if p.anna, err = p.phone(p.ctx, p.running, 0, "Anna", "callee", "3001", phone.Answer); err != nil {
		return err
	}
	if _, err = p.phone(p.ctx, p.running, 1, "Bruno", "callee", "3002", phone.Answer); err != nil {
		return err
	}
	u, err := users().find(p.admin(), "Anna")
	if err != nil {
		return err
	}
	if _, err = p.stack.Client.Users().Update(p.ctx, u.ID, u.Version, map[string]any{"calling": "international"}); err != nil {
		return err
	}
	_, err = p.stack.Client.Numbers().Create(p.ctx, rest.Number{Digits: "+4930200", User: u.ID})
	return err
}

// leave calls London by the line that costs least, and then, since that company fails, by the other.
func (p *pstn) leave() error {
	const london = "000442079460123"
	p.steps.next("Anna calls London: which line takes the call, and why")
	p.steps.done()
	if err := (&routeShow{Number: london, From: "Anna"}).Run(p.admin()); err != nil {
		return err
	}
	if err := p.talk(p.anna, london); err != nil {
		return err
	}
	p.steps.next("Cheap fails; Anna calls London again")
	p.cheap.Refuse(503)
	defer p.cheap.Refuse(0)
	return p.talk(p.anna, london)
}

// comeIn has somebody outside call Anna's phone number.
func (p *pstn) comeIn() error {
	p.steps.next("somebody outside calls +4930200 by the line of office 20")
	return p.talk(p.near, "+4930200")
}

// help has somebody call for help who may call no phone number.
func (p *pstn) help() error {
	emil, err := p.phone(p.ctx, p.running, 0, "Emil", "caller", "3003", phone.Ring)
	if err != nil {
		return err
	}
	p.steps.next("Emil, who may call nobody outside, calls 112")
	return p.talk(emil, "112")
}

// guarded has Anna's phone call a number that costs much.
func (p *pstn) guarded() error {
	p.steps.next("Anna's phone calls a premium-rate number, as a thief of its password would")
	c, err := p.anna.Dial(p.ctx, "009001234567")
	if err != nil {
		return err
	}
	e, err := c.Wait(p.ctx, phone.Ended)
	if err != nil {
		return err
	}
	p.steps.done()
	p.say("Refused with %d: %s.\n", e.Code, e.Words)
	if e.Code != 403 {
		return fmt.Errorf("a call to a premium-rate number ended with %d %s, want 403", e.Code, e.Words)
	}
	return nil
}

// refused has a company ask for a line out again.
func (p *pstn) refused() error {
	p.steps.next("somebody outside tries to call London through office 20, at its cost")
	c, err := p.near.Dial(p.ctx, "+442079460123")
	if err != nil {
		return err
	}
	e, err := c.Wait(p.ctx, phone.Ended)
	if err != nil {
		return err
	}
	p.steps.done()
	p.say("Refused with %d: nobody outside reaches a line out.\n", e.Code)
	if e.Code != 404 {
		return fmt.Errorf("a call from outside to a phone number outside ended with %d %s, want 404", e.Code, e.Words)
	}
	return nil
}

// talk makes a call that is answered, and ends it.
func (p *pstn) talk(from *phone.Phone, number string) error {
	c, err := from.Dial(p.ctx, number)
	if err != nil {
		return err
	}
	if _, err := c.Wait(p.ctx, phone.Answered); err != nil {
		return err
	}
	c.HangUp()
	<-c.Done()
	p.calls++
	return nil
}

// report shows the records of the calls, and their sum.
func (p *pstn) report() error {
	p.steps.next("what the calls cost")
	records, err := p.recorded()
	if err != nil {
		return err
	}
	p.steps.done()
	for i := len(records) - 1; i >= 0; i-- {
		v := records[i]
		how := "came in"
		if l := v.Line; l != nil {
			how = "left by trunk " + l.Name
			if cost := costText(v); cost != "" {
				how += ", cost " + cost
			}
		}
		p.say("%s to %s: %s\n", party(v.From), party(v.To), how)
	}
	return (&callReport{By: "trunk"}).Run(p.admin())
}

// recorded waits for the records of the calls that were answered, the newest first.
func (p *pstn) recorded() ([]rest.Call, error) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		page, err := p.stack.Client.Calls().Page(p.ctx, rest.Filter{"state": "ended"}, rest.MaxPage, "")
		if err != nil {
			return nil, err
		}
		var all []rest.Call
		for _, v := range page.Items {
			if v.AnsweredAt != nil && (v.Line != nil || v.From.Trunk != "") {
				all = append(all, v)
			}
		}
		if len(all) == p.calls {
			return all, nil
		}
		select {
		case <-tick.C:
		case <-p.ctx.Done():
			return nil, fmt.Errorf("%d of %d calls are on record", len(all), p.calls)
		}
	}
}
