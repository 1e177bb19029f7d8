package directory

import (
	"time"

	"strowger/cloud/internal/store"
	"strowger/pkg/designation"
	"strowger/pkg/rest"
)

// Snapshot is one organization at one moment. It is never changed.
type Snapshot struct {
	registry store.Registry

	sites    map[string]*rest.Site
	switches map[string]*rest.Switch
	users    map[string]*user
	devices  map[string]*rest.Device
	dial     map[string]*rest.Number // by what the whole organization dials
	local    map[extension]*rest.Number
}

type extension struct{ site, digits string }

// user is a user with what belongs to them, each in the order of ids.
type user struct {
	*rest.User
	phones  []*rest.Device // desk phones
	apps    int
	numbers []*rest.Number
}

// NewSnapshot indexes a registry, which must not be changed afterwards.
func NewSnapshot(g store.Registry) *Snapshot {
	s := &Snapshot{
		registry: g,
		sites:    make(map[string]*rest.Site, len(g.Sites)),
		switches: make(map[string]*rest.Switch, len(g.Switches)),
		users:    make(map[string]*user, len(g.Users)),
		devices:  make(map[string]*rest.Device, len(g.Devices)),
		dial:     make(map[string]*rest.Number, len(g.Numbers)),
		local:    make(map[extension]*rest.Number, len(g.Numbers)),
	}
	for i := range g.Sites {
		s.sites[g.Sites[i].ID] = &g.Sites[i]
	}
	for i := range g.Switches {
		s.switches[g.Switches[i].ID] = &g.Switches[i]
	}
	for i := range g.Users {
		s.users[g.Users[i].ID] = &user{User: &g.Users[i]}
	}
	for i := range g.Devices {
		d := &g.Devices[i]
		s.devices[d.ID] = d
		if u := s.users[d.User]; d.Kind == designation.DeskPhone {
			u.phones = append(u.phones, d)
		} else {
			u.apps++
		}
	}
	for i := range g.Numbers {
		n := &g.Numbers[i]
		s.dial[n.Dial] = n
		if n.Site != "" {
			s.local[extension{n.Site, n.Digits}] = n
		}
		u := s.users[n.User]
		u.numbers = append(u.numbers, n)
	}
	return s
}

// home is the home switch of a user: the one that an admin set, else that of the first desk phone that is enabled; ""
// if there is none.
func (u *user) home() string {
	if u.HomeSwitch != "" {
		return u.HomeSwitch
	}
	for _, d := range u.phones {
		if d.Enabled {
			return d.Switch
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
}

// Switch returns a switch by its id.
func (s *Snapshot) Switch(id string) (Switch, bool) {
	v, ok := s.switches[id]
	if !ok {
		return Switch{}, false
	}
	return Switch{ID: v.ID, Name: v.Name, KeyHash: v.KeyHash, Site: v.Site, SiteName: s.sites[v.Site].Name, Enrolled: v.State == "enrolled"}, true
}

// HomeOf returns the home switch of a device, "" if the device or its home is not known.
func (s *Snapshot) HomeOf(device string) string {
	if d, ok := s.devices[device]; ok {
		return d.Switch
	}
	return ""
}

// Devices is how many devices there are.
func (s *Snapshot) Devices() int { return len(s.devices) }

// Ring is how long a call rings before it is no answer.
func (s *Snapshot) Ring() time.Duration {
	return time.Duration(s.registry.Organization.RingSeconds) * time.Second
}
