package call

// pair is the two legs that talk to each other, or talked last; both are nobody before the first answer. The first is the one on
// whose behalf the other was asked.
type pair struct{ near, far LegID }

// meet has two legs talk to each other.
func (c *Call) meet(near, far LegID) {
	c.talk = pair{near, far}
	c.turns, c.all = 0, 0
	c.legs[near].talked, c.legs[far].talked = true, true
}

// both is the two.
func (p pair) both() [2]LegID { return [2]LegID{p.near, p.far} }

// other is the leg that talks to a leg, nobody if none does.
func (c *Call) other(id LegID) LegID {
	switch id {
	case c.talk.near:
		return c.talk.far
	case c.talk.far:
		return c.talk.near
	}
	return nobody
}

// talking says that the call is up and the leg is one of the two.
func (c *Call) talking(id LegID) bool {
	return c.state == Up && c.legs[id].state == up && c.other(id) != nobody
}
