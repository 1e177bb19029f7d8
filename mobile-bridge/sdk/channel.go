package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"strowger/pkg/channel"
	"strowger/pkg/designation"
	"strowger/pkg/errs"
)

// Between two attempts to open a channel, from and to, before chance takes up to half of it: bridges that come back are not
// met by all apps at once.
const (
	firstRetry = time.Second
	lastRetry  = time.Minute
	steady     = 30 * time.Second // that a channel held, for the next loss to be the first again
)

// line is a phone's channel: its session with a bridge, which outlives connections.
type line struct {
	phone *Phone
	dial  func(context.Context, designation.BridgeFace) (carrier, error) // opens a connection

	mu      sync.Mutex // guards what follows
	wanted  int        // by how many
	running bool
	idle    chan struct{} // closed when it is no longer wanted
	again   chan struct{} // closed when it was wanted again before it had ended, and begins anew
	order   int64         // of the last connection

	resume  string                 // name of the session; empty without one
	bridge  designation.BridgeFace // where it is
	state   channel.Session
	dealt   uint64 // frames of the bridge's up to it were dealt with
	asks    map[uint64]chan<- answer
	wire    *wire         // nil without a connection
	there   chan struct{} // closed while there is one
	changed chan struct{}
}

// answer is what came of a request.
type answer struct {
	frame []byte
	err   error
}

// Connect keeps the phone awake: it opens a channel to a bridge, and opens it again when it is lost. Calls then come without a
// push, and the phone can place some.
func (p *Phone) Connect() error {
	if _, err := p.enrolled(); err != nil {
		return err
	}
	p.mu.Lock()
	closed, awake := p.closed, p.awake
	p.awake = true
	p.mu.Unlock()
	switch {
	case closed:
		return errs.New(errs.NodeStopped, "the phone is closed")
	case !awake:
		p.line.want()
	}
	return nil
}

// ChannelListener is told what keeps a phone from its channel.
type ChannelListener interface {
	// Refused tells why bridges do not let the phone in until somebody does something: Code is revoked, disabled, wrong-presenter,
	// conflict (another connection has taken its place) or upgrade-needed; words are for people. The phone asks again within a minute.
	// It is told each time. Refused must return soon, and may not call Phone.Close.
	Refused(code, words string)
}

// SetChannelListener has the phone tell of its channel. It is called before anything else.
func (p *Phone) SetChannelListener(l ChannelListener) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.channels = l
}

// refused tells that bridges refuse the phone.
func (p *Phone) refused(why error) {
	var e *errs.Error
	errors.As(why, &e) // whose code is final
	p.mu.Lock()
	l, log := p.channels, p.log
	p.mu.Unlock()
	if l == nil {
		log.Warn("the bridge does not want this phone", "code", e.Code, "error", why)
		return
	}
	l.Refused(string(e.Code), e.Words)
}

// Disconnect lets the phone sleep: the bridge is told, and calls come by push again.
func (p *Phone) Disconnect() {
	p.mu.Lock()
	awake := p.awake
	p.awake = false
	p.mu.Unlock()
	if awake {
		p.line.release()
	}
}

// Awake says whether the phone has its channel at this moment.
func (p *Phone) Awake() bool {
	p.line.mu.Lock()
	defer p.line.mu.Unlock()
	return p.line.wire != nil
}

// Bridge is the id of the bridge that the phone has, or last had, its channel at; empty if none.
func (p *Phone) Bridge() string {
	p.line.mu.Lock()
	defer p.line.mu.Unlock()
	return p.line.bridge.ID
}

// Carrier says how the phone has its channel at this moment: "WebTransport" or "WebSocket"; empty if it has none.
func (p *Phone) Carrier() string {
	p.line.mu.Lock()
	defer p.line.mu.Unlock()
	if p.line.wire == nil {
		return ""
	}
	if _, web := p.line.wire.carrier.(webStream); web {
		return "WebTransport"
	}
	return "WebSocket"
}

// want has the channel opened until release.
func (l *line) want() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wanted++
	if !l.running {
		l.running, l.idle = true, make(chan struct{})
		l.phone.work.Go(l.run)
	}
}

func (l *line) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.wanted--; l.wanted == 0 && l.running && !l.ending() { // of a phone that was closed nobody runs
		close(l.idle)
	}
}

// ending says whether the session is being let go: the bridge is told, or has been. l.mu is held.
func (l *line) ending() bool {
	if !l.running {
		return false
	}
	select {
	case <-l.idle:
		return true
	default:
		return false
	}
}

// stop says whether run is to end, and notes it.
func (l *line) stop() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.phone.life.Err() == nil && l.wanted > 0 {
		if l.ending() { // let go and wanted again
			l.reset(errAsleep)
			l.idle = make(chan struct{})
			close(l.again)
			l.again = make(chan struct{})
		}
		return false
	}
	l.running = false
	l.reset(errAsleep)
	return true
}

// run has a channel for as long as one is wanted.
func (l *line) run() {
	for tries := 0; !l.stop(); {
		begun := time.Now()
		err := l.connect()
		log := l.phone.logger()
		if err != nil {
			log.Info("the channel to the bridge is closed", "code", errs.CodeOf(err), "error", err)
		}
		if time.Since(begun) > steady {
			tries = 0
		}
		wait := min(firstRetry<<min(tries, 10), lastRetry)
		if final(errs.CodeOf(err)) {
			wait = lastRetry
			l.lose(err) // who asks need not wait
			l.phone.refused(err)
		}
		tries++
		l.pause(wait/2 + rand.N(wait/2))
	}
}

// pause waits, unless there is something to do.
func (l *line) pause(d time.Duration) {
	l.mu.Lock()
	idle := l.idle
	l.mu.Unlock()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-idle:
	case <-l.phone.life.Done():
	}
}

// final says whether to come again soon is of no use.
func final(c errs.Code) bool {
	return slices.Contains([]errs.Code{errs.Revoked, errs.Disabled, errs.WrongPresenter, errs.Conflict, errs.Upgrade}, c)
}

// ask sends a request over the channel and reads its answer into reply, a pointer to a struct. An error of the answer's is
// returned. While the channel is away the request waits for it, until ctx ends.
func (p *Phone) ask(ctx context.Context, typ string, body, reply any) error {
	l := &p.line
	got := make(chan answer, 1)
	l.mu.Lock()
	if l.wanted == 0 {
		l.mu.Unlock()
		return errs.New(errs.Offline, "the phone is asleep: connect it first")
	}
	for l.ending() {
		again := l.again
		l.mu.Unlock()
		select {
		case <-again:
		case <-ctx.Done():
			return errs.New(errs.CloudAway, "the bridge has not answered in time: %w", context.Cause(ctx))
		case <-p.life.Done():
			return errs.New(errs.NodeStopped, "the phone is closed")
		}
		l.mu.Lock()
	}
	seq, err := l.state.Put(typ, 0, body)
	if err == nil {
		l.asks[seq] = got
		l.kick()
	}
	l.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case a := <-got:
		if a.err != nil {
			return a.err
		}
		f, err := channel.Body[channel.Failure](a.frame)
		switch {
		case err != nil:
			return err
		case f.Error != nil:
			return f.Error
		}
		return json.Unmarshal(a.frame, reply)
	case <-ctx.Done():
		l.mu.Lock()
		delete(l.asks, seq)
		l.mu.Unlock()
		return errs.New(errs.CloudAway, "the bridge has not answered in time: %w", context.Cause(ctx))
	case <-p.life.Done():
		return errs.New(errs.NodeStopped, "the phone is closed")
	}
}

// kick has the writer look. l.mu is held.
func (l *line) kick() {
	select {
	case l.changed <- struct{}{}:
	default: // it will
	}
}

// lose ends the session: what was sent and not taken is told no more.
func (l *line) lose(why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reset(why)
}

// reset forgets the session. l.mu is held.
func (l *line) reset(why error) {
	l.resume, l.state, l.dealt = "", channel.Session{}, 0
	for seq, got := range l.asks {
		delete(l.asks, seq)
		got <- answer{err: why}
	}
}
