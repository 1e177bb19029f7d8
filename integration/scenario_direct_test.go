package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"strowger/integration/phone"
	"strowger/pkg/ledger"
	"strowger/pkg/rest"
	"strowger/pkg/sip"
)

// straight is an office whose phones may exchange their audio directly.
func straight(t *testing.T) *world {
	t.Helper()
	w := alone(t)
	change(t, w.Client.Sites(), w.Offices[0].Site.ID, map[string]any{"direct_media": true})
	w.settle(t)
	return w
}

// strict is a phone that says a tone, and takes audio only from where it sends its own.
func strict(hertz float64) func(*phone.Config) {
	return func(c *phone.Config) {
		c.Say, c.Strict = phone.Sine(hertz, 120), true
	}
}

// direct waits until two send their audio to each other, and are heard.
func direct(t *testing.T, a, b *phone.Call, says, hears float64) {
	t.Helper()
	until(t, func() string {
		if a.Remote() != b.Local() || b.Remote() != a.Local() {
			return fmt.Sprintf("%v sends to %v, and %v to %v", a.Local(), a.Remote(), b.Local(), b.Remote())
		}
		return ""
	})
	hearsTone(t, hears, a.Heard)
	hearsTone(t, says, b.Heard)
}

// anchored looks at whether two send their audio to the switch.
func anchored(t *testing.T, a, b *phone.Call) {
	t.Helper()
	if a.Remote() == b.Local() || b.Remote() == a.Local() || a.Remote() == b.Remote() {
		t.Errorf("%v sends to %v, and %v to %v", a.Local(), a.Remote(), b.Local(), b.Remote())
	}
}

// passed is how many packets the record of the last call of a user says that came from each leg, and where they went to.
func (w *world) passed(t *testing.T, u rest.User) (packets []int, here []string) {
	t.Helper()
	for _, l := range w.record(t, u, 1).Legs {
		if l.Quality != nil {
			packets, here = append(packets, int(l.Quality.PacketsReceived)), append(here, l.Local)
		}
	}
	return packets, here
}

// TestDirectMedia has the audio of two phones of one switch go from phone to phone, whoever holds or takes a call back, and nothing of it come to
// the switch but while it plays.
func TestDirectMedia(t *testing.T) {
	t.Parallel()
	w := straight(t)
	ann, anns := w.person(t, 0, "Ann", strict(low))
	bob, bobs := w.person(t, 0, "Bob", strict(high))
	out, in := connect(t, anns, bob.number.Dial, bobs)
	direct(t, out, in, low, high)
	out.SendDTMF('7')
	if e := saw(t, in, phone.Digit); e.Words != "7" {
		t.Errorf("the key is %s", e)
	}
	hangUp(t, out, in)
	packets, here := w.passed(t, ann.user)
	if len(packets) != 2 || here[0] != "direct" || here[1] != "direct" {
		t.Fatalf("the record has %v packets, and media come in at %v", packets, here)
	}
	for i, c := range []*phone.Call{out, in} {
		if sent := c.Quality().Sent; packets[i] > sent-rate/4/160 {
			t.Errorf("of %d packets that were sent %d came to the switch", sent, packets[i])
		}
	}

	out, in = connect(t, bobs, ann.number.Dial, anns)
	for _, c := range []struct {
		holder, held *phone.Call
	}{{out, in}, {in, out}} {
		direct(t, out, in, high, low)
		before := len(c.held.Heard())
		c.holder.Hold()
		hearsMusic(t, c.held, before)
		c.holder.Resume()
	}
	direct(t, out, in, high, low)
	hangUp(t, in, out)
	for _, l := range w.record(t, ann.user, 1).Legs {
		if l.Quality != nil && l.Quality.LostReceived > 10 {
			t.Errorf("what went from phone to phone counts as lost: %+v", l.Quality)
		}
	}
}

// TestDirectMediaReturn has phones whose audio goes from one to the other ask for what only the switch can do.
func TestDirectMediaReturn(t *testing.T) {
	t.Parallel()
	w := straight(t)
	ann, anns := w.person(t, 0, "Ann", strict(low))
	bob, bobs := w.person(t, 0, "Bob", strict(high))
	carl, carls := w.person(t, 0, "Carl", strict(middle))
	w.pickUpGroup(t, ann, bob, carl)

	t.Run("blind transfer", func(t *testing.T) {
		out, in := connect(t, anns, bob.number.Dial, bobs)
		direct(t, out, in, low, high)
		before := len(in.Heard())
		out.Transfer(carl.number.Dial)
		accepted(t, out, 202)
		last := rings(t, carls)
		told(t, out, 180)
		hearsTone(t, 425, func() []int16 { return in.Heard()[before:] })
		last.Answer()
		saw(t, last, phone.Answered)
		told(t, out, 200)
		over(t, out)
		direct(t, last, in, middle, high)
		hangUp(t, last, in)
	})
	t.Run("transfer that fails", func(t *testing.T) {
		out, in := connect(t, anns, bob.number.Dial, bobs)
		direct(t, out, in, low, high)
		out.Transfer("999999")
		accepted(t, out, 202)
		told(t, out, 404)
		direct(t, out, in, low, high)
		hangUp(t, in, out)
	})
	t.Run("attended transfer", func(t *testing.T) {
		first, bobsCall := connect(t, anns, bob.number.Dial, bobs)
		direct(t, first, bobsCall, low, high)
		first.Hold()
		saw(t, first, phone.OnHold)
		second, carlsCall := connect(t, anns, carl.number.Dial, carls)
		direct(t, second, carlsCall, low, middle)
		first.Join(second)
		accepted(t, first, 202)
		told(t, first, 200)
		over(t, first)
		over(t, second)
		direct(t, bobsCall, carlsCall, high, middle)
		hangUp(t, bobsCall, carlsCall)
	})
	t.Run("parking", func(t *testing.T) {
		out, in := connect(t, anns, bob.number.Dial, bobs)
		direct(t, out, in, low, high)
		before := len(out.Heard())
		in.Transfer("*8515")
		told(t, in, 200)
		over(t, in)
		hearsMusic(t, out, before)
		got := dial(t, carls, "*8615")
		saw(t, got, phone.Answered)
		direct(t, got, out, middle, low)
		hangUp(t, got, out)
	})
	t.Run("taken over", func(t *testing.T) {
		out, in := connect(t, anns, bob.number.Dial, bobs)
		direct(t, out, in, low, high)
		taken, err := carls.Dial(soon(t), bob.number.Dial, sip.NewHeader("Require", "replaces"), sip.NewHeader("Replaces", in.Named().String()))
		if err != nil {
			t.Fatal(err)
		}
		saw(t, taken, phone.Answered)
		over(t, in)
		direct(t, taken, out, middle, low)
		hangUp(t, taken, out)
	})
	t.Run("three", func(t *testing.T) {
		first, toBob := connect(t, anns, bob.number.Dial, bobs)
		first.Hold()
		saw(t, first, phone.OnHold)
		second, toCarl := connect(t, anns, carl.number.Dial, carls)
		direct(t, second, toCarl, low, middle)
		three := dial(t, anns, "*3")
		saw(t, three, phone.Answered)
		over(t, first)
		over(t, second)
		hearsThese(t, three, low, high, middle)
		hearsThese(t, toBob, high, low, middle)
		hearsThese(t, toCarl, middle, low, high)
		three.HangUp()
		over(t, toBob)
		over(t, toCarl)
	})
}

// offered says whether the switch offered something to the phone of somebody.
func offered(r rest.Call, s subscriber) bool {
	return slices.ContainsFunc(r.Ladder, func(e ledger.NodeEvent) bool {
		return e.Kind == ledger.Message && e.Receiver == "phone "+s.number.Dial && strings.HasPrefix(e.Text, "INVITE ")
	})
}

// TestDirectMediaRefused has the audio pass the switch where a phone does not send it elsewhere, where it could not arrive or would not be understood,
// and where nobody allowed it: nothing is asked of these phones.
func TestDirectMediaRefused(t *testing.T) {
	t.Parallel()
	w := straight(t)
	ann, anns := w.person(t, 0, "Ann", strict(low))
	for name, c := range map[string]struct {
		office int
		says   func(*phone.Config)
		asked  bool // Ann is: the other phone refuses after her
	}{
		"a phone that refuses": {0, func(c *phone.Config) { c.Stays = true }, true},
		"behind a NAT":         {0, func(c *phone.Config) { c.Inside = "192.168.77.7" }, false},
		"another office":       {1, func(*phone.Config) {}, false},
	} {
		t.Run(name, func(t *testing.T) {
			bob, bobs := w.person(t, c.office, "Bob", func(p *phone.Config) {
				p.Say = phone.Sine(high, 120)
				c.says(p)
			})
			out, in := connect(t, anns, bob.number.Dial, bobs)
			hearsTone(t, low, in.Heard)
			hearsTone(t, high, out.Heard)
			out.Hold()
			saw(t, in, phone.Held)
			out.Resume()
			saw(t, in, phone.Resumed)
			until(t, func() string {
				if out.Remote() == in.Local() {
					return "Ann still sends to a phone that does not"
				}
				return ""
			})
			anchored(t, out, in)
			hearsTone(t, low, in.Heard)
			hearsTone(t, high, out.Heard)
			hangUp(t, out, in)
			if asked := offered(w.record(t, ann.user, 1), ann); asked != c.asked {
				t.Errorf("Ann's phone is asked to send elsewhere: %v", asked)
			}
		})
	}
	change(t, w.Client.Sites(), w.Offices[0].Site.ID, map[string]any{"direct_media": false})
	w.settle(t)
	bob, bobs := w.person(t, 0, "Bob", strict(high))
	out, in := connect(t, anns, bob.number.Dial, bobs)
	hearsTone(t, low, in.Heard)
	hearsTone(t, high, out.Heard)
	anchored(t, out, in)
	hangUp(t, out, in)
}

// TestDirectMediaMoves has a phone change its address while its audio goes to another phone: both come back to the switch, and send to each other again
// once it is known where it is.
func TestDirectMediaMoves(t *testing.T) {
	t.Parallel()
	w := straight(t)
	bob, far := w.person(t, 0, "Bob", strict(high))
	for name, move := range map[string]func(*phone.Phone, *phone.Call){
		"and says so in the call": func(_ *phone.Phone, mine *phone.Call) {
			if err := mine.Follow(soon(t)); err != nil {
				t.Fatal(err)
			}
		},
		"and registers": func(near *phone.Phone, mine *phone.Call) {
			if err := mine.Rehome(); err != nil {
				t.Fatal(err)
			}
			register(t, near)
		},
	} {
		t.Run(name, func(t *testing.T) {
			ann := w.subscriber(t, 0, "Ann")
			over := w.over(t, 0, sip.TCP, 1)
			near := w.phone(t, ann, func(c *phone.Config) {
				over(c)
				strict(low)(c)
			})
			mine, theirs := connect(t, near, bob.number.Digits, far)
			direct(t, mine, theirs, low, high)
			if err := near.Drop(abroad); err != nil {
				t.Fatal(err)
			}
			move(near, mine)
			direct(t, mine, theirs, low, high)
			if at := theirs.Remote().Addr().String(); at != abroad {
				t.Errorf("Bob's phone sends to %s", at)
			}
			hangUp(t, theirs, mine)
		})
	}
}
