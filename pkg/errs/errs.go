// Package errs is the vocabulary of errors that crosses the boundaries between roles: on the fabric, in session key
// refusals, in the call ledger and in the REST API. A code names what went wrong; the SIP response, the HTTP status and
// the exit code are chosen from it once, at the edge that speaks that protocol.
package errs

import (
	"errors"
	"fmt"
)

// Code names one thing that can go wrong. Codes are append-only: peers of another release must know them.
type Code string

// Codes of admission and of calls.
const (
	Unknown         Code = "unknown-number"  // nobody has the dialled number
	Forbidden       Code = "forbidden"       // the caller may not do this
	Disabled        Code = "disabled"        // the device, user or organization is switched off
	Unauthenticated Code = "unauthenticated" // no or wrong credentials
	Unreachable     Code = "unreachable"     // the callee's site has no live switch
	Offline         Code = "offline"         // the callee has no phone that could ring
	NoPush          Code = "no-push"         // the callee's app has no push token that works
	Asleep          Code = "asleep"          // phones of the callee were woken and none came
	DoNotDisturb    Code = "do-not-disturb"  // the callee wants no calls now
	Blocked         Code = "blocked"         // the callee takes no calls from this caller
	Forwarded       Code = "forwarded"       // the callee has the call go to another number, and does not ring
	Closed          Code = "closed"          // the call came outside of the callee's hours
	Busy            Code = "busy"
	QueueFull       Code = "queue-full"    // as many calls wait for the callee as may
	QueueTime       Code = "queue-time"    // the call waited for the callee as long as it may
	QueueRemoved    Code = "queue-removed" // an administrator took the call out of the queue
	Preempted       Code = "preempted"     // an emergency call needed the line
	Emergency       Code = "emergency"     // no call for the device: it is told that somebody calls for help
	NoLine          Code = "no-line"       // no line to the PSTN takes the call
	Declined        Code = "declined"
	NoAnswer        Code = "no-answer"
	NoCommonCodec   Code = "no-common-codec"
	Unencrypted     Code = "unencrypted"  // the audio has to be encrypted, and would not be
	Loop            Code = "loop"         // diversion history says that the call goes in circles
	HopsUsed        Code = "hops-used"    // Max-Forwards is used up
	TooWide         Code = "too-wide"     // the call would fork into more branches than it may (RFC 5393)
	Crossing        Code = "crossing"     // both call each other at once
	Gone            Code = "gone"         // the call is over
	Elsewhere       Code = "elsewhere"    // answered or declined on another device
	NotRinging      Code = "not-ringing"  // there is no call to pick up, or to retrieve
	PickedUp        Code = "picked-up"    // the caller's own call ends: they have the one that they picked up
	CallBack        Code = "call-back"    // the caller, who waits, chose to be called back
	CallerLeft      Code = "caller-left"  // the caller hung up before the answer
	Congested       Code = "congested"    // a queue or a limit is full; try again later
	CloudAway       Code = "cloud-away"   // the cloud cannot be asked and the site copy does not know
	LinkLost        Code = "link-lost"    // the link between the switches died
	WrongNode       Code = "wrong-node"   // another node, or the right one with another key, answers at the designated address
	MediaLost       Code = "media-lost"   // no audio arrived for too long
	LegLost         Code = "leg-lost"     // the phone stopped answering
	NodeStopped     Code = "node-stopped" // the node that held the leg stopped or crashed
	NotFound        Code = "not-found"    // no such object in the registry
	Invalid         Code = "invalid"      // the request is malformed; the words say which value
	Conflict        Code = "conflict"     // the object exists, was changed meanwhile, or is still in use
	Upgrade         Code = "upgrade-needed"
	Revoked         Code = "revoked"
	Internal        Code = "internal"
)

// Refusals of the guards against toll fraud, one for each guard (package guard).
const (
	GuardNumber   Code = "guard-number"   // a number that costs more than others, or that the administrator denies
	GuardCountry  Code = "guard-country"  // a country that may not be called
	GuardCalls    Code = "guard-calls"    // too many calls in an hour or a day
	GuardCost     Code = "guard-cost"     // too much money in an hour or a day
	GuardTime     Code = "guard-time"     // a call that lasts for too long
	GuardTogether Code = "guard-together" // too many calls at once
	GuardNight    Code = "guard-night"    // too many calls abroad at night
	GuardAlarm    Code = "guard-alarm"    // blocked since far more was called abroad than usual
	GuardForward  Code = "guard-forward"  // calls to this user may not be forwarded to phone numbers
	GuardOutside  Code = "guard-outside"  // somebody outside would call the phone network at our cost
	GuardTrunk    Code = "guard-trunk"    // the limits of the trunk: another one may take the call
)

// Signature is the refusal of a call from outside whose number has no signature, or a wrong one (package stir), where that is asked for.
const Signature Code = "signature"

// Refusals of a session key or an enrolment code, each distinct and counted (2-call-flows, "The session key").
const (
	KeyMissing        Code = "key-missing"
	KeyMalformed      Code = "key-malformed"
	KeyExpired        Code = "key-expired"
	KeyNotYetValid    Code = "key-not-yet-valid"
	ClockSkew         Code = "clock-skew"
	WrongAudience     Code = "wrong-audience"
	Restarted         Code = "restarted"
	WrongPresenter    Code = "wrong-presenter"
	Replayed          Code = "replayed"
	Ghost             Code = "ghost"
	BadSignature      Code = "bad-signature"
	UnknownKey        Code = "unknown-key"
	WrongOrganization Code = "wrong-organization"
	Used              Code = "used"    // an enrolment code that was used with another key
	Expired           Code = "expired" // an enrolment code past its hour
)

// Error is a code with the words that tell a person what happened, which value was wrong and what to do.
type Error struct {
	Code  Code   `json:"code"`
	Words string `json:"words"`
	err   error
}

func (e *Error) Error() string { return e.Words }

// Unwrap returns what caused the error, if anything did.
func (e *Error) Unwrap() error { return e.err }

// New returns an error of a code with words in the manner of fmt.Errorf; a %w verb wraps.
func New(c Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: c, Words: err.Error(), err: errors.Unwrap(err)}
}

// CodeOf returns the code that err carries, Internal for an error without one, and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}

// From returns err as an *Error for the wire: itself if it carries a code, else Internal with its words.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return &Error{Code: e.Code, Words: err.Error()}
	}
	return &Error{Code: Internal, Words: err.Error()}
}
