package call

import (
	"slices"

	"strowger/pkg/sdp"
)

// Who is put on hold hears the music of the site (2-call-flows, "Offers and answers"). The switch of who holds plays it, to phones, to
// apps and into links: what the peer at the other end of a link or a line puts on hold is its own switch's to entertain.

// plays says that a leg holds the other, and that this switch plays in its place.
func (c *Call) plays(holder LegID) bool { return c.legs[holder].held && c.legs[holder].device != "" }

// tune has each of the two who talk hear the other, or music while that one holds them.
func (c *Call) tune() []Action {
	if c.state != Up || c.direct {
		return nil
	}
	var starts, stops []Action
	for _, id := range c.talk.both() {
		l := &c.legs[id]
		music := c.plays(c.other(id)) && l.agreed.Direction.Receives() && l.state == up
		switch {
		case music && !l.music:
			starts = append(starts, Play{id, Sound{Kind: Music}})
		case !music && l.music:
			stops = append(stops, Play{id, Sound{}})
		}
		l.music = music
	}
	apart := c.legs[c.talk.near].music || c.legs[c.talk.far].music
	switch acts := append(stops, starts...); {
	case len(acts) == 0:
		return nil
	case apart: // of the two that are one by one on hold both may hear it
		return slices.Insert(acts, 0, Action(Disconnect{c.talk.near}))
	default:
		return append(acts, Connect{c.talk.near, c.talk.far})
	}
}

// silence ends the music of every leg.
func (c *Call) silence() (acts []Action) {
	for i := range c.legs {
		if l := &c.legs[i]; l.music {
			l.music = false
			acts = append(acts, Play{LegID(i), Sound{}})
		}
	}
	return acts
}

// offerOf is what a leg's description offers the other: one who holds need not send anything, for we play in their place.
func (c *Call) offerOf(e exchange) sdp.Description {
	d := e.offer
	if e.kind == asked && c.legs[e.from].device != "" && !c.direct && d.Direction == sdp.Inactive {
		d.Direction = sdp.SendOnly
	}
	return d
}

// answerOf is what a leg's answer says to the other, likewise.
func (c *Call) answerOf(id LegID, d sdp.Description) sdp.Description {
	if c.plays(id) && !c.direct && !d.Direction.Sends() {
		d.Direction = sdp.SendOnly
	}
	return d
}
