package sdk

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v4"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/proof"
	"strowger/pkg/pushseal"
	"strowger/pkg/sessionkey"
	"strowger/pkg/sip"
)

// Call is one call.
type Call struct {
	phone  *Phone
	wake   pushseal.Wake
	claims sessionkey.Claims
	cert   webrtc.Certificate // of this call's media
	sound  sound              // as the phone was told when the call began
	mail   chan any           // what happens, and what the user wants, for run
	quit   chan struct{}      // closed when run takes no more mail
	done   chan struct{}      // closed when nothing of the call runs any more
	met    chan struct{}      // closed when the node has let us in, or the last event was told
	over   atomic.Bool        // the last event was told
	kept   atomic.Bool        // it was hung up and keeps its place in a queue
	work   sync.WaitGroup     // what run started
	sip    *sip.Endpoint      // on whatever connection there is
	speech speech
	sight  sight

	progress                    // belongs to run
	relay    *designation.Relay // for the media, nil without one; belongs to run too
}

// progress is how far a call has come.
type progress struct {
	stage stage
	out   bool // we call: it is answered by us from the beginning
	reach
	dialog *sip.Dialog
	media  *media
	ears   ears
	told
	unwanted  int  // status that its INVITE is refused with when it comes: 603, declined, or 486, busy; 0: it is wanted
	byes      bool // we leave when the dialog is closed
	acked     bool // the node has our 200
	flowing   bool // the media path is there
	sounding  bool // the audio has begun
	connected bool // answered too, and Connected was told
	held      bool // what we asked for last
	holding   bool // and wait for an answer to
	owes      bool // the user hung up while there was no connection: the node is still to be told

	restarting bool // our offer of an ICE restart, or of video, is being made, or waits for its answer
	scene      scene
}

// told is what the user knows of a call that is not answered.
type told struct {
	rang     bool      // it rang, or was answered before
	woke     bool      // Waking was told
	forwards []string  // numbers that Forwarded was told of
	place    sip.Place // that Queued was told of
}

// reach is how the node is reached.
type reach struct {
	conn    *connection
	tries   int                // to connect, since the last connection
	streams uint16             // so far
	retreat context.CancelFunc // ends the attempt to connect that is under way; nil if none is
	token   string             // takes the call up on another connection
	away    int                // counts how often the connection or the way of the media was lost in the call, and found
	lacking bool               // one of the two is lacking now
	moved   bool               // the phone has another network: ICE starts anew on the next connection
	keys    []byte             // pressed while one was lacking
}

// stage is how far a call has come for its user.
type stage int

const (
	waking   stage = iota // on the way to the node, or waiting for its INVITE
	ringing               // 180 sent
	answered              // by the user
	up                    // our 200 is sent
	leaving               // the node is told, or has told us
)

// Inputs of a call besides the commands of its user.
type (
	command func()
	attempt struct { // the outcome of an attempt to connect
		conn *connection
		err  error
	}
	retry    struct{}
	invited  struct{ dialog *sip.Dialog }
	sipInput struct {
		dialog *sip.Dialog
		input  sip.Input
	}
	lost     struct{ conn *connection }
	gathered struct { // our answer is ready
		media *media
		sdp   []byte
		err   error
	}
	path struct { // of the media
		media *media
		state webrtc.PeerConnectionState
	}
	searched struct{ media *media } // for a way for the media, long enough
	rerouted struct {               // our offer of an ICE restart, or of video, is ready
		media *media
		sdp   []byte
		err   error
	}
	followed struct { // the ICE restart, or the video, of another app is answered
		media      *media
		offer, sdp []byte
		err        error
	}
	tooLong    struct{ away int } // the call was without a connection or without media
	pressedKey struct{ key byte }
)

func newCall(p *Phone, w pushseal.Wake, claims sessionkey.Claims) (*Call, error) {
	cert, err := newCertificate()
	if err != nil {
		return nil, err
	}
	return callOf(p, w, claims, cert), nil
}

func callOf(p *Phone, w pushseal.Wake, claims sessionkey.Claims, cert webrtc.Certificate) *Call {
	return &Call{
		phone: p, wake: w, claims: claims, cert: cert, sound: p.soundNow(), mail: make(chan any, mailbox), quit: make(chan struct{}), done: make(chan struct{}), met: make(chan struct{}),
	}
}

// ID is the id of the call, by which its record is found.
func (c *Call) ID() string { return c.claims.Call }

// FromName is who calls, as the organization's registry has it; perhaps empty.
func (c *Call) FromName() string { return c.claims.From.Name }

// FromNumber is the number of who calls.
func (c *Call) FromNumber() string { return c.claims.From.Number }

// What FromVerdict may be.
const (
	NumberVerified = "verified" // a phone company vouches for the number
	NumberFalse    = "false"    // the number is signed, and the signature is wrong: somebody else may call
)

// FromVerdict is what the signature of somebody outside says of FromNumber: NumberVerified or NumberFalse; "" where nobody
// says anything, and for callers inside.
func (c *Call) FromVerdict() string {
	switch c.claims.From.Verstat { // 3GPP TS 24.229, 7.2A.20
	case "TN-Validation-Passed":
		return NumberVerified
	case "TN-Validation-Failed":
		return NumberFalse
	}
	return ""
}

// ToNumber is the number that was dialled.
func (c *Call) ToNumber() string { return c.claims.To.Number }

// Answer takes the call; audio is heard and spoken by a. Before it rings, it is answered as soon as it does.
func (c *Call) Answer(a Audio) { c.answer(ears{audio: a}) }

// AnswerFrames is Answer for an app that encodes and decodes itself, of a phone with SetFrames.
func (c *Call) AnswerFrames(f Frames) { c.answer(ears{frames: f}) }

func (c *Call) answer(e ears) {
	c.do(func() {
		if c.stage < answered && c.unwanted == 0 {
			c.ears, c.stage = e, answered
			c.accept()
		}
	})
}

// Decline refuses the call, and the caller is told; once it is answered it hangs up.
func (c *Call) Decline() { c.Hangup() }

// Hangup ends the call; one that is not answered is declined, or taken back.
func (c *Call) Hangup() { c.do(c.hangUp) }

// KeepPlace hangs up a call that was told Queued, and keeps the place in the queue: when its turn comes, the switch calls back, and the phone
// is woken for that as for any call. Of any other call it is Hangup.
func (c *Call) KeepPlace() {
	c.do(func() {
		c.kept.Store(c.out && c.stage < up && c.place.Position > 0)
		c.hangUp()
	})
}

// KeptPlace says that the call was hung up and keeps its place.
func (c *Call) KeptPlace() bool { return c.kept.Load() }

func (c *Call) hangUp() {
	switch {
	case c.stage == up && c.cutOff():
		c.owes = true
		c.finish(end{words: "hung up"})
	case c.stage == up:
		c.bye(sip.Cause{Q850: 16, Text: "Normal call clearing"})
		c.finish(end{words: "hung up"})
	case c.out:
		c.takeBack()
	case c.dialog != nil:
		c.dialog.Refuse(603, "Decline", sip.Cause{SIP: 603, Text: "Declined"})
		c.stage = answered // by a no
		c.finish(end{errs.Declined, "declined"})
	case c.unwanted == 0:
		c.unwanted, c.stage = 603, answered
		c.report(proof.Declined)
		c.last(end{errs.Declined, "declined"})
	}
}

// Busy refuses a call because its user talks to somebody else: the caller hears that the line is busy, or goes where the user's calls go
// then. An app that has no call waiting says so as soon as it is told Woken; Missed follows, or Cancelled if it rang.
func (c *Call) Busy() {
	c.do(func() {
		if !c.out && c.stage < answered && c.unwanted == 0 {
			c.unwanted = 486
			c.refuseBusy()
		}
	})
}

// refuseBusy refuses the INVITE of a call whose user is busy, if it has come.
func (c *Call) refuseBusy() {
	if c.dialog != nil {
		c.dialog.Refuse(486, "Busy Here", sip.Cause{Q850: 17, Text: "Busy"})
		c.finish(end{errs.Busy, "the phone was busy"})
	}
}

// Hold stops the audio and the video of both sides. Held follows when the other side was told.
func (c *Call) Hold() { c.do(func() { c.hold(true) }) }

// Resume ends a hold. Resumed follows.
func (c *Call) Resume() { c.do(func() { c.hold(false) }) }

func (c *Call) hold(on bool) {
	if c.connected && c.held != on {
		c.held, c.holding = on, true
		c.speech.hold(on)
		c.look()
		c.dialog.Reoffer(c.reoffer())
	}
}

// SendDTMF presses keys one after the other: 0 to 9, *, #, A to D. Others are errs.Invalid, and then none is pressed. Nor are any before
// the call is connected, or EarlyMedia was told. Those that are
// pressed between Reconnecting and Reconnected follow then.
func (c *Call) SendDTMF(keys string) error {
	if err := checkKeys(keys); err != nil {
		return err
	}
	c.do(func() {
		for _, key := range []byte(keys) {
			c.press(key)
		}
	})
	return nil
}

// press presses a key, in its turn.
func (c *Call) press(key byte) {
	switch {
	case !c.sounding || c.media == nil:
	case c.lacking || c.cutOff(): // nobody would hear it
		if len(c.keys) < maxTones {
			c.keys = append(c.keys, key)
		}
	case !c.media.press(key):
		c.dialog.SendDTMF(key, toneLength)
	}
}

// do has run carry out a command. A call whose mailbox is full reacts to nothing, and the command is dropped.
func (c *Call) do(f command) {
	select {
	case c.mail <- f:
	default:
		c.phone.logger().Warn("a call is too busy for a command", "call", c.ID())
	}
}

// post gives run an input of what it started.
func (c *Call) post(in any) bool {
	select {
	case c.mail <- in:
		return true
	case <-c.quit:
		return false
	}
}

// takes answers a call with which somebody whom we call calls us, and says whether there is one: it may be over, which the cloud has
// not heard yet. It waits for the node's word.
func (c *Call) takes(e ears) bool {
	c.answer(e)
	late := time.NewTimer(dialWithin)
	defer late.Stop()
	select {
	case <-c.met:
		return !c.over.Load()
	case <-late.C:
		c.Hangup()
		return false
	}
}

// meet ends the wait for the node's word. Only run calls it, or who has the call before it runs.
func (c *Call) meet() {
	select {
	case <-c.met:
	default:
		close(c.met)
	}
}

func (c *Call) isOver() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

func (c *Call) tell(kind string, e end) {
	c.phone.listener.Happened(&Event{Kind: kind, Call: c, Code: string(e.code), Words: e.words})
}

// last tells the one last event, unless it was told.
func (c *Call) last(e end) {
	if c.over.Swap(true) {
		return
	}
	defer c.meet()
	switch {
	case c.stage >= answered:
		c.tell(Ended, e)
	case c.rang:
		c.tell(Cancelled, e)
	default:
		c.tell(Missed, e)
	}
}

// finish ends the call.
func (c *Call) finish(e end) {
	if c.stage != leaving {
		c.last(e)
		c.stage = leaving
	}
}
