package directory

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"strowger/cloud/internal/store"
	"strowger/pkg/designation"
	"strowger/pkg/rest"
	"strowger/pkg/tariff"
	"strowger/pkg/wish"
)

// editor makes a snapshot of another, or of nothing. It reads users before the devices and numbers that name them; what
// names somebody who is not there is left out.
type editor struct {
	s       Snapshot
	fresh   map[*user]bool  // users that no snapshot has; nil: all of them
	removed map[string]bool // users who were not read yet
}

// newEditor begins a snapshot with nothing but the base of a registry.
func newEditor(g store.Registry) *editor {
	e := &editor{s: Snapshot{
		users:   newIndex(len(g.Users), func(u *user, id string) bool { return u.id == id }),
		devices: newIndex(len(g.Devices), func(u *user, id string) bool { return u.device(id) != nil }),
		numbers: newIndex(len(g.Numbers), func(u *user, dial string) bool { return u.number(dial) != nil }),
	}}
	e.setBase(g)
	e.setRates(g.Rates)
	return e
}

// edit begins a snapshot that differs from s by a change: what the change names is removed, and comes back if it is read.
func (s *Snapshot) edit(g store.Registry, c store.Change) *editor {
	e := &editor{s: *s, fresh: make(map[*user]bool), removed: make(map[string]bool, len(c.Users))}
	e.s.users, e.s.devices, e.s.numbers = s.users.edit(), s.devices.edit(), s.numbers.edit()
	e.setBase(g)
	e.edited(g.Rates, c.Rates)
	for _, id := range c.Users {
		e.removed[id] = true
	}
	for _, id := range c.Devices {
		e.removeDevice(id)
	}
	for _, dial := range c.Dials {
		e.removeNumber(dial)
	}
	return e
}

func (e *editor) setBase(g store.Registry) {
	e.s.organization = g.Organization
	e.s.sites = make(map[string]*rest.Site, len(g.Sites))
	for i := range g.Sites {
		e.s.sites[g.Sites[i].ID] = &g.Sites[i]
	}
	e.s.zones = zonesOf(g.Sites)
	e.s.switches = make(map[string]*rest.Switch, len(g.Switches))
	for i := range g.Switches {
		e.s.switches[g.Switches[i].ID] = &g.Switches[i]
	}
	e.s.trunks, e.s.routes, e.s.clocks = byOrder(g.Trunks), routesOf(g.Routes), clocksOf(g.Schedules)
	e.s.setContacts(g.Contacts)
	e.setQueues(g.Queues)
}

// setQueues has the queues be callees beside the users, whose numbers stay. Few of them change at once.
func (e *editor) setQueues(all []rest.Queue) {
	old := e.s.queues
	e.s.queues = make(map[string]int64, len(all))
	for i := range all {
		v := &all[i]
		e.s.queues[v.ID] = v.Version
		if version, known := old[v.ID]; known && version == v.Version {
			continue
		}
		u := e.user(v.ID)
		if u == nil {
			u = &user{}
			e.note(u)
		}
		u.id, u.name, u.switchID, u.enabled = v.ID, v.Name, e.switchID(v.Switch), v.Enabled
		u.calling, u.policy = callsNational, newPolicy(v.Policy, wish.Wishes{Hours: v.Hours}) // whom it may have called back
		u.service = &service{members: v.Members, ring: v.Ring, step: time.Duration(v.StepSeconds) * time.Second}
		e.s.users.put(u.id, u)
	}
	for id := range old {
		if _, there := e.s.queues[id]; !there {
			e.s.users.remove(id)
		}
	}
}

// setRates puts rates of trunks in the place of all that were there.
func (e *editor) setRates(rates map[string]*tariff.Table) {
	e.s.rates = make(map[string]*tariff.Table, len(rates))
	for _, t := range e.s.trunks {
		if r := rates[t.ID]; r != nil {
			e.s.rates[t.ID] = r
		}
	}
}

// edited keeps the rates of trunks but those of some, which were read again.
func (e *editor) edited(rates map[string]*tariff.Table, again []string) {
	all := maps.Clone(e.s.rates)
	for _, id := range again {
		delete(all, id)
	}
	maps.Copy(all, rates)
	e.setRates(all)
}

// snapshot ends the editor.
func (e *editor) snapshot(revision int64) *Snapshot {
	for id := range e.removed {
		e.s.users.remove(id)
	}
	e.s.revision = revision
	return &e.s
}

// User puts a user in the place of the one before, whose devices and numbers stay.
func (e *editor) User(v rest.User) {
	u := e.user(v.ID)
	if u == nil {
		u = &user{}
		e.note(u)
	}
	u.id, u.name = packed(v.ID, v.Name)
	u.enabled, u.calling, u.switchID = v.Enabled, callingOf(v.Calling), e.switchID(v.HomeSwitch)
	u.policy, u.mailbox = newPolicy(v.Policy, v.Wishes), v.Voicemail.Settings()
	e.s.users.put(u.id, u)
	delete(e.removed, v.ID)
}

// Device puts a device in the place of the one before.
func (e *editor) Device(v rest.Device) {
	e.removeDevice(v.ID)
	u := e.user(v.User)
	if u == nil {
		return
	}
	d := device{kind: kindOf(v.Kind), switchID: e.switchID(v.Switch), enabled: v.Enabled, delay: int8(v.DelaySeconds)}
	d.id, d.name = packed(v.ID, v.Name)
	if v.EnrolledAt != nil {
		d.app = &app{thumbprint: v.Thumbprint, seal: v.SealKey, unreachable: v.Unreachable}
	}
	at, _ := slices.BinarySearchFunc(u.devices, d.id, func(have device, id string) int { return cmp.Compare(have.id, id) })
	u.devices = inserted(u.devices, at, d)
	e.s.devices.put(d.id, u)
}

// Number puts a number in the place of the one that was dialled the same.
func (e *editor) Number(v rest.Number) {
	e.removeNumber(v.Dial)
	u := e.user(cmp.Or(v.User, v.Queue))
	if u == nil {
		return
	}
	n := number{site: v.Site, queue: queueOf(v), hours: hoursOf(v.Hours)}
	n.id, n.dial = packed(v.ID, v.Dial)
	if s, ok := e.s.sites[v.Site]; ok {
		n.site = s.ID
	}
	at, _ := slices.BinarySearchFunc(u.numbers, n.id, func(have number, id string) int { return cmp.Compare(have.id, id) })
	u.numbers = inserted(u.numbers, at, n)
	e.s.numbers.put(n.dial, u)
}

func (e *editor) removeDevice(id string) {
	if u := e.s.devices.get(id); u != nil {
		u = e.own(u)
		e.s.devices.remove(id)
		u.devices = without(u.devices, u.device(id))
	}
}

func (e *editor) removeNumber(dial string) {
	if u := e.s.numbers.get(dial); u != nil {
		u = e.own(u)
		e.s.numbers.remove(dial)
		u.numbers = without(u.numbers, u.number(dial))
	}
}

// user returns a user to be changed, nil if there is none.
func (e *editor) user(id string) *user {
	if u := e.s.users.get(id); u != nil {
		return e.own(u)
	}
	return nil
}

// own returns a user who can be changed: u, or one in the place of u that nobody else has.
func (e *editor) own(u *user) *user {
	if e.fresh == nil || e.fresh[u] {
		return u
	}
	mine := *u
	e.note(&mine)
	e.s.users.put(mine.id, &mine)
	for i := range mine.devices {
		e.s.devices.put(mine.devices[i].id, &mine)
	}
	for i := range mine.numbers {
		e.s.numbers.put(mine.numbers[i].dial, &mine)
	}
	return &mine
}

func (e *editor) note(u *user) {
	if e.fresh != nil {
		e.fresh[u] = true
	}
}

// switchID is an id as the base has it, so that a million phones share it.
func (e *editor) switchID(id string) string {
	if v, ok := e.s.switches[id]; ok {
		return v.ID
	}
	return id
}

// kindOf is a kind that keeps no text of the database in memory.
func kindOf(k designation.Kind) designation.Kind {
	for _, known := range [...]designation.Kind{designation.DeskPhone, designation.Mobile, designation.Web} {
		if k == known {
			return known
		}
	}
	return k
}

// packed keeps two texts as one object for the garbage collector.
func packed(a, b string) (string, string) {
	both := a + b
	return both[:len(a)], both[len(a):]
}

// inserted returns a new list: others may have the old one.
func inserted[T any](list []T, at int, v T) []T {
	longer := make([]T, 0, len(list)+1)
	return append(append(append(longer, list[:at]...), v), list[at:]...)
}

// without returns a new list without one of its elements.
func without[T any](list []T, v *T) []T {
	var shorter []T
	for i := range list {
		if &list[i] != v {
			shorter = append(shorter, list[i])
		}
	}
	return shorter
}
