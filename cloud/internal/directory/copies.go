package directory

import (
	"cmp"
	"slices"
	"time"

	"strowger/cloud/internal/store"
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
	"strowger/pkg/sitecopy"
)

// office is what the documents of a site are made of.
type office struct {
	*Snapshot
	registry store.Registry
}

func newOffice(g store.Registry) office { return office{NewSnapshot(g), g} }

// copy is the content of a site's copy, each list in the order of ids: without head, key sets and secrets, which the
// authority adds.
func (s office) copy(site string) (sitecopy.Copy, error) {
	v, ok := s.sites[site]
	if !ok {
		return sitecopy.Copy{}, errs.New(errs.NotFound, "there is no site %q", site)
	}
	c := sitecopy.Copy{OrgName: s.registry.Organization.Name, SiteName: v.Name, SiteCode: v.Code, Switches: s.nodes(site), Ring: s.Ring()}
	needed := make(map[string]bool) // users
	for _, d := range s.registry.Devices {
		if s.siteOf(d.Switch) != site {
			continue
		}
		needed[d.User] = true
		c.Devices = append(c.Devices, sitecopy.Device{
			ID: d.ID, User: d.User, Kind: d.Kind, Name: d.Name, Username: d.Username, Switch: d.Switch, Enabled: d.Enabled,
			Delay: time.Duration(d.DelaySeconds) * time.Second, Security: securityOf(d),
		})
	}
	for _, n := range s.registry.Numbers {
		if owner := cmp.Or(n.User, n.Queue); n.Site == site || n.Site == "" && s.livesAt(s.users.get(owner), site) {
			needed[owner] = true
			c.Numbers = append(c.Numbers, sitecopy.Number{ID: n.ID, Site: n.Site, Digits: n.Digits, User: owner, Queue: queueOf(n), Hours: hoursOf(n.Hours)})
		}
	}
	for _, u := range s.registry.Users {
		if full := s.users.get(u.ID); needed[u.ID] || s.livesAt(full, site) {
			c.Users = append(c.Users, sitecopy.User{
				ID: u.ID, Name: u.Name, Enabled: u.Enabled && s.registry.Organization.Enabled, Calling: u.Calling, HomeSwitch: full.home(), Policy: full.policy.copy(), Wishes: full.wishes(), Voicemail: full.mailbox,
			})
		}
	}
	for _, v := range s.registry.Queues {
		if u := s.users.get(v.ID); needed[v.ID] || s.livesAt(u, site) {
			c.Queues = append(c.Queues, sitecopy.Queue{
				ID: v.ID, Name: v.Name, Enabled: v.Enabled && s.registry.Organization.Enabled, Switch: v.Switch,
				Members: v.Members, Ring: v.Ring, Step: u.service.step, Policy: u.policy.copy(), Hours: hoursOf(v.Hours),
			})
		}
	}
	for _, v := range s.registry.Sites {
		c.Sites = append(c.Sites, sitecopy.SiteCode{Site: v.ID, Code: v.Code})
	}
	c.Trunks, c.Country, c.Outside, c.TimeZone = s.copyTrunks(site, s.registry.ShortRates), v.Country, v.Outside, v.TimeZone
	c.Emergency, c.Location = v.Emergency, v.Location
	c.Routes, c.Bridges = s.routes, s.bridges()
	c.Guards, c.Wishing = s.guards(), s.wishing(v)
	return c, nil
}

// peer is the content of a site's peer document, without head.
func (s office) peer(site string) (sitecopy.Peer, error) {
	v, ok := s.sites[site]
	if !ok {
		return sitecopy.Peer{}, errs.New(errs.NotFound, "there is no site %q", site)
	}
	p := sitecopy.Peer{SiteName: v.Name, SiteCode: v.Code, Switches: s.nodes(site)}
	for _, t := range s.copyTrunks(site, nil) {
		if !slices.Contains(p.Lines, t.Switch) {
			p.Lines = append(p.Lines, t.Switch)
		}
	}
	if len(p.Switches) < 2 {
		return p, nil
	}
	p.Homes = make(map[string]string)
	for _, n := range s.registry.Numbers {
		if u := s.users.get(cmp.Or(n.User, n.Queue)); n.Site == site && s.livesAt(u, site) && u.home() != p.Switches[0].ID {
			p.Homes[n.Digits] = u.home()
		}
	}
	return p, nil
}

func (s office) livesAt(u *user, site string) bool { return s.siteOf(u.home()) == site }

// nodes is the enrolled switches of a site, with the addresses of their last lease. The boot is left out: it changes with
// each start, and without the cloud a peer learns it from the link.
func (s office) nodes(site string) []sitecopy.Switch {
	var nodes []sitecopy.Switch
	for i := range s.registry.Switches {
		v := &s.registry.Switches[i]
		if v.Site == site && v.State == "enrolled" {
			nodes = append(nodes, sitecopy.Switch{Node: node(v), SigningKey: s.registry.SwitchKeys[v.ID]})
		}
	}
	return nodes
}

// bridges is the enrolled bridges that have said where they are reached. One that stopped is listed too: it will be back.
func (s office) bridges() []sitecopy.Bridge {
	var all []sitecopy.Bridge
	for _, v := range s.registry.Bridges {
		if v.State == "enrolled" && len(v.Addresses) > 0 {
			n := designation.Node{ID: v.ID, Name: v.Name, Addresses: v.Addresses, KeyHash: v.KeyHash}
			all = append(all, sitecopy.Bridge{Node: n, URL: v.URL})
		}
	}
	return all
}

func node(v *rest.Switch) designation.Node {
	return designation.Node{ID: v.ID, Name: v.Name, Addresses: v.Addresses, KeyHash: v.KeyHash}
}

// securityOf is what a copy says of how a desk phone is spoken to: nothing of what is so unless an administrator says otherwise.
func securityOf(d rest.Device) sitecopy.Security {
	s := sitecopy.Security{SRTP: d.SRTP, Certificate: d.Certificate, SignIn: d.SignIn}
	if s.SRTP == "preferred" {
		s.SRTP = ""
	}
	if s.SignIn == "either" {
		s.SignIn = ""
	}
	return s
}
