package directory

import (
	"slices"

	"strowger/pkg/guard"
	"strowger/pkg/sitecopy"
)

// guards is what the switches need to judge calls to the phone network. Every switch has it of all users: anybody's call may leave
// there.
func (s office) guards() sitecopy.Guards {
	g := sitecopy.Guards{Organization: s.registry.Organization.Guard, Users: map[string]*guard.Policy{}, Trunks: map[string]*guard.Policy{}}
	for _, u := range s.registry.Users {
		if u.Guard != nil {
			g.Users[u.ID] = u.Guard
		}
	}
	for _, t := range s.registry.Trunks {
		if t.Guard != nil {
			g.Trunks[t.ID] = t.Guard
		}
		if t.Enabled && !slices.Contains(g.Switches, t.Switch) {
			g.Switches = append(g.Switches, t.Switch)
		}
	}
	slices.Sort(g.Switches)
	return g
}
