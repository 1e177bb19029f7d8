package switchnode

import (
	"sync"

	"strowger/pkg/errs"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/lamp"
	"strowger/switchnode/internal/sipside"
)

// lamps is what phones of this switch watch: who is on the phone, and whether messages wait.
type lamps struct {
	node     *node
	notifier *sip.Notifier

	mu    sync.Mutex // guards board: never held across I/O
	board *lamp.Board
}

func newLamps(n *node) *lamps {
	return &lamps{node: n, board: lamp.New()}
}

// serve has phones subscribe.
func (l *lamps) serve(p *sipside.Phones) { l.notifier = p.ServeLamps(l) }

// see takes a call as it stands.
func (l *lamps) see(v call.View) {
	l.mu.Lock()
	changed := l.board.Step(v)
	l.mu.Unlock()
	l.notifier.Changed(lamp.Names(changed...)...)
}

// mail says that the messages of a user are others. It is told of none while the switch starts.
func (l *lamps) mail(user string) {
	if l != nil && l.notifier != nil {
		l.notifier.Changed(lamp.Name(lamp.Messages, user))
	}
}

// Watch says what a phone watches that subscribes to a number.
func (l *lamps) Watch(event string, by sipside.Account, number string) (lamp.Resource, error) {
	s := l.node.copy.Snapshot()
	to, err := s.Watched(by.Device, number)
	if err != nil {
		return lamp.Resource{}, err
	}
	r := lamp.Resource{User: to.User, By: by.Party.User}
	if event == lamp.Messages && r.User != r.By { // they are nobody else's business
		return lamp.Resource{}, errs.New(errs.Forbidden, "the messages of %s are for them alone; subscribe to your own number, %s", number, by.Party.Number)
	}
	return r, nil
}

// Document is what a phone is shown.
func (l *lamps) Document(event string, r lamp.Resource, of lamp.Entity, version uint32) []byte {
	if !l.node.copy.Snapshot().Shows(r.By, r.User) {
		return nil
	}
	if event == lamp.Messages {
		fresh, old := l.node.mailboxes.Store.Summary(r.User)
		return lamp.Summary(of, fresh, old)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if event == lamp.Presence {
		busy, rings := l.board.Busy(r.User)
		return lamp.PIDF(of, l.node.reachable(r.User), busy, rings)
	}
	return lamp.DialogInfo(of, version, l.board.Dialogs(r.User))
}

// reachable says whether one of the phones of a user is registered.
func (n *node) reachable(user string) bool {
	for _, device := range n.copy.Snapshot().DevicesOf(user) {
		if len(n.registrar.Lookup(device)) > 0 {
			return true
		}
	}
	return false
}
