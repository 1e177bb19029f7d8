// Package starcode is the codes that a phone dials to have something done: "*72301002" forwards every call to 301002.
//
// A code is "*", its digits, and what it is about, if it takes that: a number, or a place of two digits. "#" at the end, which
// many people are used to, means nothing. The codes are those that people know from other systems: the vertical service codes of
// North America where there is one, else what PBXs have in common. Table lists them all; codes and their meaning never change, and
// new ones come at its end, dated: phones, apps and people remember them.
//
// Parse reads what was dialled. The longest code that begins it is meant; one that takes nothing is dialled alone, so that "*8" and
// "*85" are two codes and "*87" is none.
//
// What else begins with "*" comes first: emergency numbers, then numbers that the organization has given, and phone numbers after
// what a site dials for a line. Whoever gives somebody the number "*43" wants it to ring, and has no echo test.
//
// Capability 1 (2026-11).
package starcode

import (
	"strings"

	"strowger/pkg/e164"
	"strowger/pkg/errs"
)

// Name names what a code does.
type Name string

// The names.
const (
	ForwardAlways         Name = "forward-always"
	ForwardAlwaysOff      Name = "forward-always-off"
	ForwardBusy           Name = "forward-busy"
	ForwardBusyOff        Name = "forward-busy-off"
	ForwardNoAnswer       Name = "forward-no-answer"
	ForwardNoAnswerOff    Name = "forward-no-answer-off"
	ForwardUnreachable    Name = "forward-unreachable"
	ForwardUnreachableOff Name = "forward-unreachable-off"
	DoNotDisturb          Name = "do-not-disturb"
	DoNotDisturbOff       Name = "do-not-disturb-off"
	BlockLast             Name = "block-last"
	Unblock               Name = "unblock"
	Redial                Name = "redial"
	CallReturn            Name = "call-return"
	SpeedDialSet          Name = "speed-dial-set"
	SpeedDialClear        Name = "speed-dial-clear"
	SpeedDial             Name = "speed-dial"
	PickUpGroup           Name = "pick-up-group"
	PickUp                Name = "pick-up"
	Park                  Name = "park"
	Retrieve              Name = "retrieve"
	Intercom              Name = "intercom"
	Page                  Name = "page"
	CallWaitingOff        Name = "call-waiting-off"
	CallWaiting           Name = "call-waiting"
	Mailbox               Name = "mailbox"
	AnyMailbox            Name = "any-mailbox"
	ThreeWay              Name = "three-way"
	EchoTest              Name = "echo-test"
	WhoAmI                Name = "who-am-i"
	Office                Name = "office"
)

// Argument is what is dialled after a code.
type Argument string

// The arguments. Places are 00 to 99.
const (
	None           Argument = ""
	Number         Argument = "number"
	NumberOrNone   Argument = "[number]"
	Place          Argument = "place"
	PlaceAndNumber Argument = "place number"
	DigitOrNone    Argument = "[digit]"
)

// Code is one line of the table.
type Code struct {
	Name     Name     `json:"name" doc:"what it does, for programs"`
	Digits   string   `json:"digits" doc:"what is dialled, before the argument"`
	Argument Argument `json:"argument,omitempty" doc:"what is dialled after it; in brackets: may be left out"`
	Does     string   `json:"does" doc:"what it does, for people"`
	Example  string   `json:"example" doc:"as it is dialled"`
	Since    string   `json:"since" doc:"year and month in which it came"`
}

// Table returns every code, in the order in which they came.
func Table() []Code {
	const first = "2026-11"
	return []Code{
		{ForwardAlways, "*72", Number, "Every call goes to the number", "*72301002", first},
		{ForwardAlwaysOff, "*73", None, "Calls ring here again", "*73", first},
		{ForwardBusy, "*90", Number, "Calls go to the number while you are on the phone", "*90301002", first},
		{ForwardBusyOff, "*91", None, "Busy: calls no longer go elsewhere", "*91", first},
		{ForwardNoAnswer, "*92", Number, "Calls that you do not answer go to the number", "*92301002", first},
		{ForwardNoAnswerOff, "*93", None, "Calls that you do not answer no longer go elsewhere", "*93", first},
		{ForwardUnreachable, "*94", Number, "Calls go to the number while none of your phones can be reached", "*94301002", first},
		{ForwardUnreachableOff, "*95", None, "Unreachable: calls no longer go elsewhere", "*95", first},
		{DoNotDisturb, "*78", None, "No phone of yours rings", "*78", first},
		{DoNotDisturbOff, "*79", None, "Your phones ring again", "*79", first},
		{BlockLast, "*60", None, "Who called you last cannot call you any more", "*60", first},
		{Unblock, "*61", NumberOrNone, "The number may call you again; alone: who called you last", "*61301002", first},
		{Redial, "*66", None, "Calls the number that this phone called last", "*66", first},
		{CallReturn, "*69", None, "Says who called you last, and when; 1 calls back", "*69", first},
		{SpeedDialSet, "*74", PlaceAndNumber, "Keeps the number at a place from 00 to 99", "*7405301002", first},
		{SpeedDialClear, "*75", Place, "Empties the place", "*7505", first},
		{SpeedDial, "*0", Place, "Calls the number at the place", "*005", first},
		{PickUpGroup, "*8", None, "Answers a call that rings in your group", "*8", first},
		{PickUp, "**", Number, "Answers the call that rings at the number", "**301002", first},
		{Park, "*85", NumberOrNone, "Parks the call that the phone holds, or one that is transferred here, at the place if there is one", "*8507", first},
		{Retrieve, "*86", Number, "Takes the call that is parked at the place", "*8601", first},
		{Intercom, "*80", Number, "Speaks to the phone at the number, which answers by itself", "*80301002", first},
		{Mailbox, "*97", None, "Plays your voicemail", "*97", first},
		{AnyMailbox, "*98", NumberOrNone, "Plays the voicemail of a number, with its PIN", "*98301002", first},
		{EchoTest, "*43", None, "Plays back what you say", "*43", first},
		{WhoAmI, "*65", None, "Says the number of this phone", "*65", first},
		{Office, "*28", DigitOrNone, "The office is 1 open, 2 closed, 0 by the clock; alone: says which", "*282", first},
		{Page, "*81", Number, "Speaks to all phones of the paging group, which answer by themselves", "*8130", first},
		{ThreeWay, "*3", None, "Joins the two calls of this phone: all three hear each other", "*3", first},
		{CallWaitingOff, "*70", None, "While you are in a call, others find you busy", "*70", first},
		{CallWaiting, "*71", None, "While you are in a call, others ring all the same", "*71", first},
	}
}

// ByApp says whether an app may dial the code too: the user's home switch answers it, and what it does is about the user, not about
// the phone that dials it, or about calls of others. (SpeedDial and the mailboxes are led to where they belong before.)
func (n Name) ByApp() bool {
	switch n {
	case ForwardAlways, ForwardAlwaysOff, ForwardBusy, ForwardBusyOff, ForwardNoAnswer, ForwardNoAnswerOff, ForwardUnreachable, ForwardUnreachableOff,
		DoNotDisturb, DoNotDisturbOff, BlockLast, Unblock, SpeedDialSet, SpeedDialClear, Office, CallWaiting, CallWaitingOff, EchoTest, WhoAmI,
		PickUp, PickUpGroup, Retrieve, Page:
		return true
	}
	return false
}

// Dialled is a code as it was dialled.
type Dialled struct {
	Code
	Number string // of the argument: digits, "*", "#" or "+"
	Place  string // two digits, of the argument
	Digit  byte   // likewise, 0 for none
}

// Missing says that the argument was left out which the code needs.
func (d Dialled) Missing() bool {
	switch d.Argument {
	case Number:
		return d.Number == ""
	case Place:
		return d.Place == ""
	case PlaceAndNumber:
		return d.Place == "" || d.Number == ""
	}
	return false
}

// maxNumber is the longest number that a code can be about, in digits: what a number of an organization may have.
const maxNumber = 38

// Is says whether something dialled can be nothing but a code, as far as its form goes.
func Is(dialled string) bool { return strings.HasPrefix(e164.Plain(dialled), "*") }

// Parse reads what was dialled. The error is Unknown for what is no code, and Invalid for a code with an argument that cannot be
// meant; then the code is returned too. An argument that is not there at all is no error: see Missing.
func Parse(dialled string) (Dialled, error) {
	digits := e164.Plain(dialled)
	if !strings.HasPrefix(digits, "*") {
		return Dialled{}, errs.New(errs.Unknown, "%q is no star code: these begin with *", shown(dialled))
	}
	if len(digits) > 1 {
		digits = strings.TrimSuffix(digits, "#")
	}
	code, found := longest(digits)
	if !found {
		return Dialled{}, errs.New(errs.Unknown, "there is no star code %s; 'strowger star list' shows them", shown(digits))
	}
	rest := digits[len(code.Digits):]
	if rest != "" && code.Argument == None {
		return Dialled{}, errs.New(errs.Unknown, "there is no star code %s, and nothing is dialled after %s", shown(digits), code.Digits)
	}
	d := Dialled{Code: code}
	return d, d.take(rest)
}

// longest is the longest code that begins what was dialled.
func longest(digits string) (best Code, found bool) {
	for _, c := range Table() {
		if strings.HasPrefix(digits, c.Digits) && len(c.Digits) > len(best.Digits) {
			best, found = c, true
		}
	}
	return best, found
}

// take reads an argument.
func (d *Dialled) take(rest string) error {
	if rest == "" {
		return nil
	}
	switch d.Argument {
	case DigitOrNone:
		if len(rest) != 1 || !decimal(rest) {
			return errs.New(errs.Invalid, "%s: %q is not one digit; dial %s", d.Digits, shown(rest), d.Example)
		}
		d.Digit = rest[0]
		return nil
	case Place, PlaceAndNumber:
		if d.Argument == Place && len(rest) > 2 && decimal(rest[:2]) {
			return errs.New(errs.Invalid, "%s: nothing is dialled after the place %s, and %q is; dial %s", d.Digits, rest[:2], shown(rest[2:]), d.Example)
		}
		if len(rest) < 2 || !decimal(rest[:2]) {
			return errs.New(errs.Invalid, "%s: a place has two digits, 00 to 99, and %q begins with none; dial %s", d.Digits, shown(rest), d.Example)
		}
		d.Place, rest = rest[:2], rest[2:]
		if rest == "" {
			return nil
		}
	}
	if err := d.Check(rest); err != nil {
		return err
	}
	d.Number = rest
	return nil
}

// Check says why something cannot be the number that a code is about, nil if it can.
func (d Dialled) Check(number string) error {
	if number == "" || len(number) > maxNumber || strings.Trim(number, "0123456789*#+") != "" || strings.LastIndexByte(number, '+') > 0 {
		return errs.New(errs.Invalid, "%s: %q is not a number of 1 to %d digits; dial %s", d.Digits, shown(number), maxNumber, d.Example)
	}
	return nil
}

func decimal(s string) bool { return strings.Trim(s, "0123456789") == "" }

// shown is so much of what was dialled that words can hold it.
func shown(s string) string {
	if len(s) > maxNumber {
		return strings.ToValidUTF8(s[:maxNumber], "") + "…"
	}
	return s
}
