package voicemail

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// menu is a Visit or a Desk.
type menu interface{ Step(Event) Turn }

// outcomes is what a turn may end with.
func outcomes(t *rapid.T, turn Turn) Event {
	var all []Event
	if turn.Do.Kind != Nothing {
		all = append(all, Failed{"vm-failed"})
	}
	key := Pressed{rapid.SampledFrom([]byte("0123456789*#")).Draw(t, "key")}
	if len(turn.Say) > 0 && turn.Then.Kind != AskDigits && turn.Then.Kind != Record {
		all = append(all, key)
	}
	switch turn.Then.Kind {
	case AskKey:
		all = append(all, key, key, Waited{})
	case AskDigits:
		all = append(all, Typed{rapid.SampledFrom([]string{"", "*", "1001", "4711", "4712"}).Draw(t, "digits")})
	case Record:
		all = append(all, Recorded{rapid.Bool().Draw(t, "spoken")})
	case Check:
		all = append(all, Checked{rapid.Bool().Draw(t, "right")})
	case List:
		var l []Listing
		for _, id := range []string{"vm_1", "vm_2", "vm_3"}[:rapid.IntRange(0, 3).Draw(t, "messages")] {
			l = append(l, Listing{id, rapid.Bool().Draw(t, "heard")})
		}
		all = append(all, Listed{l}, Failed{"vm-failed"})
	}
	return rapid.SampledFrom(all).Draw(t, "event")
}

// TestEveryMenuHasAnExit: whatever is pressed, a menu answers, and who presses nothing any more is out soon.
func TestEveryMenuHasAnExit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m menu = &Visit{Own: rapid.Bool().Draw(t, "own"), Name: rapid.Bool().Draw(t, "name")}
		desk := rapid.Bool().Draw(t, "desk")
		d := &Desk{Own: rapid.Bool().Draw(t, "own phone"), Trusted: rapid.Bool().Draw(t, "trusted"), HasPIN: rapid.Bool().Draw(t, "PIN"), Mailbox: rapid.SampledFrom([]string{"", "1001"}).Draw(t, "mailbox")}
		if desk {
			m = d
		}
		turn, proved := m.Step(Begun{}), false
		recorded := false
		open := d.Own && (d.Trusted || !d.HasPIN)
		for range rapid.IntRange(0, 60).Draw(t, "turns") {
			over := turn.Then.Kind == HangUp
			if over {
				break
			}
			ev := outcomes(t, turn)
			if r, ok := ev.(Recorded); ok {
				recorded = r.Spoken
			}
			if c, ok := ev.(Checked); ok {
				proved = c.OK
			}
			turn = m.Step(ev)
			if turn.Do.Kind == Keep && !recorded {
				t.Fatalf("kept what nobody said: %+v", turn)
			}
			if desk && !open && !proved && (turn.Then.Kind == List || slices.ContainsFunc(turn.Say, func(w Word) bool { return w.Message != "" || w.Envelope != "" })) {
				t.Fatalf("without a PIN: %+v", turn)
			}
			if turn.Then.Kind == AskKey && len(turn.Say) == 0 {
				t.Fatalf("a key that led to silence: %v", ev)
			}
		}
		for quiet := 0; turn.Then.Kind != HangUp; quiet++ {
			if quiet > 12 {
				t.Fatalf("nobody presses anything, and it goes on: %+v", turn)
			}
			var ev Event = Waited{}
			switch turn.Then.Kind {
			case AskDigits:
				ev = Typed{}
			case Record:
				ev = Recorded{}
			case List:
				ev = Listed{}
			case Check:
				ev = Checked{}
			}
			turn = m.Step(ev)
		}
		if after := m.Step(Pressed{'1'}); after.Then.Kind != HangUp || len(after.Say) > 0 {
			t.Errorf("after the end: %+v", after)
		}
	})
}

func TestWhoHangsUpInTheMenuKeepsTheMessage(t *testing.T) {
	v := &Visit{}
	v.Step(Begun{})
	v.Step(Recorded{Spoken: true})
	if turn := v.Step(Waited{}); turn.Do.Kind != Keep || turn.Then.Kind != HangUp {
		t.Errorf("%+v", turn)
	}
}

func TestThreeWrongPINsEndTheCall(t *testing.T) {
	d := &Desk{Own: true, HasPIN: true}
	turn := d.Step(Begun{})
	for n := 1; turn.Then.Kind != HangUp; n++ {
		if n > mostWrong {
			t.Fatal("one may guess on")
		}
		if turn = d.Step(Typed{"1111"}); turn.Then.Kind != Check || turn.Then.Mailbox != "" || turn.Then.PIN != "1111" {
			t.Fatalf("%+v", turn)
		}
		turn = d.Step(Checked{})
	}
}
