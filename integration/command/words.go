package command

import (
	"errors"
	"strings"

	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// inWords tells what the API found wrong with values in the words of the command line: which flag or argument had which value,
// and what it may be. given is a flag or an argument with its value, of the command that ran.
func inWords(err error, given func(name string) (string, bool)) error {
	var p *rest.Problem
	if !errors.As(err, &p) || len(p.Fields) == 0 {
		return err
	}
	all := make([]string, len(p.Fields))
	for i, f := range p.Fields {
		all[i] = fieldInWords(f, given)
	}
	return errs.New(errs.CodeOf(err), "%s", strings.Join(all, "; "))
}

func fieldInWords(f rest.FieldWord, given func(name string) (string, bool)) string {
	names, want := field(f.Field)
	for _, name := range names {
		if text, ok := given(name); ok {
			return text + ": want " + want
		}
	}
	return f.Field + ": " + f.Words
}

// field is what commands call a field of the API, and what its value may be.
func field(name string) (names []string, want string) {
	switch name {
	case "digits":
		return []string{"number", "digits"}, "1 to 32 of the digits 0 to 9, *, # and +"
	case "code":
		return []string{"code"}, "1 to 6 digits, of a group 1 to 4"
	case "name":
		return []string{"name"}, "1 to 100 characters, not only spaces"
	case "username":
		return []string{"username"}, "1 to 64 letters, digits, dots, underscores and hyphens"
	case "calling":
		return []string{"calling"}, "none, internal, national or international"
	case "priority":
		return []string{"priority"}, "0 to 9"
	case "dnd_priority":
		return []string{"except"}, "1 to 9, or 0 for none"
	case "dnd_words":
		return []string{"words"}, "at most 100 characters"
	case "country":
		return []string{"country"}, "two capital letters, as DE (ISO 3166-1)"
	case "outside":
		return []string{"outside"}, "1 to 3 digits, * or #"
	case "order":
		return []string{"order"}, "0 to 99"
	case "caller_id":
		return []string{"caller-id"}, "from or pai"
	case "weight":
		return []string{"weight"}, "1 to 100"
	case "ring_seconds":
		return []string{"ring-seconds"}, "5 to 300 seconds"
	case "role":
		return []string{"role"}, "admin or reader"
	}
	return nil, ""
}
