// Package voice is an end of a call inside the switch: what the leg at the other end says comes out as samples, and samples go to it.
//
// An End is a media.Port that packets of our own code come from and go to. media.Bridge lets a leg talk to it, as to any other leg. What
// comes is put in order, decoded, and filled where it was lost; what goes is coded as the other leg agreed to hear it: G.722 or
// G.711. Opus is decoded only: who has agreed to nothing else hears nothing.
//
// A Service is something that a switch answers itself: its legs run a script, which talks and listens by a Conversation:
//
//	echo := &voice.Service{Clock: clock, Relay: relay, Run: func(ctx context.Context, c *voice.Conversation) ledger.Cause {
//		c.Play(ctx, library.Samples("en", "welcome"))
//		digits := c.Digits(ctx, 4, '#', 5*time.Second)
//		...
//		return voice.Done
//	}}
//
// A Service is a call.Target. Its leg answers, runs the script in a goroutine of its own, hangs up when it returns, and ends its context when
// the call is over. A script that is told so by its context returns at once: the call waits for it.
//
// One goroutine, that of the Clock, moves the speech of all, 20 ms at a time. Nothing waits for a script: what it has not taken of keys is
// dropped, the newest first, and counted.
package voice
