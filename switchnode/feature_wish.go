package switchnode

import (
	"context"
	"maps"
	"slices"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/starcode"
	"strowger/pkg/wish"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/prompt"
	"strowger/switchnode/internal/voice"
)

// wishing is the codes that change what the user of the phone wishes.
func (c *calls) wishing() map[starcode.Name]feature {
	all := map[starcode.Name]feature{}
	for _, name := range []starcode.Name{
		starcode.ForwardAlways, starcode.ForwardAlwaysOff, starcode.ForwardBusy, starcode.ForwardBusyOff,
		starcode.ForwardNoAnswer, starcode.ForwardNoAnswerOff, starcode.ForwardUnreachable, starcode.ForwardUnreachableOff,
		starcode.DoNotDisturb, starcode.DoNotDisturbOff, starcode.BlockLast, starcode.Unblock,
		starcode.SpeedDialSet, starcode.SpeedDialClear, starcode.Office,
		starcode.CallWaiting, starcode.CallWaitingOff,
	} {
		all[name] = c.wished
	}
	return all
}

// wished changes what the user of a phone wishes, and says aloud what was done, or why nothing was.
func (c *calls) wished(in call.Incoming, d starcode.Dialled) call.Admission {
	return c.answered(in, d.Does, func(ctx context.Context, v *voice.Conversation) ledger.Cause {
		if d.Missing() {
			d.Number = c.asks(ctx, v)
			if err := d.Check(d.Number); err != nil {
				return c.ends(ctx, v, err, codeWrong)
			}
		}
		set, clips, err := c.change(in.From.User, d)
		if err != nil {
			return c.ends(ctx, v, err, clips)
		}
		state, err := c.wish(ctx, in.Device, in.Call, set)
		if err != nil {
			return c.ends(ctx, v, err, undone(err))
		}
		return c.ends(ctx, v, nil, c.done(d, set, state)...)
	})
}

// Names of clips.
const (
	codeUnknown = "code-unknown"
	codeWrong   = "code-wrong"
	calledNone  = "called-none"
	dialledNone = "dialled-none"
	officeNone  = "office-none"
	speedDial   = "speed"
)

// tail is how much silence follows the last words, in samples: what phones keep back against jitter is to be heard before they are
// hung up on.
const tail = voice.Rate / 5

// keyPatience is how long who presses keys may think.
const keyPatience = 6 * time.Second

// maxKeys is the longest number that is pressed.
const maxKeys = 38

// asks has a phone press the number that was not dialled after the code. Who knows what is asked need not hear it out.
func (c *calls) asks(ctx context.Context, v *voice.Conversation) string {
	key, pressed := v.Play(ctx, c.clips("enter")...)
	var first []byte
	if pressed {
		first = append(first, key)
	}
	return v.Digits(ctx, maxKeys, '#', keyPatience, first...)
}

// clips are those that the switch says, in its language.
func (c *calls) clips(names ...string) [][]int16 {
	return c.library.Samples(c.library.Language(), names...)
}

// ends says the last words of a conversation, to their end, and why the switch hangs up then.
func (c *calls) ends(ctx context.Context, v *voice.Conversation, err error, names ...string) ledger.Cause {
	v.Tell(ctx, append(c.clips(names...), make([]int16, tail))...)
	if err != nil {
		return call.CauseOfError(err)
	}
	return voice.Done()
}

// undone is the clip that says why nothing was changed.
func undone(err error) string {
	switch errs.CodeOf(err) {
	case errs.CloudAway, errs.Unreachable, errs.Congested:
		return "cloud-away"
	case errs.Unknown, errs.NotFound:
		return "no-such-number"
	case errs.Forbidden, errs.Disabled, errs.Revoked, errs.GuardNumber, errs.GuardCountry:
		return "not-allowed"
	}
	return "not-done"
}

// withheld says whether somebody who called does not show a number.
func withheld(p designation.Party) bool { return p.Number == "" || p.Number == "anonymous" } // RFC 3323, 4.1.1.3

// change is what a code changes. An error comes with the clip that says it.
func (c *calls) change(user string, d starcode.Dialled) (set wish.Change, clip string, err error) {
	var none string
	switch d.Name {
	case starcode.ForwardAlways:
		set.ForwardAlways = &d.Number
	case starcode.ForwardAlwaysOff:
		set.ForwardAlways = &none
	case starcode.ForwardBusy:
		set.ForwardBusy = &d.Number
	case starcode.ForwardBusyOff:
		set.ForwardBusy = &none
	case starcode.ForwardNoAnswer:
		set.ForwardNoAnswer = &d.Number
	case starcode.ForwardNoAnswerOff:
		set.ForwardNoAnswer = &none
	case starcode.ForwardUnreachable:
		set.ForwardUnreachable = &d.Number
	case starcode.ForwardUnreachableOff:
		set.ForwardUnreachable = &none
	case starcode.DoNotDisturb, starcode.DoNotDisturbOff:
		set.DND = new(d.Name == starcode.DoNotDisturb)
	case starcode.CallWaiting, starcode.CallWaitingOff:
		set.CallWaiting = new(d.Name == starcode.CallWaiting)
	case starcode.SpeedDialSet, starcode.SpeedDialClear:
		set.SpeedDial = map[string]string{d.Place: d.Number}
	case starcode.Office:
		set.Override = override(d.Digit)
		if d.Digit > '2' {
			return set, codeWrong, errs.New(errs.Invalid, "%s: want 0, 1 or 2 after it, not %c", d.Digits, d.Digit)
		}
	case starcode.BlockLast, starcode.Unblock:
		who, err := c.caller(user, d)
		if err != nil {
			return set, calledNone, err
		}
		if d.Name == starcode.BlockLast {
			set.Block = []string{who}
		} else {
			set.Unblock = c.site().Spellings(who)
		}
	}
	return set, "", nil
}

// caller is who is blocked, or no longer: the number that was dialled after the code, or who called last.
func (c *calls) caller(user string, d starcode.Dialled) (string, error) {
	if d.Number != "" {
		return d.Number, nil
	}
	last, ok := c.last.Last(user)
	switch {
	case !ok:
		return "", errs.New(errs.Unknown, "nobody has called this user yet")
	case withheld(last.From):
		return wish.Withheld, nil
	}
	return last.From.Number, nil
}

// override is what the digit after the code for the office means, nil for none.
func override(digit byte) *wish.Override {
	switch digit {
	case '0':
		return &wish.Override{}
	case '1':
		return &wish.Override{State: "open"}
	case '2':
		return &wish.Override{State: "closed"}
	}
	return nil
}

// done is what is said of a change, by what the user wishes now.
func (c *calls) done(d starcode.Dialled, set wish.Change, now wish.State) []string {
	said := func(number string, clip string) []string { return append([]string{clip}, prompt.Spelled(number)...) }
	switch d.Name {
	case starcode.ForwardAlways:
		return said(now.ForwardAlways, string(d.Name))
	case starcode.ForwardBusy:
		return said(now.ForwardBusy, string(d.Name))
	case starcode.ForwardNoAnswer:
		return said(now.ForwardNoAnswer, string(d.Name))
	case starcode.ForwardUnreachable:
		return said(now.ForwardUnreachable, string(d.Name))
	case starcode.DoNotDisturb:
		return []string{"disturb-not"}
	case starcode.DoNotDisturbOff:
		return []string{"disturb"}
	case starcode.BlockLast:
		return blocked(set.Block[0], "blocked")
	case starcode.Unblock:
		return blocked(set.Unblock[0], "unblocked")
	case starcode.SpeedDialSet, starcode.SpeedDialClear:
		return speed(slices.Collect(maps.Keys(set.SpeedDial))[0], now.SpeedDial)
	case starcode.Office:
		return office(now.Schedules)
	}
	return []string{string(d.Name)} // a forward that ended
}

// blocked says of whom what.
func blocked(who, what string) []string {
	if who == wish.Withheld {
		return []string{what + "-withheld"}
	}
	return append(prompt.Spelled(who), what)
}

// speed says what number a place has.
func speed(place string, all map[string]string) []string {
	names := append([]string{speedDial}, prompt.Spelled(place)...)
	if all[place] == "" {
		return append(names, "speed-empty")
	}
	return append(append(names, "speed-calls"), prompt.Spelled(all[place])...)
}

// office says how the schedule stands that the user may override.
func office(all []wish.ScheduleState) []string {
	if len(all) == 0 {
		return []string{officeNone}
	}
	names := []string{"office-closed"}
	if all[0].Open {
		names[0] = "office-open"
	}
	if all[0].Override == "" {
		names = append(names, "office-clock")
	}
	return names
}

// codeOfApp answers a star code that an app of a user of this switch dialled, nil if it is none for apps.
func (c *calls) codeOfApp(b designation.Branch, p designation.Plan) call.Target {
	d, err := starcode.Parse(b.Number)
	do := c.features[d.Name]
	if do == nil || !d.Name.ByApp() || b.User != p.From.User {
		return nil
	}
	if err != nil {
		return c.service(func(ctx context.Context, v *voice.Conversation) ledger.Cause { return c.ends(ctx, v, err, codeWrong) })
	}
	if goesOver(d.Name) {
		return inPlace{d}
	}
	in := call.Incoming{Call: p.Call, Device: p.From.Device, From: p.From, Dialled: b.Number}
	planned, ok := do(in, d)(c.ctx).(call.Planned) // nobody is asked: the switch answers
	if !ok || len(planned.Branches) != 1 {
		return nil
	}
	return planned.Branches[0].Target
}
