package trunk

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// world is a call whose carriers do what they like: what a Course must not do is judged by what they saw of it.
type world struct {
	course  Course
	n       int
	invited map[int]bool // and not given up
	rung    map[int]bool // while they were invited
	had     []int        // carriers in the order of their INVITEs
	told    int
	end     int
}

func (w *world) step(t *rapid.T, ev Event) {
	for _, a := range w.course.Step(ev) {
		switch a := a.(type) {
		case Try:
			if len(w.invited) > 0 {
				t.Fatalf("carrier %d is invited while %v are", a.Carrier, w.invited)
			}
			if len(w.rung) > 0 {
				t.Fatalf("carrier %d is invited after %v rang", a.Carrier, w.rung)
			}
			if w.end > 0 {
				t.Fatalf("carrier %d is invited after the end", a.Carrier)
			}
			w.invited[a.Carrier] = true
			w.had = append(w.had, a.Carrier)
		case Drop:
			if !w.invited[a.Carrier] {
				t.Fatalf("carrier %d is given up and was not invited", a.Carrier)
			}
			delete(w.invited, a.Carrier)
		case Tell:
			if w.end > 0 {
				t.Fatal("something is told after the end")
			}
			w.told++
		case Exhausted, Ended:
			if w.end++; w.end > 1 {
				t.Fatal("two ends")
			}
		}
	}
}

// TestCourse has carriers ring, answer, refuse and keep silent at random, late ones too, and callers give up: one is invited at a time,
// in their order, none after one that rang, busy ends it, and there is one end.
func TestCourse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{n: rapid.IntRange(0, 4).Draw(t, "carriers"), invited: map[int]bool{}, rung: map[int]bool{}}
		found, cancelled, answered, spoken := false, false, false, false
		for range rapid.IntRange(0, 20).Draw(t, "steps") {
			at := rapid.IntRange(0, 4).Draw(t, "carrier")
			live := w.invited[at] && !answered
			switch ev := rapid.SampledFrom([]string{"found", "rang", "answered", "moves", "refuses", "silent", "cancelled"}).Draw(t, "event"); ev {
			case "found":
				w.step(t, Found{w.n})
				found = true
			case "rang":
				if live {
					w.rung[at] = true
				}
				w.step(t, Rang{at})
			case "answered":
				answered = answered || live
				w.step(t, Answered{at})
			case "moves", "refuses":
				if live {
					delete(w.invited, at)
					spoken = spoken || ev == "refuses" || w.rung[at]
				}
				w.step(t, Failed{at, ev == "moves"})
			case "silent":
				if !answered && !w.rung[at] { // it would not be silent
					w.step(t, Silent{at})
				}
			case "cancelled":
				if !answered && !cancelled && w.end == 0 && !spoken {
					w.step(t, Cancelled{})
					cancelled = true
				}
			}
			for i, c := range w.had {
				if i != c {
					t.Fatalf("carriers were invited in the order %v", w.had)
				}
			}
			if cancelled && len(w.invited) > 0 {
				t.Fatalf("%v go on after the caller gave up", w.invited)
			}
			if found && !cancelled && !answered && !spoken && len(w.invited) == 0 && w.end == 0 {
				t.Fatal("nobody is invited, and the call goes on")
			}
			if over := answered || spoken || cancelled || w.end > 0; over != w.course.Over() {
				t.Fatalf("over: %v, the course says %v", over, w.course.Over())
			}
		}
	})
}

func TestFailover(t *testing.T) {
	for _, c := range []struct {
		name   string
		events []Event
		want   string
	}{
		{"the first takes it", []Event{Found{2}, Rang{0}, Answered{0}}, "[try 0] [tell 0] [tell 0]"},
		{"busy is the last word", []Event{Found{2}, Failed{0, false}}, "[try 0] [tell 0]"},
		{"the second takes it", []Event{Found{2}, Failed{0, true}, Rang{1}}, "[try 0] [try 1] [tell 1]"},
		{"no word", []Event{Found{2}, Silent{0}, Rang{0}, Answered{0}, Rang{1}}, "[try 0] [drop 0 try 1] [] [] [tell 1]"},
		{"rang, then failed", []Event{Found{2}, Rang{0}, Failed{0, true}}, "[try 0] [tell 0] [tell 0]"},
		{"none takes it", []Event{Found{2}, Failed{0, true}, Failed{1, true}}, "[try 0] [try 1] [exhausted]"},
		{"none there is", []Event{Found{0}}, "[exhausted]"},
		{"given up before any is found", []Event{Cancelled{}, Found{2}}, "[ended] []"},
		{"given up", []Event{Found{2}, Rang{0}, Cancelled{}, Failed{0, true}}, "[try 0] [tell 0] [drop 0] []"},
	} {
		var course Course
		got := ""
		for _, ev := range c.events {
			got += fmt.Sprint(words(course.Step(ev))) + " "
		}
		if got != c.want+" " {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func words(actions []Action) (all []string) {
	for _, a := range actions {
		switch a := a.(type) {
		case Try:
			all = append(all, fmt.Sprint("try ", a.Carrier))
		case Drop:
			all = append(all, fmt.Sprint("drop ", a.Carrier))
		case Tell:
			all = append(all, fmt.Sprint("tell ", a.Carrier))
		case Exhausted:
			all = append(all, "exhausted")
		case Ended:
			all = append(all, "ended")
		}
	}
	return all
}

// TestArrange has every trunk be there once, no order before a lower one, and weights decide how often each is first.
func TestArrange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Rank {
			return Rank{rapid.IntRange(0, 2).Draw(t, "order"), rapid.IntRange(0, 3).Draw(t, "weight")}
		}), 0, 6).Draw(t, "trunks")
		seen := map[int]bool{}
		last := 0
		for _, i := range Arrange(all, func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "chance") }) {
			if seen[i] || all[i].Order < last {
				t.Fatalf("trunk %d of %+v comes again, or too late", i, all)
			}
			seen[i], last = true, all[i].Order
		}
		if len(seen) != len(all) {
			t.Fatalf("%d of %d", len(seen), len(all))
		}
	})
	first := map[int]int{}
	for n := range 4 {
		first[Arrange([]Rank{{1, 9}, {0, 1}, {0, 3}}, func(of int) int { return n % of })[0]]++
	}
	if first[0] != 0 || first[1] != 1 || first[2] != 3 {
		t.Errorf("first of the chances: %v", first)
	}
}

// TestHelp has an emergency call go out whenever a carrier takes it, in the order of the trunks, whatever those before it say, and at
// no time by two.
func TestHelp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ranks := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Rank {
			return Rank{rapid.IntRange(0, 2).Draw(t, "order"), rapid.IntRange(1, 3).Draw(t, "weight")}
		}), 0, 5).Draw(t, "trunks")
		arranged := Arrange(ranks, func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "chance") })
		does := make([]string, len(arranged)) // by place in the order
		for i := range does {
			does[i] = rapid.SampledFrom([]string{"answers", "fails", "refuses", "rings, refuses", "rings, fails", "silent"}).Draw(t, "carrier")
		}
		course, invited, taken := Course{Help: true}, map[int]bool{}, -1
		actions := course.Step(Found{len(arranged)})
		for len(actions) > 0 {
			var next []Action
			for _, a := range actions {
				switch a := a.(type) {
				case Drop:
					delete(invited, a.Carrier)
				case Try:
					if invited[a.Carrier] = true; len(invited) > 1 {
						t.Fatalf("%v are invited at once", invited)
					}
					if strings.HasPrefix(does[a.Carrier], "rings") {
						course.Step(Rang(a))
					}
					switch {
					case does[a.Carrier] == "answers":
						taken = a.Carrier
						next = append(next, course.Step(Answered(a))...)
					case does[a.Carrier] == "silent":
						next = append(next, course.Step(Silent(a))...)
					default:
						delete(invited, a.Carrier)
						next = append(next, course.Step(Failed{a.Carrier, strings.HasSuffix(does[a.Carrier], "fails")})...)
					}
				}
			}
			actions = next
		}
		if want := slices.Index(does, "answers"); taken != want || !course.Over() {
			t.Fatalf("carrier %d has the call, want %d of %q", taken, want, does)
		}
	})
}
