package switchnode

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/fabric"
	"strowger/pkg/link"
	"strowger/switchnode/internal/lamp"
	"strowger/switchnode/internal/lampline"
	"strowger/switchnode/internal/sitecopy"
)

// maxHeard is how many messages of other switches may wait; what is dropped is said again.
const maxHeard = 256

// exchange is how this switch and others tell each other of lamps.
type exchange struct {
	wake    chan struct{} // capacity 1
	heard   chan came     // from others
	lines   *lampline.Lines
	counts  tally
	there   map[string]bool             // users with a registered phone; guarded by lamps.mu
	renewed bool                        // the way to others has changed; likewise
	roamers map[string]fabric.LampState // what the cloud says of users without a home; likewise
	linked  map[string]bool             // switches that asked over a link, not by the cloud, the last time; likewise
}

// came is what another switch says, and by which way.
type came struct {
	fabric.Lamps
	link bool
}

func newExchange() exchange {
	return exchange{wake: make(chan struct{}, 1), heard: make(chan came, maxHeard), linked: map[string]bool{}, roamers: map[string]fabric.LampState{}}
}

// firstTurn is where a run begins to count its questions: no answer to an earlier run fits it.
func firstTurn() uint64 { return 1<<32 + uint64(rand.Uint32())<<16 }

func (x *exchange) stir() {
	select {
	case x.wake <- struct{}{}:
	default: // it is about to look
	}
}

// hear takes what another switch says.
func (x *exchange) hear(m fabric.Lamps, link bool) {
	select {
	case x.heard <- came{m, link}:
	default:
		x.counts.add("dropped")
	}
}

// reconnected has everything asked and told anew.
func (l *lamps) reconnected() {
	if l == nil {
		return
	}
	l.mu.Lock()
	l.renewed = true
	l.mu.Unlock()
	l.stir()
}

// run tells other switches of lamps, and asks them, until ctx ends.
func (l *lamps) run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case m := <-l.heard:
			l.take(ctx, m)
		case <-l.wake:
		case <-timer.C:
		}
		timer.Reset(l.proceed(ctx))
	}
}

// proceed does what is due, and returns when to do it again.
func (l *lamps) proceed(ctx context.Context) time.Duration {
	now := time.Now()
	l.mu.Lock()
	if l.renewed {
		l.renewed, l.again = false, time.Time{}
		l.away.Renew()
	}
	faded := l.board.Fade(now)
	for _, user := range faded {
		l.news[user] = true
	}
	out := l.changes(now)
	if !now.Before(l.again) {
		out, l.again = append(out, l.sent.Again()...), now.Add(fabric.LampRefresh)
	}
	l.home.Expire(now)
	questions, lost := l.away.Due(now)
	out = append(out, questions...)
	next := l.again
	if at := l.away.Next(); !at.IsZero() && at.Before(next) {
		next = at
	}
	l.mu.Unlock()
	l.node.calls.lot.Swept()
	l.notifier.Changed(append(lamp.Numbers(lost...), lamp.Names(faded...)...)...)
	for _, m := range out {
		l.send(ctx, m)
	}
	return max(0, time.Until(next))
}

// changes is what to tell of users who are not what they were. l.mu is held.
func (l *lamps) changes(now time.Time) (out []fabric.Lamps) {
	if len(l.news) == 0 {
		return nil
	}
	s := l.node.copy.Snapshot()
	var users []string
	for user := range l.news {
		users = append(users, user)
		if user != "" && !s.Lives(user) {
			out = append(out, l.sent.Changed(user, l.board.Here(user))...)
		}
	}
	clear(l.news)
	slices.Sort(users)
	return append(out, l.home.Changed(users, l.ways(""), now)...)
}

// ways is how what is asked for is found, over a link by that switch. l.mu is held while they are used.
func (l *lamps) ways(from string) lamp.Ways {
	s := l.node.copy.Snapshot()
	return lamp.Ways{State: l.known, Find: func(q fabric.LampAsk) (lamp.Watched, error) {
		if q.User != "" {
			if len(l.roamers) >= maxRoamers {
				clear(l.roamers) // the next questions bring those back that are watched
			}
			l.roamers[q.User] = fabric.LampState{Name: q.Name, Reachable: q.Reachable}
		}
		return s.Asked(q, from)
	}}
}

// maxRoamers is of how many users without a home switch something is kept.
const maxRoamers = 1 << 16

// take takes what another switch says.
func (l *lamps) take(ctx context.Context, c came) {
	m, now := c.Lamps, time.Now()
	var answer fabric.Lamps
	from, home := "", (func(string) string)(nil)
	if c.link { // the cloud has looked at what comes by it
		from, home = m.From, l.homes(now)
	}
	l.mu.Lock()
	if len(m.Asks) > 0 {
		answer = l.home.Asked(m, l.ways(from), now)
		if delete(l.linked, m.From); c.link {
			l.linked[m.From] = true
		}
	}
	strangers := l.away.Strangers
	numbers := l.away.Heard(m, home, now)
	for range l.away.Strangers - strangers {
		l.counts.add("not its lamp")
	}
	var users []string
	if m.From != l.node.identity.Load().Node { // of one without a home this may be the switch that is to know
		users = l.board.Sighted(m, now)
	}
	for _, user := range users {
		l.news[user] = true
	}
	l.mu.Unlock()
	l.notifier.Changed(append(lamp.Numbers(numbers...), lamp.Names(users...)...)...)
	if len(answer.Tells) > 0 {
		l.send(ctx, answer)
	}
}

// homes is whose lamp a number is by the documents.
func (l *lamps) homes(now time.Time) func(number string) string {
	s := l.node.copy.Snapshot()
	return func(number string) string {
		node, _ := s.LampHome(number, now)
		return node.ID
	}
}

// send has a message go where it is for: by the cloud, or over links where there is no way by it.
func (l *lamps) send(ctx context.Context, m fabric.Lamps) {
	f, connected := l.node.fabric, l.node.fabric.Status().Connected
	s := l.node.copy.Snapshot()
	if m.To != "" {
		l.mu.Lock()
		linked := l.linked[m.To]
		l.mu.Unlock()
		if to, ok := s.Node(m.To); ok && (linked || !connected) {
			l.counts.add("by link")
			l.lines.Send(to, m)
			return
		}
	}
	if connected && fabric.Publish(ctx, f, fabric.SubjectLamp(f.Org(), f.Node()), m) == nil {
		l.counts.add("by the cloud")
	} else if len(m.Asks) == 0 {
		l.counts.add("unsent")
	}
	for _, to := range l.others(s, m.Asks, !connected) {
		l.counts.add("by link")
		l.lines.Send(to.node, fabric.Lamps{Boot: m.Boot, Turn: m.Turn, Asks: to.asks})
	}
}

// asked is what one switch is asked.
type asked struct {
	node designation.Node
	asks []fabric.LampAsk
}

// others is what is to be asked over links: all, or what the cloud has brought no answer to.
func (l *lamps) others(s *sitecopy.Snapshot, asks []fabric.LampAsk, all bool) map[string]*asked {
	to := map[string]*asked{}
	for _, q := range asks {
		l.mu.Lock()
		ask := all || l.away.Unheard(q.Number)
		l.mu.Unlock()
		if !ask {
			continue
		}
		node, ok := s.LampHome(q.Number, l.node.now())
		if !ok {
			continue
		}
		if to[node.ID] == nil {
			to[node.ID] = &asked{node: node}
		}
		to[node.ID].asks = append(to[node.ID].asks, q)
	}
	return to
}

// serveLamps takes what the cloud passes on.
func (n *node) serveLamps() error {
	_, err := fabric.Subscribe(n.fabric, fabric.SubjectLamps(n.fabric.Org(), n.fabric.Node()), func(_ fabric.Subject, m fabric.Lamps) { n.lamps.hear(m, false) })
	return err
}

// lampLines is the lines to other switches over links.
func (n *node) lampLines() *lampline.Lines {
	return lampline.New(lampline.Config{
		Connect: func(ctx context.Context, to designation.Node) (*link.Conn, error) { return n.endpoint.Connect(ctx, to) },
		Hear:    func(m fabric.Lamps) { n.lamps.hear(m, true) }, Count: n.lamps.counts.add, Logger: n.log,
	})
}

// publishLamps makes the figures of lamps readable at /metrics.
func (n *node) publishLamps() {
	l := n.lamps
	for event, name := range map[string]string{lamp.Dialogs: "lamps", lamp.Presence: "lamps_presence", lamp.Messages: "lamps_messages"} {
		n.health.Gauge(name, "Subscriptions of phones to "+event+".", func() float64 { return float64(l.notifier.Packages()[event]) })
	}
	n.health.Gauge("lamps_watched_elsewhere", "Lamps of this switch's users that other switches watch.", func() float64 {
		l.mu.Lock()
		defer l.mu.Unlock()
		return float64(l.home.Watches())
	})
	n.health.Counts("lamp_events_total", "What became of subscriptions and NOTIFYs.", "event", l.notifier.Counts)
	n.health.Counts("lamp_messages_total", "What switches tell each other of lamps, by the way that it went, or what became of it.", "event", l.counts.snapshot)
}
