// Package wish is what users wish to become of the calls to them: forwards, rules for some callers, whom they block, and hours
// in which they are not called. The registry keeps Wishes of a user, site copies carry them, and cloud and switch judge each call by
// the same Judge. A Change is how a phone (by star codes) and an app change those of their own user.
//
// A forward is a fall-back that the user set: it counts in the place of the one that the administrator set (rest.Policy), which
// counts again when the forward is taken back.
//
// Who calls is written so, here and in the API:
//
//	+4930123456   this number
//	+4930*        all numbers that begin so
//	101003        this number of the organization
//	1003          the extension of a colleague in the office of who is called (100*: those that begin so)
//	withheld      who shows no number
//	outside       whoever calls by a phone company
//	inside        whoever calls from the organization
//	(nothing)     everybody
//
// Fields are only ever added. Capability 1 (2026-11).
// Capability 2 (2026-11): call waiting; a switch below it lets every call ring.
// Capability 3 (2026-11): a Change has rules for callers, lamp and intercom; only apps send them.
// Capability 4 (2026-11): extensions stand for callers; below it they stand for nobody. A Change has hours and the words for who is blocked.
package wish

import (
	"strings"

	"strowger/pkg/designation"
	"strowger/pkg/e164"
)

// Words for callers, in place of a number.
const (
	Withheld = "withheld"
	Outside  = "outside"
	Inside   = "inside"
)

// Limits of Wishes.
const (
	MaxBlocked = 500
	MaxRules   = 50
	MaxSpeed   = 100 // 00 to 99
	MaxWords   = 100 // characters
	MinSeconds = 5   // of ringing
	MaxSeconds = 300
)

// Wishes is what a user wishes to become of calls.
type Wishes struct {
	// The forwards are numbers, as the user would dial them: of all calls, before anything rings, and of those that find the user
	// busy, that nobody answers, or that find no device that could ring.
	ForwardAlways      string `json:"forward_always,omitempty" pattern:"^[0-9*#+]{1,38}$" doc:"Number to which all calls go, before anything rings; empty: none do"`
	ForwardBusy        string `json:"forward_busy,omitempty" pattern:"^[0-9*#+]{1,38}$" doc:"Number to which calls go while the user is busy; empty: fallback_busy"`
	ForwardNoAnswer    string `json:"forward_no_answer,omitempty" pattern:"^[0-9*#+]{1,38}$" doc:"Number to which calls go that nobody answers; empty: fallback_no_answer"`
	ForwardUnreachable string `json:"forward_unreachable,omitempty" pattern:"^[0-9*#+]{1,38}$" doc:"Number to which calls go that find no device that could ring; empty: fallback_unreachable"`
	ForwardSeconds     int    `json:"forward_seconds,omitempty" minimum:"0" maximum:"300" doc:"How long the devices ring before forward_no_answer, 5 to 300; 0: ring_seconds"`
	Rules              []Rule `json:"caller_rules,omitempty" maxItems:"50" doc:"What becomes of calls of some callers, or at some hours; the first that fits decides"`
	// Blocked is who may not call: numbers, beginnings of numbers (+4930*), or withheld.
	Blocked      []string          `json:"blocked,omitempty" maxItems:"500" doc:"Who may not call: numbers, extensions of the user's office, beginnings of either as +4930*, or withheld; nothing rings"`
	BlockedWords string            `json:"blocked_words,omitempty" maxLength:"100" doc:"What they are told"`
	SpeedDial    map[string]string `json:"speed_dial,omitempty" doc:"Numbers by two digits, 00 to 99"`
	// Lamp is who may see whether the user is on the phone: "public" (all of the organization), "private" (nobody but those who may
	// pick up the user's calls); empty: as the organization says.
	Lamp string `json:"lamp,omitempty" enum:",public,private" doc:"Who sees whether the user is on the phone: public (the organization), private; empty: as the organization says"`
	// NoIntercom keeps the user's desk phones from answering calls of the office by themselves.
	NoIntercom bool `json:"no_intercom,omitempty" doc:"No phone of the user answers by itself when a colleague dials the intercom code"`
	// NoCallWaiting keeps calls from ringing while the user is on the phone, or rings.
	NoCallWaiting bool `json:"no_call_waiting,omitempty" doc:"While the user is in a call, at a desk phone or by a switch, other calls find them busy; else these ring, as calls that wait"`
	Hours
}

// Hours is when somebody is called, and what becomes of calls at other times.
type Hours struct {
	Schedule    string `json:"schedule,omitempty" doc:"Id of the schedule by whose hours calls ring; empty: they always do"`
	ClosedTo    string `json:"closed_to,omitempty" pattern:"^[0-9*#+]{1,38}$" doc:"Number to which calls go while it is closed; empty: the fall-back of no answer, if there is one"`
	ClosedWords string `json:"closed_words,omitempty" maxLength:"100" doc:"What callers are told while it is closed and there is no such number"`
}

// Act is what a rule does with a call.
type Act string

// The acts.
const (
	Ring    Act = "ring"    // whatever else is wished: do not disturb, forwards and hours do not count
	Forward Act = "forward" // to the number of the rule
	Refuse  Act = "refuse"  // with the words of the rule
)

// Rule says what becomes of some calls.
type Rule struct {
	Caller string `json:"caller,omitempty" maxLength:"40" doc:"Who calls: a number, an extension of the user's office, a beginning of either as +4930*, withheld, outside, inside; empty: everybody"`
	// Schedule limits the rule to its open hours, or with Closed to the others.
	Schedule string `json:"schedule,omitempty" doc:"Id of a schedule: the rule holds in its open hours only"`
	Closed   bool   `json:"closed,omitempty" doc:"The rule holds in the closed hours of the schedule instead"`
	Do       Act    `json:"do" enum:"ring,forward,refuse" doc:"ring: do not disturb, forwards and hours do not count; forward: to the number; refuse: with the words"`
	To       string `json:"to,omitempty" pattern:"^[0-9*#+]{1,38}$" doc:"Where a call is forwarded"`
	Words    string `json:"words,omitempty" maxLength:"100" doc:"What a caller is told who is refused"`
}

// Caller is who calls, as far as wishes tell callers apart.
type Caller struct {
	Number    string // "" if it is withheld
	Extension string // the number as the callee's site dials it, "" if that is the same, or of another site
	Outside   bool
}

// anonymous is the number of a caller from outside who does not want to be known (RFC 3323, 4.1.1.3).
const anonymous = "anonymous"

// CallerOf is a party as who calls. extension is that of a number in the site of the callee, "" if it has none there.
func CallerOf(p designation.Party, extension func(number string) string) Caller {
	c := Caller{Number: p.Number, Outside: p.Trunk != ""}
	switch {
	case c.Number == anonymous:
		c.Number = ""
	case !c.Outside:
		c.Extension = extension(c.Number)
	}
	return c
}

// Is says whether a text that stands for callers stands for this one.
func (c Caller) Is(text string) bool {
	switch text {
	case "":
		return true
	case Withheld:
		return c.Number == ""
	case Outside:
		return c.Outside
	case Inside:
		return !c.Outside
	}
	if c.Number == "" {
		return false
	}
	// A number of the organization may end in a star too.
	begin, prefix := strings.CutSuffix(text, "*")
	is := func(number string) bool {
		return number == text || prefix && begin != "" && strings.HasPrefix(number, begin)
	}
	return is(c.Number) || c.Extension != "" && is(c.Extension)
}

// Plain is a text for callers as it is kept: without visual separators.
func Plain(text string) string {
	if text == Withheld || text == Outside || text == Inside {
		return text
	}
	return e164.Plain(text)
}

// Empty says whether nothing is wished.
func (w *Wishes) Empty() bool {
	return w == nil || w.forwards() == [4]string{} && w.ForwardSeconds == 0 && len(w.Rules)+len(w.Blocked)+len(w.SpeedDial) == 0 &&
		w.BlockedWords == "" && w.Lamp == "" && !w.NoIntercom && !w.NoCallWaiting && w.Hours == Hours{}
}

func (w *Wishes) forwards() [4]string {
	return [4]string{w.ForwardAlways, w.ForwardBusy, w.ForwardNoAnswer, w.ForwardUnreachable}
}

// Fallback is the user's own forward on an occasion, "" for none.
func (w *Wishes) Fallback(on designation.Occasion) string {
	if w == nil {
		return ""
	}
	switch on {
	case designation.Busy:
		return w.ForwardBusy
	case designation.NoAnswer:
		return w.ForwardNoAnswer
	case designation.Unreachable:
		return w.ForwardUnreachable
	}
	return ""
}

// Schedules is the ids of the schedules that are named.
func (w *Wishes) Schedules() (ids []string) {
	if w.Schedule != "" {
		ids = append(ids, w.Schedule)
	}
	for _, r := range w.Rules {
		if r.Schedule != "" {
			ids = append(ids, r.Schedule)
		}
	}
	return ids
}
