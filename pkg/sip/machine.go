package sip

import "time"

// RFC 3261, table 4: T4, and the timers that are made of T1.
const (
	t4     = 5 * time.Second
	timerD = 32 * time.Second // at least
)

// stage is how far a transaction has come.
type stage int

const (
	trying     stage = iota // Calling or Trying of a client, before any response of a server
	proceeding              // a provisional response was sent or received
	completed               // a final response was, but not a 2xx to an INVITE
	accepted                // a server sent a 2xx to an INVITE (RFC 6026, 7.1)
	confirmed               // a server has the ACK of its refusal of an INVITE
	terminated
)

// action is what to do after a step, in bits.
type action int

const (
	repeat action = 1 << iota // send what was sent last, or for a client INVITE its ACK
	pass                      // give the message to the transaction's user
	lapse                     // tell the user that no response came
)

// machine is a transaction without its messages and without a clock (RFC 3261, 17). RFC 6026 gives clients an Accepted
// state with timer M, and RFC 3261 a Completed state with timer K, in which they take copies of responses: a 2xx that
// belongs to no transaction finds its dialog here and anything else is dropped, so both states are Terminated.
type machine struct {
	client, invite, reliable bool

	stage stage
	wait  time.Duration
	again time.Time // timers A, E, G: when to repeat; zero is never
	end   time.Time // timers B, D, F, H, I, J, L: when the stage ends; zero is never
}

// next returns when tick is due, zero if never.
func (m *machine) next() time.Time {
	if m.again.IsZero() || !m.end.IsZero() && m.end.Before(m.again) {
		return m.end
	}
	return m.again
}

// open says whether the user still waits, or has yet to respond.
func (m *machine) open() bool { return m.stage <= proceeding }

// begin says that the request of a client was sent.
func (m *machine) begin(now time.Time) {
	m.end = now.Add(giveUp) // timers B and F
	m.retransmit(now)
}

// await says that the request of a server came. Its client gives up after as long (timers B and F), but an INVITE that has a
// provisional response: what its user leaves unanswered ends then.
func (m *machine) await(now time.Time) { m.end = now.Add(giveUp) }

// retransmit starts timer A, E or G.
func (m *machine) retransmit(now time.Time) {
	if !m.reliable {
		m.wait, m.again = t1, now.Add(t1)
	}
}

// enter begins a stage that nothing is repeated in. If it has no length, the transaction is over.
func (m *machine) enter(s stage, now time.Time, length time.Duration) {
	m.stage, m.again, m.end = s, time.Time{}, now.Add(length)
	if length == 0 {
		m.finish()
	}
}

func (m *machine) finish() { m.stage, m.again, m.end = terminated, time.Time{}, time.Time{} }

// unreliable is the length of a stage that only catches copies: none where there are no copies.
func (m *machine) unreliable(d time.Duration) time.Duration {
	if m.reliable {
		return 0
	}
	return d
}

// received is a response to a client.
func (m *machine) received(now time.Time, code int) action {
	switch {
	case m.stage == completed && code >= 300: // 17.1.1.2: a copy wants its ACK
		return repeat
	case !m.open():
		return 0
	case code < 200:
		m.stage = proceeding
		if m.invite {
			m.again, m.end = time.Time{}, time.Time{}
		}
		return pass
	case m.invite && code >= 300:
		m.enter(completed, now, m.unreliable(timerD))
		return pass | repeat
	}
	m.finish()
	return pass
}

// copied is a request that comes to its server again.
func (m *machine) copied() action {
	if m.stage == proceeding || m.stage == completed {
		return repeat // 17.2.1 and 17.2.2
	}
	return 0
}

// acked is an ACK that has the branch of its INVITE.
func (m *machine) acked(now time.Time) action {
	switch m.stage {
	case completed:
		m.enter(confirmed, now, m.unreliable(t4)) // timer I
	case accepted:
		return pass // RFC 6026, 7.1: that of a client older than RFC 3261
	}
	return 0
}

// respond is a response that the user of a server sends; repeat says that it may go out.
func (m *machine) respond(now time.Time, code int) action {
	switch {
	case m.stage == accepted && code >= 200 && code < 300: // RFC 6026, 7.1: the user repeats it
	case !m.open():
		return 0
	case code < 200:
		m.stage = proceeding
		if m.invite {
			m.end = time.Time{}
		}
	case m.invite && code < 300:
		m.enter(accepted, now, giveUp) // timer L
	case m.invite:
		m.enter(completed, now, giveUp) // timer H
		m.retransmit(now)               // timer G
	default:
		m.enter(completed, now, m.unreliable(giveUp)) // timer J
	}
	return repeat
}

// tick is the time that next named.
func (m *machine) tick(now time.Time) action {
	switch {
	case !m.end.IsZero() && !now.Before(m.end):
		waits := m.client && m.open()
		m.finish()
		if waits {
			return lapse
		}
		return 0
	case m.again.IsZero() || now.Before(m.again):
		return 0
	case m.client && m.invite: // 17.1.1.2: timer A doubles
		m.wait *= 2
	case m.client && m.stage == proceeding: // 17.1.2.2: timer E
		m.wait = t2
	default: // timers E and G
		m.wait = min(2*m.wait, t2)
	}
	m.again = now.Add(m.wait)
	return repeat
}
