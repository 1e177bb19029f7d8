package sipleg

import (
	"time"

	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
)

// Forward tells the caller of an incoming dialog that the call goes on to somebody else.
func Forward(d *sip.Dialog, f call.Forward) {
	var to []sip.Header
	if f.To != "" {
		to = append(to, sip.NewHeader(sip.HeaderForward, f.To))
	}
	d.Progress(181, "Call Is Being Forwarded", to...)
}

// Stand tells the caller of an incoming dialog where it stands in a queue.
func Stand(d *sip.Dialog, s call.Stand) {
	p := sip.Place(s.Standing)
	d.Progress(182, p.Words(), p.Header())
}

// stands reads what a switch says of a queue.
func stands(id call.LegID, value string) call.Event {
	p, ok := sip.ParsePlace(value)
	if !ok {
		return nil
	}
	return call.Waits{Leg: id, Standing: call.Standing(p)}
}

// Tracer returns what a dialog calls for each of its messages: arrows between a node and a peer.
func Tracer(node, peer string, trace func(call.Arrow)) sip.Trace {
	return func(sent bool, _ sip.Peer, line string, at time.Time) {
		a := call.Arrow{Sender: peer, Receiver: node, Text: line, At: at}
		if sent {
			a.Sender, a.Receiver = node, peer
		}
		trace(a)
	}
}
