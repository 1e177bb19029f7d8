package wish

import (
	"maps"
	"slices"
	"strings"

	"strowger/pkg/errs"
)

// Change is what a phone or an app changes of the wishes of its own user. What is absent stays. It says what is to be, never a step:
// the same again changes nothing.
type Change struct {
	DND *bool `json:"dnd,omitempty"`
	// CallWaiting says whether other calls ring while the user is in one.
	CallWaiting *bool `json:"call_waiting,omitempty"`
	// The forwards are as in Wishes; "" ends one.
	ForwardAlways      *string `json:"forward_always,omitempty"`
	ForwardBusy        *string `json:"forward_busy,omitempty"`
	ForwardNoAnswer    *string `json:"forward_no_answer,omitempty"`
	ForwardUnreachable *string `json:"forward_unreachable,omitempty"`
	ForwardSeconds     *int    `json:"forward_seconds,omitempty"`
	// Block and Unblock name callers as Wishes.Blocked does.
	Block   []string `json:"block,omitempty" maxItems:"500"`
	Unblock []string `json:"unblock,omitempty" maxItems:"500"`
	// BlockedWords is what they are told.
	BlockedWords *string `json:"blocked_words,omitempty" maxLength:"100"`
	// Hours are as in Wishes, all of them.
	Hours *Hours `json:"hours,omitempty"`
	// SpeedDial is numbers by two digits; "" removes one.
	SpeedDial map[string]string `json:"speed_dial,omitempty"`
	// Rules are as in Wishes, all of them.
	Rules *[]Rule `json:"caller_rules,omitempty" maxItems:"50"`
	// Lamp and Intercom say who sees whether the user is on the phone, and whether colleagues may have their phone answer by itself.
	Lamp     *string `json:"lamp,omitempty" enum:",public,private"`
	Intercom *bool   `json:"intercom,omitempty"`
	// Override opens or closes a schedule that the user may override.
	Override *Override `json:"override,omitempty"`
}

// Override is what becomes of the hours of a schedule.
type Override struct {
	Schedule string `json:"schedule"` // id or name; "": the only one that the user may override
	State    string `json:"state" enum:",open,closed"`
}

// State is what a user wishes now.
type State struct {
	DND bool `json:"dnd"`
	Wishes
	// Schedules is those that the user may override.
	Schedules []ScheduleState `json:"schedules,omitempty"`
}

// ScheduleState is how a schedule stands.
type ScheduleState struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Open     bool   `json:"open"`
	Override string `json:"override,omitempty"` // "open" or "closed" while it does not go by the clock
}

// Empty says whether nothing is changed of the user.
func (c Change) Empty() bool {
	return c.BlockedWords == nil && c.Hours == nil && c.DND == nil && c.CallWaiting == nil && c.ForwardAlways == nil && c.ForwardBusy == nil && c.ForwardNoAnswer == nil && c.ForwardUnreachable == nil &&
		c.ForwardSeconds == nil && c.Rules == nil && c.Lamp == nil && c.Intercom == nil && len(c.Block)+len(c.Unblock)+len(c.SpeedDial) == 0
}

// Apply changes wishes, which it may share with nobody else, and do not disturb.
func (c Change) Apply(w *Wishes, dnd *bool) error {
	set(dnd, c.DND)
	if c.CallWaiting != nil {
		w.NoCallWaiting = !*c.CallWaiting
	}
	if c.Intercom != nil {
		w.NoIntercom = !*c.Intercom
	}
	set(&w.Lamp, c.Lamp)
	set(&w.BlockedWords, c.BlockedWords)
	set(&w.Hours, c.Hours)
	if c.Rules != nil {
		w.Rules = slices.Clone(*c.Rules)
	}
	set(&w.ForwardAlways, c.ForwardAlways)
	set(&w.ForwardBusy, c.ForwardBusy)
	set(&w.ForwardNoAnswer, c.ForwardNoAnswer)
	set(&w.ForwardUnreachable, c.ForwardUnreachable)
	set(&w.ForwardSeconds, c.ForwardSeconds)
	blocked := slices.Clone(w.Blocked)
	for _, v := range c.Block {
		if v = Plain(v); strings.TrimSpace(v) == "" {
			return errs.New(errs.Invalid, "block: nobody is named; %q stands for who shows no number", Withheld)
		}
		blocked = append(blocked, v)
	}
	w.Blocked = slices.DeleteFunc(blocked, func(v string) bool {
		return slices.ContainsFunc(c.Unblock, func(u string) bool { return Plain(u) == v })
	})
	speed := maps.Clone(w.SpeedDial)
	for code, number := range c.SpeedDial {
		if number == "" {
			delete(speed, code)
			continue
		}
		if speed == nil {
			speed = map[string]string{}
		}
		speed[code] = number
	}
	w.SpeedDial = speed
	w.Tidy()
	return w.Check()
}

func set[T any](to *T, v *T) {
	if v != nil {
		*to = *v
	}
}
