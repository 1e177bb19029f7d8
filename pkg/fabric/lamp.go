package fabric

import (
	"time"

	"strowger/pkg/errs"
)

// Times of lamps across switches. What is watched is asked for again so often that two messages may be lost before the lease ends; a lamp
// of which nothing was heard for so long is put out.
const (
	LampRefresh = 15 * time.Second
	LampLease   = 3 * LampRefresh
)

// MaxLamps is how many asks, tells or sights one Lamps has at most, MaxWatchers how many watchers one ask.
const (
	MaxLamps    = 100
	MaxWatchers = 200
)

// Lamps is what switches tell each other of who is on the phone. Every user has one switch that knows all their calls: their home or, of
// one without, the switch that the cloud chooses. Who watches asks it, again every LampRefresh, which is a lease of LampLease there;
// while it lasts changes are told. A switch that anchors calls of users of elsewhere tells theirs of them.
//
// Subject o.<org>.sw.<switch>.lamp to the cloud, which finds whose home is where, sets From, and passes everything on by
// o.<org>.node.<node>.lamp; none is answered. It lets a switch ask for its own users only, and tell only of users whose lamps it knows; over
// a link who hears it judges that by the documents. Without the cloud the same goes over a stream of a link (package link), asks only to homes
// that the documents name. Any message may be lost, come twice or late: each is true by itself.
type Lamps struct {
	Header
	From   string      `json:"from,omitempty"` // switch; of what the cloud passes on
	To     string      `json:"to,omitempty"`   // switch that tells are for
	Boot   string      `json:"boot"`           // run of the sender
	Turn   uint64      `json:"turn,omitempty"` // of asks: counts up, from anywhere; of tells: that of what they answer, 0 for changes
	Asks   []LampAsk   `json:"asks,omitempty"`
	Tells  []LampTell  `json:"tells,omitempty"`
	Sights []LampSight `json:"sights,omitempty"`
}

// Check says what is wrong with lamps of a switch: they are too many for one message.
func (m Lamps) Check() error {
	for what, n := range map[string]int{"asks": len(m.Asks), "tells": len(m.Tells), "sights": len(m.Sights)} {
		if n > MaxLamps {
			return errs.New(errs.Invalid, "%d %s of lamps in one message, %d are allowed", n, what, MaxLamps)
		}
	}
	for _, q := range m.Asks {
		if len(q.By) > MaxWatchers {
			return errs.New(errs.Invalid, "%d watchers of the lamp of %s in one ask, %d are allowed", len(q.By), q.Number, MaxWatchers)
		}
	}
	return nil
}

// LampAsk asks for the lamp of a number, and to be told when it changes.
type LampAsk struct {
	Number string   `json:"number"` // as the whole organization dials it
	By     []string `json:"by"`     // ids of the users who watch
	// What the cloud adds of a user without a home switch.
	User      string `json:"user,omitempty"`
	Name      string `json:"name,omitempty"`
	Private   bool   `json:"private,omitempty"`   // only who may pick up their calls sees it
	Reachable bool   `json:"reachable,omitempty"` // an app of theirs can be woken
}

// LampTell is the lamp of a number.
type LampTell struct {
	Number string `json:"number"`
	// Of an answer.
	By     []string    `json:"by,omitempty"`     // who may see it,
	Denied []string    `json:"denied,omitempty"` // and who may not
	Error  *errs.Error `json:"error,omitempty"`  // why there is none; then nothing else is said

	Version uint64 `json:"version,omitempty"` // counts up in a run of the sender, with every change
	LampState
}

// LampState is what there is to see of a user.
type LampState struct {
	Name      string       `json:"name,omitempty"`
	Reachable bool         `json:"reachable,omitempty"`
	Dialogs   []LampDialog `json:"dialogs,omitempty"`
}

// LampSight is the calls of a user at the switch that says so, all of them, every LampRefresh as long as there are any.
type LampSight struct {
	User    string       `json:"user"` // id
	Version uint64       `json:"version"`
	Dialogs []LampDialog `json:"dialogs,omitempty"`
}

// LampDialog is a user's side of a call, in the words of RFC 4235.
type LampDialog struct {
	ID        string       `json:"id"`
	Call      string       `json:"call"`
	LocalTag  string       `json:"local_tag,omitempty"`
	RemoteTag string       `json:"remote_tag,omitempty"`
	Direction string       `json:"direction"` // "initiator", "recipient"
	State     string       `json:"state"`     // "trying", "early", "confirmed"
	Local     LampIdentity `json:"local,omitzero"`
	Remote    LampIdentity `json:"remote,omitzero"` // zero if it is not shown
}

// LampIdentity is somebody as a lamp shows them.
type LampIdentity struct {
	Number string `json:"number,omitempty"`
	Name   string `json:"name,omitempty"`
}

// SubjectLamp is where a switch sends Lamps.
func SubjectLamp(org, sw string) string { return subject(org, familySwitch, sw, "lamp") }

// SubjectLamps is where a switch gets the Lamps of others.
func SubjectLamps(org, node string) string { return subject(org, familyNode, node, "lamp") }
