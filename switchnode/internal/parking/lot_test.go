package parking

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"pgregory.net/rapid"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/sdp"
	"strowger/switchnode/internal/call"
)

// TestLot parks and retrieves at random: no space has two calls, no call that was parked is lost, each place that is free can be taken, and what is
// refused is refused for a reason that holds.
func TestLot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const spaces = 4
		var lot Lot
		there := map[string]*Space{}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			number := fmt.Sprintf("%02d", rapid.IntRange(0, spaces+1).Draw(t, "number"))
			if rapid.Bool().Draw(t, "leaves") {
				if sp := there[number]; sp != nil {
					sp.leave()
					sp.leave() // an end may be told twice
					delete(there, number)
				}
				continue
			}
			if rapid.Bool().Draw(t, "any") {
				number = ""
			}
			s := call.NewSession(call.SessionConfig{ID: "ca", Now: time.Now, Logger: slog.Default()}, call.New("lg", "", sdp.Description{}), designation.Party{})
			sp, err := lot.Take(number, spaces, s, designation.Party{Name: "Ann"})
			valid := number >= "01" && number <= fmt.Sprintf("%02d", spaces)
			switch errs.CodeOf(err) {
			case "":
				if there[sp.Number] != nil || number != "" && sp.Number != number {
					t.Fatalf("a call that was to be parked at %q is at %s, beside %v", number, sp.Number, there[sp.Number])
				}
				there[sp.Number] = sp
			case errs.Busy:
				if number == "" && len(there) < spaces || number != "" && there[number] == nil {
					t.Fatalf("%q is refused with %d calls parked: %v", number, len(there), err)
				}
			case errs.Invalid:
				if number == "" || valid {
					t.Fatalf("%q is refused: %v", number, err)
				}
			default:
				t.Fatal(err)
			}
			for i := 1; i <= spaces; i++ {
				n := fmt.Sprintf("%02d", i)
				if lot.At(n) != there[n] {
					t.Fatalf("at %s is %v, want %v", n, lot.At(n), there[n])
				}
			}
		}
	})
}
