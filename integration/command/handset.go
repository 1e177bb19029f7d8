package command

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"strowger/mobile-bridge/sdk"
	"strowger/pkg/errs"
)

// handset shows what happens to a phone and does what its user wants.
type handset struct {
	*env
	answer func(*sdk.Call)
	ask    bool
	waits  string    // how it waits for calls: "awake" or "sleeping"
	over   chan bool // a call is over; whether it was answered here

	refused chan error // capacity 1: no bridge lets the phone in

	placed  bool          // it calls
	keep    bool          // and keeps its place in a queue as soon as it is told one
	talking chan struct{} // closed when the call that it placed is answered

	mu       sync.Mutex // guards what follows
	call     *sdk.Call  // the one that it has, or had last
	busy     bool       // it has it
	answered bool       // it
	last     sdk.Event  // of it
}

// happening is a line of --json.
type happening struct {
	At         time.Time       `json:"at"`
	Event      string          `json:"event"` // "awake" or "sleeping" (it waits), "refused" (a push that is no call), or an event of package sdk
	Call       string          `json:"call,omitempty"`
	From       string          `json:"from,omitempty"`
	FromName   string          `json:"from_name,omitempty"`
	To         string          `json:"to,omitempty"` // of a call that this phone placed
	Code       string          `json:"code,omitempty"`
	Words      string          `json:"words,omitempty"`
	Statistics *sdk.Statistics `json:"statistics,omitempty"`

	Video *sdk.VideoStatistics `json:"video,omitempty"` // of a call that had some
}

// push takes a push.
func (h *handset) push(p *sdk.Phone, payload []byte) {
	if _, err := p.Push(payload); err != nil {
		h.tell(happening{Event: "refused", Code: string(errs.CodeOf(err)), Words: err.Error()})
	}
}

// Refused takes the word of a bridge that this is no phone of its organization any more.
func (h *handset) Refused(code, words string) {
	select {
	case h.refused <- errs.New(errs.Code(code), "this phone is not let in: %s", words):
	default: // it was told
	}
}

// refreshEvery is how often a phone that waits asks the cloud whether it is still one.
const refreshEvery = time.Minute

// askAgain asks at each tick until ctx ends or the phone is not wanted. A cloud that is away has refused nobody.
func (h *handset) askAgain(ctx context.Context, refresh func() error, every *time.Ticker) {
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		err := refresh()
		switch errs.CodeOf(err) {
		case errs.Revoked, errs.Disabled, errs.WrongPresenter, errs.Upgrade:
			h.Refused(string(errs.CodeOf(err)), err.Error())
			return
		}
	}
}

// Happened shows an event of a call.
func (h *handset) Happened(ev *sdk.Event) {
	c := ev.Call
	if ev.Kind == sdk.KeyframeWanted { // what it shows is what it sees
		c.WantKeyframe()
		return
	}
	ends := ev.Kind == sdk.Missed || ev.Kind == sdk.Cancelled || ev.Kind == sdk.Ended
	h.mu.Lock()
	if h.busy && h.call != c && !h.placed { // it has one line
		h.mu.Unlock()
		if ev.Kind == sdk.Woken {
			c.Busy()
		}
		h.tell(lineOf(ev))
		return
	}
	if h.call != c {
		h.call, h.answered = c, false
	}
	h.busy = !ends
	h.answered = h.answered || ev.Kind == sdk.Connected
	answered := h.answered
	h.last = *ev
	if h.placed && ev.Kind == sdk.Connected {
		close(h.talking)
	}
	h.mu.Unlock()
	line := lineOf(ev)
	if h.placed {
		line.From, line.FromName, line.To = "", "", c.ToNumber()
	}
	if ends && answered {
		line.Statistics = c.Statistics()
		if v := c.VideoStatistics(); v.Received+v.Sent > 0 {
			line.Video = v
		}
	}
	h.tell(line)
	switch {
	case ev.Kind == sdk.Queued && h.keep:
		c.KeepPlace()
	case ev.Kind == sdk.Ringing && !h.ask && h.answer != nil:
		h.answer(c)
	case ends:
		if !h.placed {
			h.tell(happening{Event: h.waits})
		}
		select {
		case h.over <- answered:
		default: // one is told already
		}
	}
}

// lineOf is what people are told of an event of a call that came.
func lineOf(ev *sdk.Event) happening {
	c := ev.Call
	return happening{Event: ev.Kind, Call: c.ID(), From: c.FromNumber(), FromName: c.FromName(), Code: ev.Code, Words: ev.Words}
}

// tell prints a line.
func (h *handset) tell(line happening) {
	line.At = h.now().UTC()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.JSON {
		_ = json.NewEncoder(h.out).Encode(line) // nobody is left to tell
		return
	}
	what := map[string]string{sdk.Connected: "answered"}[line.Event]
	if what == "" {
		what = line.Event
	}
	if line.Call != "" && line.Event != sdk.Connected {
		what += ": " + strings.TrimSpace(line.FromName+" "+line.From+line.To)
	}
	if line.Words != "" {
		what += ": " + line.Words
	}
	if line.Code != "" {
		what += " (" + line.Code + ")"
	}
	if s := line.Statistics; s != nil {
		what += fmt.Sprintf(" (%s, %d packets sent, %d received, %d lost)", s.Codec, s.Sent, s.Received, s.Lost)
	}
	if v := line.Video; v != nil {
		what += fmt.Sprintf(" (video: %d pictures sent, %d received, %d packets lost)", v.Sent, v.Shown, v.Lost)
	}
	fmt.Fprintf(h.out, "%s  %s\n", line.At.Local().Format(time.TimeOnly), what)
}

// keys does what is typed, line by line.
func (h *handset) keys(in io.Reader) {
	for lines := bufio.NewScanner(in); lines.Scan(); {
		h.mu.Lock()
		c := h.call
		h.mu.Unlock()
		if c == nil {
			continue
		}
		switch key := strings.TrimSpace(lines.Text()); key {
		case "":
		case "a":
			if h.answer != nil {
				h.answer(c)
			}
		case "d", "h":
			c.Hangup()
		case "k":
			c.KeepPlace()
		default:
			if err := c.SendDTMF(key); err != nil {
				h.fail(err)
			}
		}
	}
}
