package wake

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
)

func accepted(p fabric.Provider) fabric.PushResult {
	return fabric.PushResult{Provider: p, Accepted: true, Tries: 1}
}

func refused(p fabric.Provider, reason string, dead bool) fabric.PushResult {
	return fabric.PushResult{Provider: p, Reason: reason, Dead: dead, Tries: 1}
}

var (
	away  = errs.New(errs.CloudAway, "no bridge")
	stale = errs.New(errs.KeyExpired, "ticket expired")
)

// words are actions as a test compares them.
func words(acts []Action) string {
	var all []string
	for _, a := range acts {
		switch a := a.(type) {
		case Tell:
			all = append(all, a.Step)
		case GiveUp:
			all = append(all, fmt.Sprintf("give up (%s)", a.Err))
		case Finish:
			all = append(all, "="+string(a.Outcome))
		default:
			all = append(all, strings.TrimPrefix(fmt.Sprintf("%T", a), "wake."))
		}
	}
	return strings.Join(all, ", ")
}

func TestWake(t *testing.T) {
	type step struct {
		ev   Event
		want string
	}
	again := "requested, Ask, Arm"
	for name, steps := range map[string][]step{
		"it comes": {
			{Begin{}, again}, {Replied{Pushes: []fabric.PushResult{accepted(fabric.APNs), refused(fabric.FCM, "UNREGISTERED", true)}}, "accepted by apns, refused by fcm"},
			{Connected{}, "Disarm, connected, =came"}, {Fired{}, ""}, {Connected{}, "connected"}, {Over{}, ""}, {Connected{}, ""},
		},
		"it comes before its provider answers": {
			{Begin{}, again}, {Connected{}, "Disarm, connected, =came"}, {Replied{Pushes: []fabric.PushResult{accepted(fabric.FCM)}}, "accepted by fcm"}, {Over{}, ""},
		},
		"it comes at the third try": {
			{Begin{}, again}, {Replied{Pushes: []fabric.PushResult{accepted(fabric.FCM)}}, "accepted by fcm"}, {Fired{}, again},
			{Replied{Pushes: []fabric.PushResult{accepted(fabric.FCM)}}, "accepted by fcm"}, {Fired{}, "Stall, " + again},
			{Replied{Pushes: []fabric.PushResult{accepted(fabric.FCM)}}, "accepted by fcm"}, {Fired{}, ""}, {Connected{}, "Disarm, connected, =came"},
		},
		"it never comes": {
			{Begin{}, again}, {Replied{Pushes: []fabric.PushResult{accepted(fabric.APNs)}}, "accepted by apns"}, {Over{}, "Disarm, =missed"}, {Fired{}, ""},
			{Replied{}, ""}, {Failed{away}, ""}, {Begin{}, ""},
		},
		"every token is dead": {
			{Begin{}, again},
			{
				Replied{Pushes: []fabric.PushResult{refused(fabric.APNs, "BadDeviceToken", true), refused(fabric.WebPush, "410", true)}},
				"refused by apns, refused by webpush, Disarm, give up (The callee's phone cannot be woken: webpush says 410), =refused",
			},
			{Over{}, ""},
		},
		"no token": {
			{Begin{}, again}, {Replied{}, "refused, Disarm, give up (The callee's phone has no push token: its app must be opened once), =refused"},
		},
		"the ticket is refused": {{Begin{}, again}, {Failed{stale}, "refused, Disarm, give up (ticket expired), =refused"}},
		"one provider is in trouble": {
			{Begin{}, again}, {Replied{Pushes: []fabric.PushResult{refused(fabric.FCM, "UNAVAILABLE", false)}}, "refused by fcm"},
			{Fired{}, again}, {Failed{away}, "refused"}, {Fired{}, "Stall, " + again},
			{Replied{Pushes: []fabric.PushResult{refused(fabric.FCM, "UNAVAILABLE", false)}}, "refused by fcm, Disarm, give up (The callee's phone cannot be woken: fcm says UNAVAILABLE), =refused"},
		},
		"awake": {
			{Begin{}, again}, {Replied{Channel: &fabric.ChannelResult{Bridge: "br_1", Reached: true}}, "reached by channel"},
			{Reported{"channel opened"}, "channel opened"}, {Connected{}, "Disarm, connected, =came"}, {Over{}, ""}, {Reported{"x"}, ""},
		},
		"awake, but it does not answer": {
			{Begin{}, again}, {Replied{Channel: &fabric.ChannelResult{Reason: "no answer"}, Pushes: []fabric.PushResult{accepted(fabric.APNs)}}, "not reached by channel, accepted by apns"},
			{Fired{}, again}, {Connected{}, "Disarm, connected, =came"},
		},
		"neither channel nor push": {
			{Begin{}, again}, {Replied{Channel: &fabric.ChannelResult{Reason: "gone"}}, "not reached by channel"}, {Fired{}, again}, {Failed{away}, "refused"}, {Fired{}, "Stall, " + again},
			{Replied{}, "refused, Disarm, give up (The callee's phone has no push token: its app must be opened once), =refused"}, {Over{Away: true}, ""},
		},
		"over before it comes":              {{Begin{}, again}, {Replied{Pushes: []fabric.PushResult{accepted(fabric.APNs)}}, "accepted by apns"}, {Over{Away: true}, "Disarm, =missed, Revoke"}},
		"over before anybody answered":      {{Begin{}, again}, {Over{Away: true}, "Disarm, =missed, Revoke"}},
		"over before anything reached it":   {{Begin{}, again}, {Failed{away}, "refused"}, {Over{Away: true}, "Disarm, =missed"}},
		"over while its connection is lost": {{Begin{}, again}, {Connected{}, "Disarm, connected, =came"}, {Over{Away: true}, "Revoke"}, {Over{Away: true}, ""}},
		"a slow bridge": {
			{Begin{}, again}, {Fired{}, ""}, {Failed{away}, "refused, " + again}, {Fired{}, "Stall"}, {Replied{Pushes: []fabric.PushResult{accepted(fabric.APNs)}}, "accepted by apns, " + again},
			{Replied{Pushes: []fabric.PushResult{accepted(fabric.APNs)}}, "accepted by apns"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var w Wake
			for i, s := range steps {
				if got := words(w.Step(s.ev)); got != s.want {
					t.Fatalf("step %d, %T: %s\nwant %s", i, s.ev, got, s.want)
				}
			}
		})
	}
}

// world is the machine and what is around it: a bridge that answers each question once, a timer, a device.
type world struct {
	Wake
	asked, open int // questions
	armed       bool
	ends        []Outcome
	gaveUp      bool
	stalls      int
	over        bool
	reached     bool // it may have heard of the call
	revoked     bool
}

func (w *world) possible() []Event {
	evs := []Event{Connected{}, Reported{Step: "rings"}}
	if w.asked == 0 && !w.over {
		evs = append(evs, Begin{})
	}
	if w.open > 0 {
		evs = append(evs, Failed{away}, Failed{stale}, Replied{},
			Replied{Channel: &fabric.ChannelResult{Reached: true}}, Replied{Channel: &fabric.ChannelResult{Reason: "x"}},
			Replied{Pushes: []fabric.PushResult{accepted(fabric.APNs)}}, Replied{Pushes: []fabric.PushResult{refused(fabric.APNs, "x", false)}},
			Replied{Pushes: []fabric.PushResult{accepted(fabric.APNs), refused(fabric.FCM, "x", true)}}, Replied{Pushes: []fabric.PushResult{refused(fabric.FCM, "x", true)}})
	}
	if w.armed {
		evs = append(evs, Fired{})
	}
	if !w.over {
		evs = append(evs, Over{}, Over{Away: true})
	}
	return evs
}

func (w *world) deliver(ev Event) error {
	quiet := w.over || w.gaveUp
	unheard := w.open > 0
	switch ev := ev.(type) {
	case Replied:
		w.open--
		w.reached = w.reached || w.accepts(ev)
	case Failed:
		w.open--
	case Connected:
		w.reached = true
	case Fired:
		w.armed = false
	case Over:
		w.over = true
	}
	for _, a := range w.Step(ev) {
		switch a := a.(type) {
		case Ask:
			w.asked++
			w.open++
			if quiet || w.asked > Tries || w.open > 1 {
				return fmt.Errorf("asked %d times, %d open, after the end: %t", w.asked, w.open, quiet)
			}
		case Arm:
			w.armed = true
		case Disarm:
			w.armed = false
		case GiveUp:
			if quiet || a.Err == nil {
				return fmt.Errorf("gave up after the end: %t, because of %v", quiet, a.Err)
			}
			w.gaveUp = true
		case Revoke:
			if o, ok := ev.(Over); !ok || !o.Away || w.revoked || !w.reached && !unheard {
				return fmt.Errorf("revoked by %T%+v, reached: %t, before: %t", ev, ev, w.reached, w.revoked)
			}
			w.revoked = true
		case Stall:
			if w.stalls++; quiet || w.stalls > 1 || w.asked < 2 {
				return fmt.Errorf("stalled %d times, asked %d times, after the end: %t", w.stalls, w.asked, quiet)
			}
		case Finish:
			w.ends = append(w.ends, a.Outcome)
		case Tell:
			if quiet {
				return fmt.Errorf("told %q after the end", a.Step)
			}
		}
	}
	switch {
	case len(w.ends) > 1:
		return fmt.Errorf("ended as %v", w.ends)
	case w.gaveUp != slices.Contains(w.ends, Refused):
		return fmt.Errorf("gave up %t, ended as %v", w.gaveUp, w.ends)
	case w.over && w.asked > 0 && len(w.ends) == 0:
		return fmt.Errorf("over without an end")
	case (w.over || w.gaveUp) && w.armed:
		return fmt.Errorf("the timer runs after the end")
	case len(w.ends) == 0 && w.asked > 0 && !w.armed && w.open == 0 && !w.accepted:
		return fmt.Errorf("stuck: nothing is to come, and nobody was told")
	}
	return nil
}

// accepts says whether an answer tells that the device may hear of the call.
func (w *world) accepts(r Replied) bool {
	return r.Channel != nil && r.Channel.Reached || slices.ContainsFunc(r.Pushes, func(p fabric.PushResult) bool { return p.Accepted })
}

// Every state that the machine can reach: each wake has one end, asks at most Tries times and one question at a time, and is
// silent after its end.
func TestExplore(t *testing.T) {
	key := func(w *world) string {
		last := w.last
		w.last = nil // words are no state
		defer func() { w.last = last }()
		return fmt.Sprint(*w)
	}
	start := &world{}
	seen, transitions := map[string]bool{key(start): true}, 0
	for frontier := []*world{start}; len(frontier) > 0; frontier = frontier[1:] {
		for _, ev := range frontier[0].possible() {
			v := *frontier[0]
			v.ends = slices.Clone(v.ends)
			if err := v.deliver(ev); err != nil {
				t.Fatalf("%v\nafter %T%+v in %+v", err, ev, ev, *frontier[0])
			}
			transitions++
			if k := key(&v); !seen[k] {
				seen[k] = true
				frontier = append(frontier, &v)
			}
		}
	}
	t.Logf("%d states, %d transitions", len(seen), transitions)
	if len(seen) < 50 {
		t.Fatalf("explored %d states: the model is not driving the machine", len(seen))
	}
}
