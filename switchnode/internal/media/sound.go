package media

// Sound is what has come for a leg: packets of audio that were its own, and packets from elsewhere.
type Sound struct{ Packets, Strangers uint64 }

// Sound is what has come so far.
func (p *Port) Sound() Sound {
	return Sound{p.received.Load(), p.dropped[Stranger].Load()}
}

// Linked says that the leg is reached over a link to another switch.
func (p *Port) Linked() bool { return p.trusted && p.end == "" }
