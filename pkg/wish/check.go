package wish

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"strowger/pkg/errs"
)

var (
	numberForm = regexp.MustCompile(`^[0-9*#+]{1,38}$`)
	callerForm = regexp.MustCompile(`^[0-9*#+]{1,32}$`)
	speedForm  = regexp.MustCompile(`^[0-9]{2}$`)
)

// Tidy puts what people write into the form in which it is kept.
func (w *Wishes) Tidy() {
	for i := range w.Rules {
		w.Rules[i].Caller = Plain(w.Rules[i].Caller)
	}
	for i := range w.Blocked {
		w.Blocked[i] = Plain(w.Blocked[i])
	}
	slices.Sort(w.Blocked)
	w.Blocked = slices.Compact(w.Blocked)
}

// Check looks at wishes by themselves. Whether there are the schedules and numbers that they name is for the registry to say.
func (w *Wishes) Check() error {
	for i, field := range []string{"forward_always", "forward_busy", "forward_no_answer", "forward_unreachable"} {
		if err := checkNumber(field, w.forwards()[i]); err != nil {
			return err
		}
	}
	switch n := w.ForwardSeconds; {
	case n != 0 && (n < MinSeconds || n > MaxSeconds):
		return errs.New(errs.Invalid, "forward_seconds: %d is neither 0 nor between %d and %d", n, MinSeconds, MaxSeconds)
	case !slices.Contains([]string{"", "public", "private"}, w.Lamp):
		return errs.New(errs.Invalid, "lamp: %q is neither public nor private", w.Lamp)
	case len(w.Rules) > MaxRules:
		return errs.New(errs.Invalid, "caller_rules: %d, at most %d are allowed", len(w.Rules), MaxRules)
	case len(w.Blocked) > MaxBlocked:
		return errs.New(errs.Invalid, "blocked: %d, at most %d are allowed; a beginning as +4930* stands for many", len(w.Blocked), MaxBlocked)
	}
	for _, r := range w.Rules {
		if err := r.check(); err != nil {
			return err
		}
	}
	for _, v := range w.Blocked {
		if err := checkCaller("blocked", v, Withheld); err != nil {
			return err
		}
	}
	if err := CheckSpeed(w.SpeedDial); err != nil {
		return err
	}
	if err := checkWords("blocked_words", w.BlockedWords); err != nil {
		return err
	}
	return w.Hours.Check()
}

// Check looks at hours by themselves.
func (h Hours) Check() error {
	if h.Schedule == "" && (h.ClosedTo != "" || h.ClosedWords != "") {
		return errs.New(errs.Invalid, "closed_to, closed_words: name the schedule too, by which it is closed")
	}
	if err := checkNumber("closed_to", h.ClosedTo); err != nil {
		return err
	}
	return checkWords("closed_words", h.ClosedWords)
}

func (r Rule) check() error {
	switch {
	case r.Do != Ring && r.Do != Forward && r.Do != Refuse:
		return errs.New(errs.Invalid, "caller_rules: %q is none of ring, forward and refuse", r.Do)
	case r.Do == Forward && r.To == "":
		return errs.New(errs.Invalid, "caller_rules: a rule that forwards names the number")
	case r.Do != Forward && r.To != "":
		return errs.New(errs.Invalid, "caller_rules: a rule to %s names no number (%s)", r.Do, r.To)
	case r.Do != Refuse && r.Words != "":
		return errs.New(errs.Invalid, "caller_rules: only who is refused is told words (%q)", r.Words)
	case r.Closed && r.Schedule == "":
		return errs.New(errs.Invalid, "caller_rules: closed: name the schedule too")
	case r.Do == Refuse && r.Caller == "" && r.Schedule == "":
		return errs.New(errs.Invalid, "caller_rules: to refuse everybody, always, is to be disturbed never: set dnd")
	}
	if r.Caller != "" {
		if err := checkCaller("caller_rules", r.Caller, Withheld, Outside, Inside); err != nil {
			return err
		}
	}
	if err := checkNumber("caller_rules", r.To); err != nil {
		return err
	}
	return checkWords("caller_rules", r.Words)
}

// CheckSpeed looks at numbers for speed dialling.
func CheckSpeed(all map[string]string) error {
	for code, number := range all {
		if !speedForm.MatchString(code) {
			return errs.New(errs.Invalid, "speed_dial: %q is not two digits, 00 to 99", code)
		}
		if number == "" {
			return errs.New(errs.Invalid, "speed_dial: %s has no number", code)
		}
		if err := checkNumber("speed_dial", number); err != nil {
			return err
		}
	}
	return nil
}

func checkNumber(field, number string) error {
	if number != "" && !numberForm.MatchString(number) {
		return errs.New(errs.Invalid, "%s: %q is not 1 to 38 digits, *, # or +", field, number)
	}
	return nil
}

func checkCaller(field, text string, words ...string) error {
	if slices.Contains(words, text) || callerForm.MatchString(text) && strings.Trim(text, "*") != "" {
		return nil
	}
	return errs.New(errs.Invalid, "%s: %q is no number, no beginning of one as +4930*, and none of: %s", field, text, strings.Join(words, ", "))
}

func checkWords(field, words string) error {
	if n := utf8.RuneCountInString(words); n > MaxWords || strings.ContainsFunc(words, unicode.IsControl) {
		return errs.New(errs.Invalid, "%s: %d characters, or one that does not print; want one line of at most %d", field, n, MaxWords)
	}
	return nil
}
