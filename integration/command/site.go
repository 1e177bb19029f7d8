package command

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"strowger/pkg/e164"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/rest"
)

func sites() noun[rest.Site] {
	return noun[rest.Site]{
		word: "site", kind: ident.Site, in: rest.Client.Sites,
		by:    func(ref string) []rest.Filter { return []rest.Filter{{"code": ref}, {"name": ref}} },
		meta:  func(v rest.Site) rest.Meta { return v.Meta },
		label: siteLabel,
		columns: func(names) []column[rest.Site] {
			return []column[rest.Site]{
				{head: "code", cell: func(v rest.Site) string { return v.Code }},
				{head: "name", cell: func(v rest.Site) string { return v.Name }},
				{head: "country", detail: true, cell: func(v rest.Site) string { return v.Country }},
				{head: "line by", detail: true, cell: func(v rest.Site) string { return v.Outside }},
				{head: "time zone", detail: true, cell: zoneText},
				{head: "parking", detail: true, cell: parkText},
				{head: "audio", detail: true, cell: func(v rest.Site) string {
					if v.DirectMedia {
						return "directly between phones that reach each other"
					}
					return ""
				}},
				{head: "emergency", detail: true, cell: func(v rest.Site) string { return strings.Join(v.Emergency, ", ") }},
				{head: "contacts", detail: true, cell: func(v rest.Site) string { return strings.Join(v.EmergencyContacts, ", ") }},
				{head: "alerts to", detail: true, cell: func(v rest.Site) string { return v.AlertURL }},
				{head: "location", detail: true, cell: func(v rest.Site) string { return v.Location }},
				{head: "id", cell: func(v rest.Site) string { return v.ID }},
			}
		},
	}
}

// parkText is how calls are parked at a site.
func parkText(v rest.Site) string {
	if v.ParkSlots == rest.NoPark {
		return "none"
	}
	return fmt.Sprintf("%d calls, %v", cmp.Or(v.ParkSlots, 20), time.Duration(cmp.Or(v.ParkSeconds, 120))*time.Second)
}

// zoneText is by which clocks a site goes, and why.
func zoneText(v rest.Site) string {
	switch only := e164.ZoneOf(v.Country); {
	case v.TimeZone != "":
		return v.TimeZone
	case only != "":
		return only + " (of the country)"
	case v.Country != "":
		return "UTC (the country has several: strowger site set --time-zone)"
	}
	return "UTC"
}

func siteLabel(v rest.Site) string { return v.Name + " (" + v.Code + ")" }

type siteCommands struct {
	Add    siteAdd    `cmd:"" help:"Add a site."`
	List   siteList   `cmd:"" help:"List sites."`
	Show   siteShow   `cmd:"" help:"Show one site."`
	Set    siteSet    `cmd:"" help:"Change a site."`
	Remove siteRemove `cmd:"" help:"Remove sites that have nothing in them."`
}

type siteAdd struct {
	Name string `arg:"" help:"Its name."`
	Code string `required:"" help:"What other sites dial before an extension, 1 to 6 digits." placeholder:"CODE"`
}

// Run adds a site.
func (c *siteAdd) Run(e *env) error {
	v, err := e.client.Sites().Create(e.ctx, rest.Site{Name: c.Name, Code: c.Code})
	if err != nil {
		return err
	}
	return e.show(v, func() {
		e.say("Added site %s (%s).\nNext: strowger switch add NAME --site %s\n", siteLabel(v), v.ID, v.Code)
	})
}

type siteList struct{}

// Run lists sites.
func (*siteList) Run(e *env) error { return sites().list(e, nil) }

type siteShow struct {
	Site string `arg:"" help:"Code, name or id."`
}

// Run shows a site.
func (c *siteShow) Run(e *env) error { return sites().show(e, c.Site) }

type siteSet struct {
	Site string  `arg:"" help:"Code, name or id."`
	Name *string `help:"New name." placeholder:"NAME"`
	Code *string `help:"New site code; peers must dial it from then on." placeholder:"CODE"`

	Country *string `help:"Whose phone numbers are dialled here, as DE; empty: none are." placeholder:"COUNTRY"`
	Outside *string `help:"What is dialled before a phone number; empty: nothing." placeholder:"DIGITS"`

	TimeZone *string `help:"By which clocks nights and hours of rates and routes go, as Europe/Berlin; empty: that of the country, UTC if it has several." placeholder:"ZONE"`

	ParkSlots   *string        `help:"How many calls may be parked here, 1 to 99; none; usual: 20." placeholder:"N|none|usual"`
	ParkTimeout *time.Duration `help:"After what time a parked call comes back to who parked it, 10s to 1h; 0s: 2 minutes." placeholder:"TIME"`
	KeepAlive   *int           `help:"How often phones on UDP behind a NAT are asked something, so that the NAT remembers them: 10 to 300 seconds; 0: every 25; -1: never." placeholder:"SECONDS"`
	DirectMedia *string        `help:"Whether the audio of two desk phones of one switch that reach each other goes from phone to phone while they only talk: on; off: it passes the switch." enum:"on,off" placeholder:"on|off"`

	Emergency *string  `help:"Emergency numbers besides those of the country, with commas between them; empty: none." placeholder:"NUMBERS"`
	Location  *string  `help:"Told to who takes an emergency call: street, town, floor." placeholder:"TEXT"`
	Contact   []string `help:"Who is told of emergency calls: users, by their apps, and others, whom alerts name; more than once: all that there are; once and empty: none." name:"emergency-contact" placeholder:"WHO"`
	AlertURL  *string  `help:"Where alerts of this office are posted as JSON, http or https; empty: where those of the organization are." name:"alert-url" placeholder:"URL"`
}

// Help teaches by example.
func (*siteSet) Help() string {
	return `Emergency numbers of the country are called by whoever dials them, with or without the digit for a line, before any other rule:

    strowger site set Berlin --country DE --outside 0
    strowger site set Berlin --emergency 19222 --location "Hauptstrasse 1, 10115 Berlin, 3rd floor"

Phones of one office network need the switch for their audio only while it plays, mixes or transfers something:

    strowger site set Berlin --direct-media on`
}

// Run changes a site.
func (c *siteSet) Run(e *env) error {
	change := change{}
	put(change, "name", c.Name)
	put(change, "code", c.Code)
	put(change, "country", c.Country)
	put(change, "outside", c.Outside)
	put(change, "time_zone", c.TimeZone)
	if c.ParkSlots != nil {
		n, err := strconv.Atoi(*c.ParkSlots)
		switch {
		case *c.ParkSlots == "none":
			n = rest.NoPark
		case *c.ParkSlots == "usual":
			n = 0
		case err != nil || n < 1:
			return errs.New(errs.Invalid, "--park-slots %q: want a number from 1 to 99, none, or usual", *c.ParkSlots)
		}
		change["park_slots"] = n
	}
	if c.ParkTimeout != nil {
		seconds, err := wholeSeconds("--park-timeout", *c.ParkTimeout)
		if err != nil {
			return err
		}
		change["park_seconds"] = seconds
	}
	put(change, "location", c.Location)
	put(change, "keep_alive_seconds", c.KeepAlive)
	if c.DirectMedia != nil {
		change["direct_media"] = *c.DirectMedia == "on"
	}
	put(change, "alert_url", c.AlertURL)
	if len(c.Contact) > 0 {
		change["emergency_contacts"] = slices.DeleteFunc(slices.Clone(c.Contact), func(who string) bool { return who == "" })
	}
	if c.Emergency != nil {
		change["emergency"] = strings.FieldsFunc(*c.Emergency, func(r rune) bool { return r == ',' || r == ' ' })
	}
	return sites().set(e, c.Site, change)
}

type siteRemove struct {
	Site []string `arg:"" help:"Codes, names or ids."`
}

// Run removes sites.
func (c *siteRemove) Run(e *env) error { return sites().remove(e, c.Site) }
