package call

// A call is parked by a transfer to a space, which is a branch that never answers: the other party hears music. The transferor is done
// with it at once, and gets the call back when nobody retrieves it in time, as that of any transfer which reaches nobody. Who retrieves
// it picks it up.

// Parked says that a call stands in a space.
type Parked struct {
	Leg LegID
	At  string // number of the space
}

func (Parked) event() {}

// parked tells the transferor where, and ends its leg.
func (c *Call) parked(p Parked) []Action {
	if c.state != Trying || c.legs[p.Leg].state != trying || !c.transferring() {
		return []Action{Count{"parking of a call that is not transferred"}}
	}
	words, by := "Parked at "+p.At, c.transfer.by
	acts := c.reports(200, words)
	if l := &c.legs[by]; l.state == up {
		l.state, l.cause = ending, CauseOf(Normal, words)
		acts = append(acts, HangUp{by, l.cause}, c.noteLegEnd(by))
	}
	return acts
}
