package directory

import (
	"iter"
	"maps"
	"slices"
	"time"

	"strowger/cloud/internal/store"
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/mailbox"
	"strowger/pkg/rest"
	"strowger/pkg/route"
	"strowger/pkg/schedule"
	"strowger/pkg/tariff"
	"strowger/pkg/wish"
)

// Snapshot is one organization at one moment: what admissions need of it. It is never changed.
type Snapshot struct {
	revision     int64
	organization rest.Organization
	sites        map[string]*rest.Site
	zones        map[string]*time.Location // by site
	switches     map[string]*rest.Switch
	trunks       []rest.Trunk             // in the order in which they are tried
	rates        map[string]*tariff.Table // by trunk
	routes       []route.Route
	queues       map[string]int64           // version by id
	clocks       map[string]*schedule.Clock // by id
	names        map[string]string          // of phone numbers outside
	speed        map[string]string          // of the organization: numbers by two digits
	now          time.Time                  // of an admission, see At

	users   index // by id
	devices index // whose it is, by its id
	numbers index // whose it is, by what the whole organization dials
}

// user is a person or a service with what belongs to them, each in the order of ids. There may be a million, so what a call
// needs is together, and small.
type user struct {
	id, name string
	switchID string // home set by an admin
	enabled  bool
	calling  calling // whom they may call
	policy   *policy // nil: the defaults
	devices  []device
	numbers  []number
	service  *service          // nil: a person
	mailbox  *mailbox.Settings // nil: none
}

// service is what a queue has.
type service struct {
	members []string // ids of users, in the order in which they ring
	ring    designation.Hunt
	step    time.Duration
}

// device is a desk phone, at a switch, or an app.
type device struct {
	id, name string
	switchID string           // of a desk phone
	kind     designation.Kind // one of the constants
	enabled  bool
	delay    int8 // seconds until it rings, or rest.NeverRings
	app      *app // nil until an app enrolled
}

// app is what wakes an app: its keys.
type app struct {
	thumbprint, seal string
	unreachable      string // why no push reaches it; "" if one can
}

// number is what can be dialled.
type number struct {
	id, dial string
	site     string             // "": of the whole organization
	queue    *designation.Queue // nil: the user's
	hours    *wish.Hours        // nil: none
}

// device is one of the user's, nil if it is not.
func (u *user) device(id string) *device {
	for i := range u.devices {
		if u.devices[i].id == id {
			return &u.devices[i]
		}
	}
	return nil
}

// number is one of the user's, nil if it is not.
func (u *user) number(dial string) *number {
	for i := range u.numbers {
		if u.numbers[i].dial == dial {
			return &u.numbers[i]
		}
	}
	return nil
}

// NewSnapshot makes the snapshot of a registry.
func NewSnapshot(g store.Registry) *Snapshot {
	e := newEditor(g)
	for _, v := range g.Users {
		e.User(v)
	}
	for _, v := range g.Devices {
		e.Device(v)
	}
	for _, v := range g.Numbers {
		e.Number(v)
	}
	return e.snapshot(g.Revision)
}

// home is the home switch of a user: the one that an admin set, else that of the first desk phone that is enabled; ""
// if there is none.
func (u *user) home() string {
	if u.switchID != "" {
		return u.switchID
	}
	for i := range u.devices {
		if d := &u.devices[i]; d.enabled && d.kind == designation.DeskPhone {
			return d.switchID
		}
	}
	return ""
}

// Switch is what the broker must know of a node.
type Switch struct {
	ID, Name string
	KeyHash  string // "" until it enrolled
	Site     string // id
	SiteName string
	Enrolled bool // and not revoked
	Pool     bool // serves apps that have no switch
}

// Switch returns a switch by its id.
func (s *Snapshot) Switch(id string) (Switch, bool) {
	v, ok := s.switches[id]
	if !ok {
		return Switch{}, false
	}
	return Switch{
		ID: v.ID, Name: v.Name, KeyHash: v.KeyHash, Site: v.Site, SiteName: s.sites[v.Site].Name, Enrolled: v.State == "enrolled", Pool: v.Pool,
	}, true
}

// Switches are the ids of all switches, in no order.
func (s *Snapshot) Switches() iter.Seq[string] { return maps.Keys(s.switches) }

// siteOf is the site of a switch, "" if there is no such switch.
func (s *Snapshot) siteOf(sw string) string {
	if v, ok := s.switches[sw]; ok {
		return v.Site
	}
	return ""
}

// HomeOf returns the home switch of a device, "" if the device or its home is not known.
func (s *Snapshot) HomeOf(device string) string {
	if u := s.devices.get(device); u != nil {
		return u.device(device).switchID
	}
	return ""
}

// Serves says why nobody may be rung at a device, with errs.Disabled or errs.NotFound; nil if they may.
func (s *Snapshot) Serves(device string) error {
	u := s.devices.get(device)
	switch {
	case u == nil:
		return errs.New(errs.NotFound, "device %s is not in the registry", device)
	case !s.organization.Enabled || !u.enabled || !u.device(device).enabled:
		return errs.New(errs.Disabled, "device %s, its user or the organization is disabled", device)
	}
	return nil
}

// ID is that of the organization.
func (s *Snapshot) ID() string { return s.organization.ID }

// Devices is how many devices there are.
func (s *Snapshot) Devices() int { return s.devices.len }

// LivesAt says whether a party is one of the phones at some nodes: all of its device, user and number that the registry
// knows are. known is false if it knows none.
func (s *Snapshot) LivesAt(p designation.Party, nodes ...string) (lives, known bool) {
	lives = true
	check := func(at bool) { lives, known = lives && at, true }
	if u := s.devices.get(p.Device); u != nil {
		check(slices.Contains(nodes, u.device(p.Device).switchID))
	}
	for _, u := range []*user{s.users.get(p.User), s.numbers.get(p.Number)} {
		if u != nil {
			check(u.livesAt(nodes))
		}
	}
	return lives && known, known
}

func (u *user) livesAt(nodes []string) bool {
	return slices.Contains(nodes, u.home()) ||
		slices.ContainsFunc(u.devices, func(d device) bool { return slices.Contains(nodes, d.switchID) })
}

// Ring is how long a call rings before it is no answer.
func (s *Snapshot) Ring() time.Duration {
	return time.Duration(s.organization.RingSeconds) * time.Second
}
