package queue

import "time"

// Event is something that happened to a line.
type Event interface{ event() }

type (
	// Occupied says that the callee is on a call from now on.
	Occupied struct{ Call string }
	// Freed says that a call no longer occupies the callee.
	Freed struct{ Call string }
	// Join is a call for the callee. One that need not wait has its turn at once.
	Join struct {
		Entry  Entry
		Limits Limits
	}
	// Returned says that the callee was on the phone at a turn all the same, with a call that the switch does not know.
	Returned struct{ Call string }
	// Left says that a call is no longer for the line: it was answered, or is over, or goes elsewhere.
	Left struct {
		Call   string
		Reason Reason
		By     string // of those whom it rang, the member who answered; "" where there is one only
	}
	// Removed is an administrator's word.
	Removed struct{ Call string }
	// Moved puts a call at a position, 1 being the head, as far as its rank allows.
	Moved struct {
		Call     string
		Position int
	}
	// Kept says that the caller hung up and keeps the place.
	Kept struct{ Call string }
	// Reached says that the caller answered the call-back.
	Reached struct{ Call string }
	// Missed says that the caller did not.
	Missed struct {
		Call   string
		Rest   time.Duration // before the next time
		Counts bool          // as a try: the caller could have answered
	}
	// Tick is the time that Next named.
	Tick struct{}
)

func (Occupied) event() {}
func (Freed) event()    {}
func (Join) event()     {}
func (Returned) event() {}
func (Left) event()     {}
func (Removed) event()  {}
func (Moved) event()    {}
func (Kept) event()     {}
func (Reached) event()  {}
func (Missed) event()   {}
func (Tick) event()     {}

// Offer is whom a turn rings.
type Offer struct {
	Members []string // ids of users, in the order in which they ring; nil: all that the plan has
	More    bool     // there are others, who cannot be rung now
}

// Action is something that a line wants done, in order.
type Action interface{ action() }

type (
	// Keep has an entry on disk before what follows is done.
	Keep struct{ Entry Entry }
	// Drop takes an entry off the disk.
	Drop struct {
		Call   string
		Reason Reason
	}
	// Tell tells a caller where they stand.
	Tell struct {
		Call string
		Standing
	}
	// Turn has a call ring the callee.
	Turn struct {
		Call string
		Offer
	}
	// Recall has the caller of an entry called back, whose turn it is.
	Recall struct{ Entry Entry }
	// Expel ends the waiting of a call.
	Expel struct {
		Call   string
		Reason Reason
	}
	// Count is an event that the state did not expect, by name.
	Count struct{ Name string }
)

func (Keep) action()   {}
func (Drop) action()   {}
func (Tell) action()   {}
func (Turn) action()   {}
func (Recall) action() {}
func (Expel) action()  {}
func (Count) action()  {}
