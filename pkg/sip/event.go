package sip

import "time"

// Input is something that the network or a timer has for one dialog. It is opaque: the owner passes it to [Dialog.Handle].
type Input interface{ input() }

// Owner puts an input into the mailbox of the goroutine that owns the dialog. It is called from any goroutine, the
// owner's own included, and must not block: false says that the mailbox is full. A request is then answered 503, anything
// else is offered again until the dialog is closed.
type Owner func(*Dialog, Input) bool

// Event is what happened to a dialog: one of the types below.
type Event interface{ event() }

type (
	// Progress is a provisional response to our INVITE, 100 not included.
	Progress struct {
		Code    int
		Reason  string
		State   string // the Strowger-State header: what the callee's devices really do
		Forward string // the Strowger-Forward header: the number that the call goes on to
		Queue   string // the Strowger-Queue header: see ParsePlace
		SDP     []byte
	}
	// Answered says that the callee accepted our INVITE; the ACK is sent.
	Answered struct {
		SDP   []byte
		Proof string // the Strowger-Proof header
	}
	// Refused is a final response from 300 on to our INVITE.
	Refused struct {
		Code    int
		Reason  string
		Refusal string // the Strowger-Refusal header: an errs code
		Cause   Cause
	}
	// Acked says that the peer has our 2xx; SDP is its answer if the offer was ours.
	Acked struct{ SDP []byte }
	// Cancelled says that the caller gave up before our answer. Keep: who waits in a queue wants to be called back.
	Cancelled struct {
		Cause Cause
		Keep  bool
	}
	// HungUp is the peer's BYE.
	HungUp struct{ Cause Cause }
	// Offered is an offer of the peer's, by re-INVITE or UPDATE. SDP is empty when the peer asks us for an offer.
	Offered struct{ SDP []byte }
	// OfferAccepted is the peer's answer to our re-INVITE.
	OfferAccepted struct{ SDP []byte }
	// OfferRefused says that the peer keeps the session as it was; Code is 503 if it was not reached.
	OfferRefused struct{ Code int }
	// Withdrawn says that an Offered can no longer be answered: the peer took it back, or did not wait.
	Withdrawn struct{}
	// Pracked is the caller's answer to the offer of [Dialog.ProgressOffer].
	Pracked struct{ SDP []byte }
	// Described is the peer's side of a session that we refreshed, or that it accepted without an offer of its own, where it
	// differs from what the peer said before.
	Described struct{ SDP []byte }
	// DTMF is a digit (0-9, *, #, A-D) sent by INFO. Duration is 0 if the peer named none.
	DTMF struct {
		Digit    byte
		Duration time.Duration
	}
	// Pair is what the peer says of the way of its media, by INFO.
	Pair struct{ Kinds string }
	// Sought says that somebody looks for the dialog by the ids that the peer knows it by (RFC 3891, 3). Right: the peer's tag is the one that
	// they named.
	Sought struct {
		Right bool
		By    any // as [Endpoint.Seek] was told
	}
	// Lost says that the peer stopped answering; what it can still be told, it is told.
	Lost struct{ Err error }
	// Closed is the last event: the dialog is to be forgotten.
	Closed struct{}
)

func (Progress) event()      {}
func (Answered) event()      {}
func (Refused) event()       {}
func (Acked) event()         {}
func (Cancelled) event()     {}
func (HungUp) event()        {}
func (Offered) event()       {}
func (OfferAccepted) event() {}
func (OfferRefused) event()  {}
func (Withdrawn) event()     {}
func (Pracked) event()       {}
func (Described) event()     {}
func (DTMF) event()          {}
func (Pair) event()          {}
func (Sought) event()        {}
func (Lost) event()          {}
func (Closed) event()        {}

// The kinds of inputs.
type (
	// arrived is a request of the peer, with the transaction that answers it.
	arrived struct {
		req *Request
		tx  replier
		at  time.Time
	}
	// answered is a response to a request of ours.
	answered struct {
		res *Response
		at  time.Time
	}
	// failed says that a request of ours found no answer: a time-out or a transport error.
	failed struct {
		req *Request
		err error
	}
	// dropped says that the transaction of an incoming INVITE ended without our doing: its stream is gone.
	dropped struct {
		tx  replier
		err error
	}
	// ticked is a timer of ours, named by what started it.
	ticked struct{ timer *timer }
	// seeking is somebody who looks for the dialog.
	seeking struct {
		theirs string // tag
		by     any
	}
	// done asks for the Closed event of a dialog that a command ended.
	done struct{}
)

func (arrived) input()  {}
func (answered) input() {}
func (failed) input()   {}
func (dropped) input()  {}
func (ticked) input()   {}
func (seeking) input()  {}
func (done) input()     {}
