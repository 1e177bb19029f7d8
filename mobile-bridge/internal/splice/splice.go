// Package splice is the way of an app to a switch that it cannot dial: a WebSocket to this bridge, spliced to a stream of the
// connection that the switch keeps to it.
//
// wss://BRIDGE/call/NODE, subprotocol sip. The first frame of the app is its entry, the first of the bridge the switch's verdict
// (package proof), both JSON; then each frame is one SIP message (RFC 7118, 5). Text or binary, as the app likes; the bridge
// sends text where that can be. On the switch's side lines and messages follow each other as on a stream of WebTransport.
//
// The bridge reads none of it. It holds one message of each direction at most, and stops reading one side while the other does
// not take what was sent.
package splice

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"

	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/limit"
	"strowger/pkg/proof"
	"strowger/pkg/sip"
)

// Protocol is the subprotocol: RFC 7118, 4.1.
const Protocol = "sip"

// Places, each of about 40 kB. A source may be an office behind one address.
const (
	maxCalls     = 4096
	maxPerNode   = 200 // fewer than the switch takes from one bridge
	maxPerSource = 64
)

// Times that either side may take.
const (
	entryTime  = 5 * time.Second  // for the entry
	answerTime = 8 * time.Second  // for the verdict
	writeTime  = 10 * time.Second // for a message, and to answer a ping
)

// Config is what the splice of a bridge needs.
type Config struct {
	// Open opens a stream to a switch for an app that is seen at from.
	Open   func(ctx context.Context, node, from string) (net.Conn, error)
	Source func(*http.Request) netip.Prefix // whom a request comes from
	Hosts  []string                         // of pages that may open calls, besides the one that the request names
	Logger *slog.Logger
}

// Splice is the calls that are spliced.
type Splice struct {
	cfg  Config
	ctx  context.Context
	stop context.CancelFunc
	work sync.WaitGroup
	told *limit.Buckets[netip.Prefix] // of whom the log tells

	mu       sync.Mutex
	closed   bool
	calls    int
	byNode   map[string]int
	bySource map[netip.Prefix]int
	outcomes map[errs.Code]uint64
}

// New returns a splice whose calls end with ctx at the latest.
func New(ctx context.Context, cfg Config) *Splice {
	s := &Splice{
		cfg: cfg, byNode: map[string]int{}, bySource: map[netip.Prefix]int{}, outcomes: map[errs.Code]uint64{}, told: limit.NewTold[netip.Prefix](time.Now),
	}
	s.ctx, s.stop = context.WithCancel(ctx)
	return s
}

// Refuse takes no more calls; those that are spliced go on.
func (s *Splice) Refuse() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

// Close ends all calls and waits for them.
func (s *Splice) Close() {
	s.Refuse()
	s.stop()
	s.work.Wait()
}

// Counters is what a splice did so far.
type Counters struct {
	Calls    int                  // now
	Outcomes map[errs.Code]uint64 // of those that came; empty: spliced
}

// Counters returns what the splice did so far.
func (s *Splice) Counters() Counters {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Counters{s.calls, maps.Clone(s.outcomes)}
}

func (s *Splice) count(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outcomes[errs.CodeOf(err)]++
}

// enter takes a place, to be left.
func (s *Splice) enter(source netip.Prefix) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, errs.New(errs.NodeStopped, "this bridge stops")
	case s.calls >= maxCalls:
		return nil, errs.New(errs.Congested, "this bridge has %d calls, the most it takes", maxCalls)
	case s.bySource[source] >= maxPerSource:
		return nil, errs.New(errs.Congested, "%d calls come from your address, the most it may have", maxPerSource)
	}
	s.calls++
	s.bySource[source]++
	s.work.Add(1)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		defer s.work.Done()
		s.calls--
		if s.bySource[source]--; s.bySource[source] == 0 {
			delete(s.bySource, source)
		}
	}, nil
}

// reach takes a place on the way to a switch, to be left. Who has said nothing yet has none: a few of those would shut out all.
func (s *Splice) reach(node string) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byNode[node] >= maxPerNode {
		return nil, errs.New(errs.Congested, "%d calls go to that switch by way of this bridge, the most it takes", maxPerNode)
	}
	s.byNode[node]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.byNode[node]--; s.byNode[node] == 0 {
			delete(s.byNode, node)
		}
	}, nil
}

// ServeHTTP takes an app that wants to go to the switch {node} of the path.
func (s *Splice) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	node := r.PathValue("node")
	if err := ident.Check(ident.Switch, node); err != nil {
		http.NotFound(w, r)
		return
	}
	source := s.cfg.Source(r)
	from := seenAt(r, source)
	leave, err := s.enter(source)
	if err != nil {
		s.count(err)
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	defer leave()
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{Protocol}, OriginPatterns: s.cfg.Hosts})
	if err != nil {
		s.count(errs.New(errs.Invalid, "%w", err))
		return // it was answered
	}
	if ws.Subprotocol() != Protocol { // RFC 7118, 4.1
		s.count(errs.New(errs.Invalid, "no subprotocol"))
		_ = ws.Close(websocket.StatusPolicyViolation, "the subprotocol is sip")
		return
	}
	ws.SetReadLimit(sip.MaxMessage)
	entry, err := readEntry(s.ctx, ws)
	var away func()
	if err == nil {
		away, err = s.reach(node)
	}
	var stream net.Conn
	if err != nil {
		refuse(s.ctx, ws, err)
	} else {
		defer away()
		stream, err = s.open(s.ctx, ws, entry, node, from)
	}
	s.count(err)
	if err != nil {
		if s.told.Take(source) {
			s.cfg.Logger.Info("an app was not spliced to a switch", "node", node, "from", from, "code", errs.CodeOf(err), "error", err)
		}
		return
	}
	s.pump(ws, stream)
}

// seenAt is where an app is seen, for logs and their limits: behind a proxy of ours the source that the proxy names, of no port.
func seenAt(r *http.Request, source netip.Prefix) string {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !source.IsValid() || source == limit.Source(at.Addr()) {
		return r.RemoteAddr
	}
	return netip.AddrPortFrom(source.Addr(), 0).String()
}

// open brings the entry to the switch and the verdict to the app. After an error the WebSocket is closed.
func (s *Splice) open(ctx context.Context, ws *websocket.Conn, entry []byte, node, from string) (stream net.Conn, err error) {
	defer func() {
		if err != nil && stream != nil {
			_ = stream.Close()
		}
	}()
	opening, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	stream, err = s.cfg.Open(opening, node, from)
	var answer json.RawMessage
	if err == nil {
		answer, err = ask(stream, entry)
	}
	if err != nil {
		refuse(ctx, ws, err)
		return stream, err
	}
	var v proof.Verdict
	if err := json.Unmarshal(answer, &v); err != nil || !v.OK && v.Error == nil {
		err = errs.New(errs.Invalid, "the switch said neither yes nor no")
		refuse(ctx, ws, err)
		return stream, err
	}
	if err := write(ctx, ws, answer); err != nil {
		_ = ws.CloseNow()
		return stream, errs.New(errs.LegLost, "the app is gone: %w", err)
	}
	if v.Error != nil {
		_ = ws.Close(websocket.StatusNormalClosure, "")
		return stream, v.Error
	}
	return stream, nil
}

// readEntry reads the first frame: JSON, which becomes one line.
func readEntry(ctx context.Context, ws *websocket.Conn) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, entryTime)
	defer cancel()
	_, b, err := ws.Read(ctx)
	if err != nil {
		return nil, errs.New(errs.KeyMissing, "no session key was shown: %w", err)
	}
	var line bytes.Buffer
	if len(b) > proof.MaxEntry {
		err = errs.New(errs.KeyMalformed, "first frame of more than %d bytes", proof.MaxEntry)
	} else if err = json.Compact(&line, b); err != nil {
		err = errs.New(errs.KeyMalformed, "first frame: %w", err)
	}
	return append(line.Bytes(), '\n'), err
}

// ask writes the entry and returns the switch's answer.
func ask(stream net.Conn, entry []byte) (answer json.RawMessage, err error) {
	gone := func(err error) error {
		return errs.New(errs.Unreachable, "the switch said nothing of the session key: %w", err)
	}
	if err := stream.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return nil, gone(err)
	}
	if _, err := stream.Write(entry); err != nil {
		return nil, gone(err)
	}
	if err := proof.ReadLine(stream, proof.MaxVerdict, &answer); err != nil {
		return nil, gone(err)
	}
	return answer, stream.SetDeadline(time.Time{})
}

// refuse tells an app why it is not spliced, in the form of a switch's verdict.
func refuse(ctx context.Context, ws *websocket.Conn, why error) {
	b, err := json.Marshal(proof.Verdict{Error: errs.From(why)})
	if err == nil {
		err = write(ctx, ws, b)
	}
	if err != nil {
		_ = ws.CloseNow()
		return
	}
	_ = ws.Close(websocket.StatusNormalClosure, "") // it is closed either way
}

func write(ctx context.Context, ws *websocket.Conn, b []byte) error {
	ctx, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	kind := websocket.MessageText
	if !utf8.Valid(b) { // RFC 6455, 5.6
		kind = websocket.MessageBinary
	}
	return ws.Write(ctx, kind, b)
}
