package call

// at is an event of a leg that has gone over to another call, where it has another number.
func at(ev Event, id LegID) Event {
	switch ev := ev.(type) {
	case Ringing:
		ev.Leg = id
		return ev
	case Waking:
		ev.Leg = id
		return ev
	case Parked:
		ev.Leg = id
		return ev
	case Stalled:
		ev.Leg = id
		return ev
	case Forwarded:
		ev.Leg = id
		return ev
	case Waits:
		ev.Leg = id
		return ev
	case Early:
		ev.Leg = id
		return ev
	case Key:
		ev.Leg = id
		return ev
	case Answered:
		ev.Leg = id
		return ev
	case Refused:
		ev.Leg = id
		return ev
	case HungUp:
		ev.Leg = id
		return ev
	case Lost:
		ev.Leg = id
		return ev
	case Closed:
		ev.Leg = id
		return ev
	case Offered:
		ev.Leg = id
		return ev
	case OfferAccepted:
		ev.Leg = id
		return ev
	case OfferRefused:
		ev.Leg = id
		return ev
	case OfferWithdrawn:
		ev.Leg = id
		return ev
	case Reached:
		ev.Leg = id
		return ev
	case Routed:
		ev.Leg = id
		return ev
	case Pressed:
		ev.Leg = id
		return ev
	case Referred:
		ev.Leg = id
		return ev
	case Succeeds:
		ev.Leg = id
		return ev
	case Arrived:
		ev.Leg = id
		return ev
	}
	return ev
}
