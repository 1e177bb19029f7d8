package switchnode

import (
	"context"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/starcode"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/prompt"
	"strowger/switchnode/internal/voice"
)

// echoTime is how long a phone hears itself at most.
const echoTime = 5 * time.Minute

// echo plays back what a phone says: who hears themselves late, or not at all, knows where the trouble is. A key ends it.
func (c *calls) echo(in call.Incoming, d starcode.Dialled) call.Admission {
	return c.answered(in, d.Does, func(ctx context.Context, v *voice.Conversation) ledger.Cause {
		v.Play(ctx, c.clips("echo")...)
		v.Echo(ctx, echoTime)
		return voice.Done()
	})
}

// whoAmI says the number of a phone.
func (c *calls) whoAmI(in call.Incoming, d starcode.Dialled) call.Admission {
	return c.answered(in, d.Does, func(ctx context.Context, v *voice.Conversation) ledger.Cause {
		if in.From.Number == "" {
			return c.ends(ctx, v, nil, "this-none")
		}
		return c.ends(ctx, v, nil, append([]string{"this-is"}, prompt.Spelled(in.From.Number)...)...)
	})
}

// callReturn says who called the user of a phone last, and how long ago. It is heard before the answer, so that a key lets the call go on to
// who called, as by a fall-back; a phone that hears nothing before the answer is only told.
func (c *calls) callReturn(in call.Incoming, d starcode.Dialled) call.Admission {
	last, ok := c.last.Last(in.From.User)
	if !ok {
		return c.speaks(in, errs.New(errs.Unknown, "nobody has called this user yet"), calledNone)
	}
	names := []string{"called-withheld"}
	if !withheld(last.From) {
		names = append([]string{"called-by"}, prompt.Spelled(last.From.Number)...)
	}
	names = append(names, prompt.Ago(c.library.Language(), c.now().Sub(last.At))...)
	if _, hears := in.Offer.Speech(); !in.Early || !hears || withheld(last.From) {
		return c.answered(in, d.Does, func(ctx context.Context, v *voice.Conversation) ledger.Cause { return c.ends(ctx, v, nil, names...) })
	}
	admit := c.early(in, func(ctx context.Context, v *voice.Conversation) ledger.Cause {
		key, pressed := v.Play(ctx, c.clips(append(names, "call-back")...)...)
		if !pressed {
			key, _ = v.Key(ctx, keyPatience)
		}
		if key != '1' {
			return call.CauseOf(errs.Offline, "Last called by "+last.From.Number+"; not called back")
		}
		return call.CauseOf(errs.CallBack, "The caller calls back")
	})
	return func(ctx context.Context) call.Event {
		p, ok := admit(ctx).(call.Planned)
		if ok {
			p.Fallback = []call.Fallback{c.back(in, last.From)}
		}
		return p
	}
}

// back is the call to who called last.
func (c *calls) back(in call.Incoming, to designation.Party) call.Fallback {
	in.Dialled = to.Number
	return call.Fallback{
		On: []designation.Occasion{designation.CallBack}, To: designation.Party{Number: to.Number, Name: to.Name, User: to.User, Site: to.Site}, Ring: backRing,
		Renew: func(ctx context.Context, _ []string) []call.Branch {
			c.notePlaced(in)
			p, ok := c.question(in)(ctx).(call.Planned)
			if !ok { // the ladder has why
				return nil
			}
			return p.Branches
		},
	}
}

// backRing is how long who called rings: as long as the longest ring of a plan.
const backRing = 5 * time.Minute

// speedDial calls the number that the user keeps at a place.
func (c *calls) speedDial(in call.Incoming, d starcode.Dialled) call.Admission {
	number := c.speedDials(in.From.User)[d.Place]
	if number == "" {
		return c.speaks(in, errs.New(errs.Unknown, "no number is kept at %s", d.Place), speed(d.Place, nil)...)
	}
	return c.instead(in, number)
}

// speaks refuses a call in words: they are heard before the refusal, if the phone can take that, and are in it anyway.
func (c *calls) speaks(in call.Incoming, err error, names ...string) call.Admission {
	if _, hears := in.Offer.Speech(); !in.Early || !hears {
		return refuses(err)
	}
	return c.early(in, func(ctx context.Context, v *voice.Conversation) ledger.Cause { return c.ends(ctx, v, err, names...) })
}

// early is answered of a call that is refused with what the script returns: what it says is heard before.
func (c *calls) early(in call.Incoming, run func(context.Context, *voice.Conversation) ledger.Cause) call.Admission {
	admit := c.answered(in, "", run)
	return func(ctx context.Context) call.Event {
		ev := admit(ctx)
		if p, ok := ev.(call.Planned); ok {
			p.Branches[0].Target.(*voice.Service).Early = true
		}
		return ev
	}
}
