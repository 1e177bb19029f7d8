package switchnode

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"strowger/pkg/e164"
	"strowger/pkg/errs"
	"strowger/pkg/starcode"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/lamp"
	"strowger/switchnode/internal/sitecopy"
)

// Lamps of star codes: whether a call is parked at a space, and whether what a code turns on is on for the user of the phone.

// watchesCode is what a phone watches that subscribes to a star code; false: it is a number.
func (l *lamps) watchesCode(s *sitecopy.Snapshot, number, by string) (lamp.Resource, bool, error) {
	digits := strings.TrimSuffix(e164.Plain(number), "#")
	if !starcode.Is(digits) || s.Numbered(digits) {
		return lamp.Resource{}, false, nil
	}
	if space, ok := spaceOf(digits, s.Park().Slots); ok {
		return lamp.Resource{Code: codeRetrieve + space, By: by}, true, nil
	}
	d, err := starcode.Parse(digits)
	if err == nil && turnedOn(s, d.Name) != nil && d.Number == "" {
		r := lamp.Resource{Code: d.Digits + " " + by, By: by}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.codes[r] = turnedOn(l.node.copy.Snapshot(), d.Name)(by) // which may be newer
		return r, true, nil
	}
	return lamp.Resource{}, true, errs.New(errs.Unknown, "no lamp shows what %s does: *8601 shows the first space for parked calls, *78 do not disturb, *72 a forward", number)
}

// spaceOf is the space for parked calls that a code is about, "*8501" or "*8601".
func spaceOf(digits string, spaces int) (string, bool) {
	for _, code := range []string{codePark, codeRetrieve} {
		for i := 1; i <= spaces; i++ {
			if space := fmt.Sprintf("%02d", i); digits == code+space {
				return space, true
			}
		}
	}
	return "", false
}

// turnedOn says of whom it is on what a code turns on; nil for a code that turns nothing on.
func turnedOn(s *sitecopy.Snapshot, code starcode.Name) func(user string) bool {
	switch code {
	case starcode.DoNotDisturb:
		return s.Undisturbed
	case starcode.ForwardAlways, starcode.ForwardBusy, starcode.ForwardNoAnswer, starcode.ForwardUnreachable:
		return func(user string) bool {
			w := s.Wishes(user)
			if w == nil {
				return false
			}
			return map[starcode.Name]string{
				starcode.ForwardAlways: w.ForwardAlways, starcode.ForwardBusy: w.ForwardBusy,
				starcode.ForwardNoAnswer: w.ForwardNoAnswer, starcode.ForwardUnreachable: w.ForwardUnreachable,
			}[code] != ""
		}
	}
	return nil
}

// lit is what the lamp of a code shows: a call, while it is on.
func (l *lamps) lit(r lamp.Resource) []lamp.Dialog {
	d := lamp.Dialog{ID: "on", Call: r.Code, Direction: lamp.Recipient, State: string(call.PhaseConfirmed)}
	if number, parked := strings.CutPrefix(r.Code, codeRetrieve); parked {
		space := l.node.calls.lot.At(number)
		if space == nil {
			return nil
		}
		d.Remote = lamp.Identity{Number: space.Of.Number, Name: space.Of.Name}
		return []lamp.Dialog{d}
	}
	digits, user, _ := strings.Cut(r.Code, " ")
	code, err := starcode.Parse(digits)
	if err != nil || !turnedOn(l.node.copy.Snapshot(), code.Name)(user) {
		return nil
	}
	return []lamp.Dialog{d}
}

// parked says that a space for parked calls was taken or left.
func (l *lamps) parked(space string) {
	if l.notifier != nil {
		l.notifier.Changed(lamp.Names(codeRetrieve + space)...)
	}
}

// wished looks at what users wish now.
func (l *lamps) wished(s *sitecopy.Snapshot) {
	if l == nil || l.notifier == nil {
		return
	}
	l.mu.Lock()
	var changed []string
	for _, r := range slices.Collect(maps.Keys(l.codes)) {
		digits, user, _ := strings.Cut(r.Code, " ")
		if code, err := starcode.Parse(digits); err == nil && turnedOn(s, code.Name)(user) != l.codes[r] {
			l.codes[r] = !l.codes[r]
			changed = append(changed, r.Code)
		}
		if s.Name(user) == "" { // who is no more
			delete(l.codes, r)
		}
	}
	l.mu.Unlock()
	l.notifier.Changed(lamp.Names(changed...)...)
}
