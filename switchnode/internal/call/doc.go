// Package call is the call: a pure state machine with its branches (Call), and the goroutine that owns one call
// (Session).
//
// A call has one caller leg and, once it is planned, a branch for each thing that may ring: a registered contact of a
// phone, or the link to the switch that anchors the call. The machine is told events and returns actions; it does no
// I/O and reads no clock. Which protocol a leg speaks it never knows: the sides (sipside, linkside) turn their protocol
// into events and carry out actions.
//
//	            Planned            Answered            HungUp, Lost, Stop
//	admitting ----------> trying ------------> up -------------------------> over --all legs Closed--> Finish
//	    |  Refusal, Cancelled  |  Cancelled, all branches refused, ring time over    ^
//	    +----------------------+----------------------------------------------------+
//
// Invariants, which the exploration in the tests holds in every reachable state: at most one branch is up; nothing rings
// once the call is over; every leg that was started ends with a cause; the caller gets at most one final response.
package call
