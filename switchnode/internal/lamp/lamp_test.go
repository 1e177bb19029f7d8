package lamp

import (
	"encoding/xml"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"strowger/switchnode/internal/call"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s is\n%s\nwant\n%s", name, got, want)
	}
}

func ringing() call.Seen {
	return call.Seen{
		Leg: "leg_b", User: "us_bob", Device: "dev_b", Phase: call.PhaseEarly, Peer: "leg_a",
		Other: call.Shown{User: "us_ann", Number: "201001", Name: `Ann "A" <&>`}, Own: call.Shown{User: "us_bob", Number: "201002", Name: "Bob"},
	}
}

func TestDocuments(t *testing.T) {
	b := New()
	bob := Entity{User: "1002", Host: "192.0.2.1"}
	golden(t, "idle.xml", DialogInfo(bob, 0, b.Dialogs("us_bob")))
	if changed := b.Step(call.View{Call: "call_1", Parties: []call.Seen{ringing()}}); !slices.Equal(changed, []string{"us_bob"}) {
		t.Errorf("changed: %v", changed)
	}
	golden(t, "ringing.xml", DialogInfo(bob, 1, b.Dialogs("us_bob")))
	busy, rings := Busy(b.Dialogs("us_bob"))
	golden(t, "ringing.pidf.xml", PIDF(bob, true, busy, rings))
	outside := ringing()
	outside.Phase, outside.Other = call.PhaseConfirmed, call.Shown{Number: "+4930123456"}
	b.Step(call.View{Call: "call_1", Parties: []call.Seen{outside}})
	golden(t, "talking.xml", DialogInfo(Entity{User: "#1", Host: "2001:db8::1"}, 2, b.Dialogs("us_bob")))
	busy, rings = Busy(b.Dialogs("us_bob"))
	golden(t, "talking.pidf.xml", PIDF(bob, true, busy, rings))
	golden(t, "messages.txt", Summary(bob, 2, 3))
}

// TestWithheld shows nobody who withholds their number.
func TestWithheld(t *testing.T) {
	for phase, other := range map[call.Phase]call.Shown{
		call.PhaseEarly:     {User: "us_ann", Number: "201001", Withheld: true},
		call.PhaseConfirmed: {Number: "+4930123456"},
	} {
		p := ringing()
		p.Phase, p.Other = phase, other
		if d := dialogOf("call_1", p); d.Remote != (Identity{}) {
			t.Errorf("%s shows %+v", phase, d.Remote)
		}
	}
}

// TestBoardProperty has calls begin, change and end in any order. What the board says is what the calls say, no change is kept quiet, and
// when all is quiet no lamp is lit.
func TestBoardProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := New()
		calls := map[string][]call.Seen{}
		users := []string{"ann", "bob", "cleo"}
		phases := []call.Phase{call.PhaseTrying, call.PhaseEarly, call.PhaseConfirmed}
		lit := map[string][]Dialog{}
		step := func(id string, parties []call.Seen) {
			calls[id] = parties
			for _, user := range b.Step(call.View{Call: id, Parties: parties}) {
				lit[user] = b.Dialogs(user)
			}
			for _, user := range users {
				if now := b.Dialogs(user); !slices.Equal(now, lit[user]) {
					t.Fatalf("the lamp of %s shows %+v and is to show %+v", user, lit[user], now)
				}
				n := 0
				for _, parties := range calls {
					if slices.ContainsFunc(parties, func(p call.Seen) bool { return p.User == user }) {
						n++
					}
				}
				if got := len(b.Dialogs(user)); got != min(n, maxDialogs) {
					t.Fatalf("%s is in %d calls, and is shown in %d", user, n, got)
				}
			}
		}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			id := strconv.Itoa(rapid.IntRange(0, 9).Draw(t, "call"))
			var parties []call.Seen
			for i := range rapid.IntRange(0, 3).Draw(t, "parties") {
				parties = append(parties, call.Seen{
					Leg: strconv.Itoa(i), User: rapid.SampledFrom(users).Draw(t, "user"), Phase: rapid.SampledFrom(phases).Draw(t, "phase"), Caller: i == 0,
				})
			}
			step(id, parties)
		}
		for id := range calls {
			step(id, nil)
		}
		if len(b.calls) > 0 || len(b.users) > 0 {
			t.Fatalf("when quiet, the board has %v and %v", b.calls, b.users)
		}
	})
}

// FuzzDialogInfo writes any names: the document can be read, and says them.
func FuzzDialogInfo(f *testing.F) {
	f.Add("1002", "Bob", "201001")
	f.Add("#1", "\x00<&\"", "*86 1\n")
	f.Fuzz(func(t *testing.T, user, name, number string) {
		doc := DialogInfo(Entity{user, "h"}, 1, []Dialog{{ID: name, Call: name, State: "early", Remote: Identity{Number: number, Name: name}}})
		var back dialogInfo
		if err := xml.Unmarshal(doc, &back); err != nil {
			t.Fatalf("%v: %s", err, doc)
		}
		if number != "" && clean(number) != "" && back.Dialogs[0].Remote.Target.URI != uri(clean(number), "h") {
			t.Errorf("%q is written %q", number, back.Dialogs[0].Remote.Target.URI)
		}
	})
}
