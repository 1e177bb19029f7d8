package sitecopy

import (
	"maps"
	"strings"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/e164"
	"strowger/pkg/enrol"
	"strowger/pkg/errs"
	"strowger/pkg/schedule"
	"strowger/pkg/sessionkey"
	"strowger/pkg/sitecopy"
	"strowger/pkg/trust"
)

// Snapshot is what the documents say at one moment. It never changes.
type Snapshot struct {
	identity    *enrol.Identity
	docs        documents
	devices     map[string]*sitecopy.Device // by id
	usernames   map[string]*sitecopy.Device
	certified   map[string]string // SIP users of this switch's phones by the name in the certificate that they show
	users       map[string]*sitecopy.User
	numbers     map[string]*sitecopy.Number    // by what is dialled from anywhere
	extensions  map[string]*sitecopy.Number    // of this site
	presented   map[string]*sitecopy.Number    // by user: their first extension of this site, else their first number
	credentials map[string]sitecopy.Credential // by device or trunk
	nodes       map[string]member              // every switch that the documents list
	bridges     map[string]sitecopy.Bridge
	trunks      []sitecopy.Trunk // of this switch
	zone        *time.Location   // of the site
	revoked     map[string]bool
	waited      map[string]bool // users with a number whose calls wait for them, and members of queues
	queues      map[string]*sitecopy.Queue
	clocks      map[string]*schedule.Clock
}

// member is a switch with the site that it is of.
type member struct {
	sitecopy.Switch
	site    string
	expires int64 // of the peer document that lists it; 0 at this site
}

func newSnapshot(id *enrol.Identity, d documents) *Snapshot {
	s := &Snapshot{
		identity: id, docs: documents{copy: d.copy, revoked: d.revoked, peers: maps.Clone(d.peers)},
		certified: map[string]string{}, devices: map[string]*sitecopy.Device{}, usernames: map[string]*sitecopy.Device{}, users: map[string]*sitecopy.User{},
		numbers: map[string]*sitecopy.Number{}, extensions: map[string]*sitecopy.Number{}, presented: map[string]*sitecopy.Number{},
		credentials: map[string]sitecopy.Credential{}, nodes: map[string]member{}, bridges: map[string]sitecopy.Bridge{},
		revoked: map[string]bool{}, waited: map[string]bool{}, queues: map[string]*sitecopy.Queue{},
		clocks: clocksOf(d.copy.Schedules),
		zone:   e164.Zone(d.copy.TimeZone, d.copy.Country),
	}
	c := &s.docs.copy
	for i := range c.Users {
		s.users[c.Users[i].ID] = &c.Users[i]
	}
	for i := range c.Devices {
		s.devices[c.Devices[i].ID] = &c.Devices[i]
		if c.Devices[i].Username != "" {
			s.usernames[c.Devices[i].Username] = &c.Devices[i]
			if name := c.Devices[i].Certificate; name != "" && c.Devices[i].Switch == s.identity.Node {
				s.certified[name] = c.Devices[i].Username
			}
		}
	}
	for i := range c.Numbers {
		n := &c.Numbers[i]
		if shown := s.presented[n.User]; shown == nil || shown.Site != id.Site && n.Site == id.Site {
			s.presented[n.User] = n
		}
		if n.Queue != nil && n.Queue.Length > 0 {
			s.waited[n.User] = true
		}
		if n.Site == "" {
			s.numbers[n.Digits] = n
			continue
		}
		s.extensions[n.Digits] = n
		s.numbers[c.SiteCode+n.Digits] = n
	}
	for i := range c.Queues {
		q := &c.Queues[i]
		if q.Policy == nil || q.Policy.Queue == nil { // callers wait at each
			continue
		}
		s.queues[q.ID] = q
		for _, user := range q.Members {
			s.waited[user] = true
		}
	}
	for _, v := range c.Switches {
		s.nodes[v.ID] = member{v, id.Site, 0}
	}
	for _, t := range c.Trunks {
		if t.Switch == id.Node {
			s.trunks = append(s.trunks, t)
		}
	}
	for _, v := range c.Bridges {
		s.bridges[v.ID] = v
	}
	for site, p := range d.peers {
		for _, v := range p.Switches {
			s.nodes[v.ID] = member{v, site, p.Expires}
		}
	}
	for _, r := range d.revoked {
		s.revoked[r.Node], s.revoked[r.Device] = true, true
	}
	delete(s.revoked, "")
	for _, c := range d.credentials {
		s.credentials[c.Device+c.Trunk+c.Mailbox] = c
	}
	return s
}

// Version is that of the site copy, 0 before the first.
func (s *Snapshot) Version() uint64 { return s.docs.copy.Version }

// Peers is the versions of the peer documents by site.
func (s *Snapshot) Peers() map[string]uint64 {
	all := make(map[string]uint64, len(s.docs.peers))
	for site, p := range s.docs.peers {
		all[site] = p.Version
	}
	return all
}

// Account is a desk phone of this switch by its SIP user name.
func (s *Snapshot) Account(username string) (sitecopy.Device, sitecopy.Credential, bool) {
	d, ok := s.usernames[username]
	if !ok || d.Switch != s.identity.Node {
		return sitecopy.Device{}, sitecopy.Credential{}, false
	}
	return *d, s.credentials[d.ID], true
}

// Certified is the SIP user of the phone of this switch that shows a certificate with a name, in lower case.
func (s *Snapshot) Certified(name string) (username string, ok bool) {
	username, ok = s.certified[name]
	return username, ok
}

// Device is a device of this site.
func (s *Snapshot) Device(id string) (sitecopy.Device, bool) {
	if d, ok := s.devices[id]; ok {
		return *d, true
	}
	return sitecopy.Device{}, false
}

// Homed says whether a device is a phone of this switch, and was not revoked.
func (s *Snapshot) Homed(device string) bool {
	d, ok := s.devices[device]
	return ok && d.Switch == s.identity.Node && !s.revoked[device]
}

// Party is the user of a device as the other party of a call sees them, and whether both are enabled and the
// device was not revoked.
func (s *Snapshot) Party(d sitecopy.Device) (p designation.Party, enabled bool) {
	u, ok := s.users[d.User]
	if !ok {
		return designation.Party{Device: d.ID}, false
	}
	p = designation.Party{User: u.ID, Device: d.ID, Name: u.Name, Site: s.identity.Site}
	if n, ok := s.presented[u.ID]; ok {
		p.Number = s.dial(n)
	}
	return p, d.Enabled && u.Enabled && !s.revoked[d.ID]
}

// Lives says whether this switch is a user's home.
func (s *Snapshot) Lives(user string) bool {
	u := s.users[user]
	return u != nil && u.HomeSwitch == s.identity.Node
}

// Numbered says whether what was dialled is a number that the copy has, or one of the phone network after what the site dials for a line.
func (s *Snapshot) Numbered(dialled string) bool {
	digits := e164.Plain(dialled)
	if s.extensions[digits] != nil || s.numbers[digits] != nil {
		return true
	}
	plan := s.Dialling()
	if plan.Outside == "" || !strings.HasPrefix(digits, plan.Outside) { // a * within a phone number means nothing to libphonenumber
		return false
	}
	_, ok := plan.Read(digits)
	return ok
}

// dial is how a number of the copy is dialled from anywhere.
func (s *Snapshot) dial(n *sitecopy.Number) string {
	if n.Site == "" {
		return n.Digits
	}
	return s.docs.copy.SiteCode + n.Digits
}

// Trunks is those of this switch.
func (s *Snapshot) Trunks() []sitecopy.Trunk { return s.trunks }

// TrunkPassword is what this switch shows to the phone company of a trunk, "" for nothing.
func (s *Snapshot) TrunkPassword(trunk string) string { return s.credentials[trunk].Password }

// Network is how the phones of this office are reached.
func (s *Snapshot) Network() sitecopy.Network { return s.docs.copy.Network }

// Location is where the site is, for who takes an emergency call.
func (s *Snapshot) Location() string { return s.docs.copy.Location }

// Guards is what administrators say of calls to the phone network.
func (s *Snapshot) Guards() sitecopy.Guards { return s.docs.copy.Guards }

// Dialling is how phone numbers are dialled here.
func (s *Snapshot) Dialling() e164.Plan {
	return e164.Plan{Country: s.docs.copy.Country, Outside: s.docs.copy.Outside, Help: s.docs.copy.Emergency}
}

// Zone is by which clocks the site goes.
func (s *Snapshot) Zone() *time.Location { return s.zone }

// NameOf is a switch's name for people, its id if it is not known.
func (s *Snapshot) NameOf(node string) string {
	if m, ok := s.nodes[node]; ok && m.Name != "" {
		return m.Name
	}
	return node
}

// Revoked says whether trust was taken from a node or device.
func (s *Snapshot) Revoked(id string) bool { return s.revoked[id] }

// Bridges is the bridges of the organization that were not revoked, by id.
func (s *Snapshot) Bridges() map[string]sitecopy.Bridge {
	all := maps.Clone(s.bridges)
	maps.DeleteFunc(all, func(id string, _ sitecopy.Bridge) bool { return s.revoked[id] })
	return all
}

// RevokedNodes lists the nodes that trust was taken from.
func (s *Snapshot) RevokedNodes() []string {
	var all []string
	for _, r := range s.docs.revoked {
		if r.Node != "" {
			all = append(all, r.Node)
		}
	}
	return all
}

// Authorize says whether a node may link: it is not revoked, and if the documents list it, it has the key that they say.
// A switch that enrolled a moment ago is not listed yet; its certificate, which only this organization's cloud can have
// signed, and the session key that each call needs, must do. One whose certificate has expired must be listed.
func (s *Snapshot) Authorize(peer trust.Name, keyHash string, expired bool) error {
	m, listed := s.nodes[peer.ID]
	if b, ok := s.bridges[peer.ID]; ok {
		m.KeyHash, listed = b.KeyHash, true
	}
	switch {
	case s.revoked[peer.ID]:
		return errs.New(errs.Revoked, "%s was revoked", peer.ID)
	case listed && m.KeyHash != "" && m.KeyHash != keyHash:
		return errs.New(errs.WrongPresenter, "%s is listed with another key", peer.ID)
	case expired && !listed:
		return errs.New(errs.Forbidden, "the certificate of %s has expired, and no document lists the node", peer.ID)
	}
	return nil
}

// SessionKey finds whose key signs session keys under a kid: the organization's, or that of a switch, which signs when
// the cloud is gone (2-call-flows, "When the cloud is gone").
func (s *Snapshot) SessionKey(kid string, now time.Time) (sessionkey.Key, bool) {
	keys := s.docs.copy.SessionKeys
	if s.Version() == 0 {
		keys = s.identity.SessionKeys
	}
	if pub, ok := keys.Key(kid); ok {
		return sessionkey.Key{Public: pub, Issuer: s.identity.Org}, true
	}
	m, ok := s.nodes[kid]
	if !ok || kid == s.identity.Node || s.revoked[kid] || s.stale(m, now) {
		return sessionkey.Key{}, false
	}
	pub, ok := sitecopy.KeySet{kid: m.SigningKey}.Key(kid)
	return sessionkey.Key{Public: pub, Issuer: kid}, ok
}

// stale says whether the documents are too old to authorize calls between this site and that of m. Inside the site they
// hold for good.
func (s *Snapshot) stale(m member, now time.Time) bool {
	return m.site != s.identity.Site && (s.docs.copy.Expired(now) || now.Unix() >= m.expires)
}
