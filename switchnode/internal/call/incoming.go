package call

import (
	"context"

	"strowger/pkg/designation"
	"strowger/pkg/ledger"
	"strowger/pkg/sdp"
	"strowger/pkg/sessionkey"
)

// Incoming is a call that a side brings to the node.
type Incoming struct {
	Call      string // id
	Leg       string // id of the caller's leg
	Device    string // of the caller, "" on a link
	From      designation.Party
	Dialled   string
	Help      *designation.Help // of an emergency call, as the side knows
	Offer     sdp.Description
	Hops      int // Max-Forwards as it came
	Breadth   int // Max-Breadth as it came
	SessionID string
	Withheld  bool               // who is called by a phone company is not to know the caller
	Key       string             // the session key, on a link
	Claims    *sessionkey.Claims // what the verified key says, on a link
	Auto      bool               // the callee's desk phone is to answer by itself, as the caller's switch says on a link
	Early     bool               // the leg can take media before the answer
	Admission Admission          // of an app, which the cloud has admitted already, or of a call-back
	Back      Queue              // of a call to a caller who kept their place: has their turn. Attach makes no leg then
	Replaces  *Named             // the dialog that it is to take the place of (RFC 3891), nil: it is a call of its own
	// Verify looks at the signature of a caller outside, and returns From with what it found, and why the call is refused for that, nil
	// if it is not. It may block. Nil: nobody looks.
	Verify func(context.Context) (designation.Party, *ledger.Cause)
	// Attach makes the caller's leg for its session. It is called once, before the session runs; after an error the session
	// must not run.
	Attach func(*Session) (Leg, error)
}
