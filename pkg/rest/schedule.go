package rest

import (
	"time"

	"strowger/pkg/schedule"
)

// Schedule is hours by which numbers, users and queues go.
type Schedule struct {
	Meta
	Organization string `json:"organization" readOnly:"true"`
	Name         string `json:"name" minLength:"1" maxLength:"100"`
	// Site is by whose clocks it goes, unless TimeZone names others.
	Site     string `json:"site,omitempty"`
	TimeZone string `json:"time_zone,omitempty" maxLength:"60"`
	// Zone is by which clocks it goes (IANA).
	Zone string `json:"zone" readOnly:"true"`
	// Weekly is when it is open, Holidays the days that are not as their weekday.
	Weekly   []schedule.Opening `json:"weekly" maxItems:"50"`
	Holidays []schedule.Holiday `json:"holidays,omitempty" maxItems:"400"`
	// Override is "open" or "closed", whatever the clock shows; empty: by the clock.
	Override string `json:"override,omitempty" enum:",open,closed"`
	// Users is ids of those who may override it from their phones and apps.
	Users []string `json:"users,omitempty" maxItems:"100"`
	// Open is how it stands, and ChangesAt when that changes next by the clock; absent while it does not.
	Open      bool       `json:"open" readOnly:"true"`
	ChangesAt *time.Time `json:"changes_at,omitempty" readOnly:"true"`
}

// Schedule is what counts for calls.
func (v Schedule) Schedule() schedule.Schedule {
	return schedule.Schedule{ID: v.ID, Name: v.Name, Zone: v.Zone, Weekly: v.Weekly, Holidays: v.Holidays, Override: v.Override, Users: v.Users}
}

// Schedules is those of the organization.
func (c Client) Schedules() Collection[Schedule] { return collection[Schedule](c, "schedules") }
