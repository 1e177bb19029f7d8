package integration

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"strowger/pkg/wish"
)

// TestWishesEverywhere: what a user may wish is named by the command, by the softphone, and in what apps change.
func TestWishesEverywhere(t *testing.T) {
	read := func(pattern string) string {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		var all strings.Builder
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(b)
		}
		return all.String()
	}
	command, page := read("command/*.go"), read("../mobile-bridge/softphone/app/js/ui/own.js")
	named := func(all []reflect.StructField) map[string]bool {
		names := map[string]bool{}
		for _, f := range all {
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
				names[name] = true
			}
		}
		return names
	}
	changes := named(reflect.VisibleFields(reflect.TypeFor[wish.Change]()))
	otherwise := map[string]string{ // how a Change says it
		"blocked": "block", "no_intercom": "intercom", "no_call_waiting": "call_waiting", "schedule": "hours", "closed_to": "hours", "closed_words": "hours",
	}
	for name := range named(reflect.VisibleFields(reflect.TypeFor[wish.Wishes]())) {
		if !strings.Contains(command, `"`+name+`"`) {
			t.Errorf("no command sets %s", name)
		}
		if !strings.Contains(page, name) {
			t.Errorf("the softphone has no %s", name)
		}
		if !changes[name] && !changes[otherwise[name]] {
			t.Errorf("no app changes %s", name)
		}
	}
}
