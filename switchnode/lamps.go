package switchnode

import (
	"sync"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/lamp"
	"strowger/switchnode/internal/sipside"
)

// lamps is what phones of this switch watch: who is on the phone, and whether messages wait.
type lamps struct {
	node     *node
	notifier *sip.Notifier
	exchange

	mu    sync.Mutex // guards what follows: never held across I/O
	board *lamp.Board
	codes map[lamp.Resource]bool // star codes that are watched, and whether they are lit
	news  map[string]bool        // users whose calls, or phones, are not what they were
	away  *lamp.Away
	home  *lamp.Home
	sent  *lamp.Abroad
	again time.Time // when sights are told again
}

func newLamps(n *node) *lamps {
	return &lamps{
		node: n, board: lamp.New(), news: map[string]bool{}, codes: map[lamp.Resource]bool{}, exchange: newExchange(),
		away: lamp.NewAway(n.boot, firstTurn()), home: lamp.NewHome(n.boot), sent: lamp.NewAbroad(n.boot),
	}
}

// serve has phones subscribe.
func (l *lamps) serve(p *sipside.Phones) { l.notifier = p.ServeLamps(l, l.waits) }

// see takes a call as it stands.
func (l *lamps) see(v call.View) {
	l.mu.Lock()
	changed := l.board.Step(v)
	for _, user := range changed {
		l.news[user] = true
	}
	l.mu.Unlock()
	l.notifier.Changed(lamp.Names(changed...)...)
	l.stir()
}

// busy says whether a user is in a call at a phone here, or rings for one.
func (l *lamps) busy(user string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.board.Here(user)) > 0
}

// talks is the calls in which a user talks at a device.
func (l *lamps) talks(user, device string) []lamp.Dialog {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.board.At(user, device)
}

// registered says that other phones are registered now, of whomever.
func (l *lamps) registered(devices []string) {
	if l == nil || l.notifier == nil {
		return
	}
	s := l.node.copy.Snapshot()
	now := map[string]bool{}
	for _, device := range devices {
		now[s.UserOf(device)] = true
	}
	l.mu.Lock()
	var changed []string
	for user := range now {
		if !l.there[user] {
			changed = append(changed, user)
		}
	}
	for user := range l.there {
		if !now[user] {
			changed = append(changed, user)
		}
	}
	l.there = now
	for _, user := range changed {
		l.news[user] = true
	}
	l.mu.Unlock()
	for _, user := range changed {
		l.notifier.Changed(lamp.Name(lamp.Presence, user))
	}
	l.stir()
}

// mail says that the messages of a user are others. It is told of none while the switch starts.
func (l *lamps) mail(user string) {
	if l == nil || l.notifier == nil {
		return
	}
	l.notifier.Changed(lamp.Name(lamp.Messages, user))
	for _, device := range l.node.copy.Snapshot().DevicesOf(user) {
		l.node.phones.MailChanged(device)
	}
}

// waits is how many messages wait for the user of a device.
func (l *lamps) waits(device string) (fresh, old int, ok bool) {
	s := l.node.copy.Snapshot()
	user := s.UserOf(device)
	if _, _, ok := s.Mailbox(user); !ok {
		return 0, 0, false
	}
	fresh, old = l.node.mailboxes.Store.Summary(user)
	return fresh, old, true
}

// watchTime is for how long a number of elsewhere is watched for a phone that subscribes, and does not again.
const watchTime = 16 * time.Minute

// Watch says what a phone watches that subscribes to a number.
func (l *lamps) Watch(event string, by sipside.Account, number string) (lamp.Resource, error) {
	s := l.node.copy.Snapshot()
	if r, ok, err := l.watchesCode(s, number, by.Party.User); ok {
		if err == nil && event == lamp.Messages {
			err = errs.New(errs.Forbidden, "%s has no messages; subscribe to your own number, %s", number, by.Party.Number)
		}
		return r, err
	}
	to, away, err := s.Watched(by.Device, number)
	if err != nil {
		return lamp.Resource{}, err
	}
	r := lamp.Resource{User: to.User, By: by.Party.User}
	switch {
	case event == lamp.Messages && (away || r.User != r.By): // they are nobody else's business
		return lamp.Resource{}, errs.New(errs.Forbidden, "the messages of %s are for them alone; subscribe to your own number, %s", number, by.Party.Number)
	case away:
		r.User, r.Number = "", to.Number
		l.mu.Lock()
		full := l.away.Full(r.Number)
		ask := !full && l.away.Want(r.Number, r.By, l.node.now().Add(watchTime))
		l.mu.Unlock()
		if full {
			return lamp.Resource{}, errs.New(errs.Congested, "this switch watches as many numbers of other offices as it can")
		}
		if ask {
			l.stir()
		}
	}
	return r, nil
}

// Judge says what is known of the right to what is watched.
func (l *lamps) Judge(r lamp.Resource) (sip.Standing, error) {
	if r.Number == "" {
		return sip.Active, nil
	}
	_, standing, err := l.look(r)
	if err != nil && standing != sip.Pending {
		return standing, err
	}
	return standing, nil
}

// look is what is known of somebody elsewhere.
func (l *lamps) look(r lamp.Resource) (fabric.LampState, sip.Standing, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	state, standing, err := l.away.Look(r.Number, r.By)
	switch standing {
	case lamp.Asked:
		return state, sip.Pending, nil
	case lamp.Denied:
		return state, sip.Rejected, err
	case lamp.Gone:
		return state, sip.NoResource, err
	}
	return state, sip.Active, nil
}

// Document is what a phone is shown.
func (l *lamps) Document(event string, r lamp.Resource, of lamp.Entity, version uint32) ([]byte, sip.Standing) {
	var state fabric.LampState
	standing := sip.Active
	switch {
	case r.Code != "":
		state = fabric.LampState{Reachable: true, Dialogs: l.lit(r)}
	case r.Number != "":
		state, standing, _ = l.look(r)
	case !l.node.copy.Snapshot().Shows(r.By, r.User):
		return nil, sip.Rejected
	}
	switch {
	case standing > sip.Pending:
		return nil, standing
	case event == lamp.Messages:
		fresh, old := l.node.mailboxes.Store.Summary(r.User)
		return lamp.Summary(of, fresh, old), standing
	case r.User != "":
		state = l.state(r.User)
	}
	if event == lamp.Presence {
		busy, rings := lamp.Busy(state.Dialogs)
		return lamp.PIDF(of, state.Reachable, busy, rings), standing
	}
	return lamp.DialogInfo(of, version, state.Dialogs), standing
}

// state is what this switch knows of a user.
func (l *lamps) state(user string) fabric.LampState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.known(user)
}

// known is state; l.mu is held.
func (l *lamps) known(user string) fabric.LampState {
	state, roams := l.roamers[user]
	if s := l.node.copy.Snapshot(); !roams || s.Lives(user) {
		state = fabric.LampState{Name: s.Name(user), Reachable: l.node.reachable(user)}
	}
	state.Dialogs = l.board.Dialogs(user)
	return state
}

// reachable says whether one of the phones of a user is registered, or an app of theirs can be woken.
func (n *node) reachable(user string) bool {
	s := n.copy.Snapshot()
	for _, device := range s.DevicesOf(user) {
		if len(n.registrar.Lookup(device)) > 0 {
			return true
		}
	}
	return s.Wakes(user)
}
