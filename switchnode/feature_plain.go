package switchnode

import (
	"context"
	"time"

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

// callReturn says who called the user of a phone last, and how long ago.
func (c *calls) callReturn(in call.Incoming, d starcode.Dialled) call.Admission {
	last, ok := c.last.Last(in.From.User)
	if !ok {
		return c.speaks(in, errs.New(errs.Unknown, "nobody has called this user yet"), calledNone)
	}
	return c.answered(in, d.Does, func(ctx context.Context, v *voice.Conversation) ledger.Cause {
		names := []string{"called-withheld"}
		if !withheld(last.From) {
			names = append([]string{"called-by"}, prompt.Spelled(last.From.Number)...)
		}
		return c.ends(ctx, v, nil, append(names, prompt.Ago(c.library.Language(), c.now().Sub(last.At))...)...)
	})
}

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
	admit := c.answered(in, "", func(ctx context.Context, v *voice.Conversation) ledger.Cause { return c.ends(ctx, v, err, names...) })
	return func(ctx context.Context) call.Event {
		p, ok := admit(ctx).(call.Planned)
		if !ok {
			return refuses(err)(ctx)
		}
		p.Branches[0].Target.(*voice.Service).Early = true
		return p
	}
}
