package rest

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/wish"
)

// Queue is a callee that is several users: who calls one of its numbers talks to the member who answers, and waits while all are on the
// phone. Of its policy the members' own priorities and fall-backs are not part, nor is it of theirs.
type Queue struct {
	Meta
	Organization string `json:"organization" readOnly:"true"`
	Name         string `json:"name" minLength:"1" maxLength:"100"`
	// Switch is where callers wait. Desk phones of members are at this one.
	Switch  string `json:"switch"`
	Enabled bool   `json:"enabled"`
	// Members is the ids of the users who answer, at most 30.
	Members []string `json:"members" maxItems:"30"`
	// Ring is how members ring who are free: all at once, one after another in their order, or so that who has had no call for longest
	// is first; round-robin: each call begins behind the member with whom the last one began.
	Ring designation.Hunt `json:"ring" enum:"all,order,idle,round-robin"`
	// StepSeconds is how long after one member the next rings, 1 to 60, unless all ring at once.
	StepSeconds int `json:"step_seconds" minimum:"1" maximum:"60"`
	// Policy: queue_length is 1 at least, and priority 0.
	Policy
	wish.Hours
}

// NewQueue is what a create starts from.
func NewQueue(name string) Queue {
	return Queue{Name: name, Enabled: true, Ring: designation.HuntAll, StepSeconds: 15, Policy: Policy{QueueLength: 10}}
}

// QueueServices is the queues of the organization.
func (c Client) QueueServices() Collection[Queue] { return collection[Queue](c, "queues") }

// QueuedCall is a call that waits for a user, or the members of a queue, who are on the phone.
type QueuedCall struct {
	Call       string            `json:"call"`        // id
	Switch     string            `json:"switch"`      // id of the switch where it waits
	SwitchName string            `json:"switch_name"` // its name
	From       designation.Party `json:"from"`
	To         designation.Party `json:"to"`
	Position   int               `json:"position"` // 1 is the head
	// WaitSeconds is the expected wait; absent while nothing is known.
	WaitSeconds *int      `json:"wait_seconds,omitempty"`
	Priority    int       `json:"priority"`
	Emergency   bool      `json:"emergency"`
	Since       time.Time `json:"since"`
	Until       time.Time `json:"until"` // when it has waited long enough
	// Away says that the caller hung up and kept the place: they are called back.
	Away bool `json:"away"`
}

// Queues is all calls that wait, by switch and callee, the head first.
type Queues struct {
	Items []QueuedCall `json:"items"`
	// Away is the names of switches that did not answer: who waits there is not known.
	Away []string `json:"away,omitempty"`
	// More is how many calls wait that are not listed.
	More int `json:"more,omitempty"`
}

// Move is where a waiting call is to stand.
type Move struct {
	Position int `json:"position" minimum:"1" maximum:"1000"`
}

// Queues reads who waits now.
func (c Client) Queues(ctx context.Context) (Queues, error) {
	var q Queues
	err := c.do(ctx, request{method: http.MethodGet, path: "queued-calls"}, &q)
	return q, err
}

// MoveQueued puts a waiting call at a position, 1 being the head, as far as its rank allows.
func (c Client) MoveQueued(ctx context.Context, call string, position int) error {
	_, err := act[Queues](ctx, c, "queued-calls", call, "move", Move{Position: position})
	return err
}

// RemoveQueued ends the waiting of a call. It goes to the callee's fall-back of calls that waited too long, or ends.
func (c Client) RemoveQueued(ctx context.Context, call string) error {
	return c.do(ctx, request{method: http.MethodDelete, path: "queued-calls/" + url.PathEscape(call)}, nil)
}
