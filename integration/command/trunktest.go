package command

import (
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

type trunkTest struct {
	Trunk  string `arg:"" help:"Name or id."`
	Number string `arg:"" optional:"" help:"Number to call, as it is dialled at the site of the trunk, or with + and the country code first. Without one nobody is called."`
}

// Help teaches by example.
func (*trunkTest) Help() string {
	return `The switch of the trunk looks for the company's servers in DNS, connects to them, asks whether they are there, and says how it
is registered. With a number it calls that too, as any call by this trunk: it plays a tone to who answers, hears whether
audio comes back, and hangs up after some seconds. Each step says what the company answered and, where it failed, what to change.

The call costs what calls cost, is judged by the guards against fraud, and has a record. Emergency numbers are refused.

    strowger trunk test Company
    strowger trunk test Company 0030123456`
}

// testInterval is how often the cloud is asked how a test gets on.
const testInterval = 300 * time.Millisecond

// Run tests a trunk, and shows each step as it is made.
func (c *trunkTest) Run(e *env) error {
	v, err := trunks().find(e, c.Trunk)
	if err != nil {
		return err
	}
	t, err := e.client.TestTrunk(e.ctx, v.ID, rest.TrunkTrial{Number: c.Number})
	for shown := 0; err == nil; t, err = e.client.TrunkTested(e.ctx, v.ID) {
		for _, s := range t.Steps[min(shown, len(t.Steps)):] {
			e.sayStep(s)
		}
		shown = len(t.Steps)
		if t.Done {
			return e.tested(v, t)
		}
		select {
		case <-e.ctx.Done():
			return e.ctx.Err()
		case <-time.After(testInterval):
		}
	}
	return err
}

func (e *env) sayStep(s rest.TestStep) {
	mark := " "
	if s.Failed {
		mark = "!"
	}
	e.say("%7d ms %s %s\n", s.Millis, mark, s.Words)
	if s.Advice != "" {
		e.say("             -> %s\n", s.Advice)
	}
}

// tested shows what a test came to; one that failed is an error for scripts.
func (e *env) tested(v rest.Trunk, t rest.TrunkTest) error {
	err := e.show(t, func() {
		if t.Call != "" {
			e.say("the call: strowger call show %s\n", t.Call)
		}
	})
	if err == nil && t.Failed() {
		return errs.New(errs.NoLine, "trunk %s failed the test: the steps marked ! say where", v.Name)
	}
	return err
}
