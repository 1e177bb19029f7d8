// Package trunk is the way of a call through the lines to the phone network: which carrier is tried next, and when none is.
//
// A carrier that cannot take the call makes way for the next: it refuses with a 5xx or 408, cannot be reached, or says nothing in
// time. One that speaks of who was called (busy, no such number, declined) has the last word, and so has one that rang: never do
// two ring. An emergency call goes on all the same, once the carrier before is done with it.
package trunk

// Event is something that happened to a call on its way.
type Event interface{ event() }

// Found says how many carriers there are to try.
type Found struct{ Carriers int }

// Rang says that a carrier alerts who was called.
type Rang struct{ Carrier int }

// Answered says that a carrier accepted the call.
type Answered struct{ Carrier int }

// Failed says that a carrier does not take the call. Moves is that this is the carrier's doing, and no word on who was called.
type Failed struct {
	Carrier int
	Moves   bool
}

// Silent says that a carrier has not said a word for too long.
type Silent struct{ Carrier int }

// Cancelled says that the caller gave up.
type Cancelled struct{}

func (Found) event()     {}
func (Rang) event()      {}
func (Answered) event()  {}
func (Failed) event()    {}
func (Silent) event()    {}
func (Cancelled) event() {}

// Action is something that a call on its way wants done.
type Action interface{ action() }

// Try has a carrier invited.
type Try struct{ Carrier int }

// Drop gives up a carrier that was invited: what it says no longer matters.
type Drop struct{ Carrier int }

// Tell passes what a carrier said to the caller.
type Tell struct{ Carrier int }

// Exhausted ends the call: no carrier takes it.
type Exhausted struct{}

// Ended ends the call of a caller who gave up between two carriers.
type Ended struct{}

func (Try) action()       {}
func (Drop) action()      {}
func (Tell) action()      {}
func (Exhausted) action() {}
func (Ended) action()     {}

type state uint8

const (
	looking state = iota // for carriers
	trying               // one is invited
	rang                 // and alerts
	over                 // answered, refused or cancelled
)

// Course is the way of one call. The zero value looks for carriers.
type Course struct {
	// Help says that it is an emergency call: whatever a carrier says, the next one is tried, though never two at once.
	Help     bool
	state    state
	carriers int
	at       int // the carrier that is tried
}

// Step takes an event. What a carrier says that is not tried any more is nothing.
func (c *Course) Step(ev Event) []Action {
	switch ev := ev.(type) {
	case Found:
		if c.state == looking {
			c.carriers = ev.Carriers
			return c.try(0)
		}
	case Rang:
		if c.tries(ev.Carrier) {
			c.state = rang
			return []Action{Tell(ev)}
		}
	case Answered:
		if c.tries(ev.Carrier) {
			c.state = over
			return []Action{Tell(ev)}
		}
	case Failed:
		switch {
		case !c.tries(ev.Carrier):
		case ev.Moves && c.state == trying, c.Help:
			return c.try(c.at + 1)
		default:
			c.state = over
			return []Action{Tell{ev.Carrier}}
		}
	case Silent:
		if c.tries(ev.Carrier) && c.state == trying {
			return append([]Action{Drop(ev)}, c.try(c.at+1)...)
		}
	case Cancelled:
		was := c.state
		c.state = over
		switch was {
		case looking:
			return []Action{Ended{}}
		case trying, rang:
			return []Action{Drop{c.at}}
		}
	}
	return nil
}

// Over says whether no carrier is invited any more.
func (c *Course) Over() bool { return c.state == over }

func (c *Course) tries(carrier int) bool {
	return (c.state == trying || c.state == rang) && carrier == c.at
}

func (c *Course) try(next int) []Action {
	if next >= c.carriers {
		c.state = over
		return []Action{Exhausted{}}
	}
	c.state, c.at = trying, next
	return []Action{Try{next}}
}
