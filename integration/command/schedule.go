package command

import (
	"slices"
	"strings"

	"strowger/pkg/rest"
	"strowger/pkg/schedule"
)

type scheduleCommands struct {
	Add      scheduleAdd      `cmd:"" help:"Add a schedule: weekly hours and holidays."`
	Show     scheduleShow     `cmd:"" help:"Show a schedule, or all of them, and how they stand."`
	Set      scheduleSet      `cmd:"" help:"Change the hours and holidays of a schedule."`
	Override scheduleOverride `cmd:"" help:"Open or close, whatever the clock shows, or go by the clock again."`
	Remove   scheduleRemove   `cmd:"" help:"Remove schedules that nothing goes by."`
}

// scheduleHours is what add and set have in common.
type scheduleHours struct {
	Open    []string `help:"Days and hours when it is open: \"mon-fri 09:00-17:30\"; more than once for more. 22:00-06:00 goes past midnight." placeholder:"WHEN" sep:"none"`
	Users   []string `help:"Who may open and close it from their phones (*28) and apps, in place of those who might: names, numbers or ids; none: nobody." placeholder:"USER,..."`
	Holiday []string `help:"A day that is closed: 2026-12-25, or 12-25 of every year; with hours, \"12-24 09:00-12:00\", open then only." placeholder:"DAY" sep:"none"`
}

// put adds what was given to a change.
func (c scheduleHours) put(e *env, v *rest.Schedule) (err error) {
	switch {
	case slices.Equal(c.Users, []string{"none"}):
		v.Users = nil
	case len(c.Users) > 0:
		if v.Users, err = memberIDs(e, c.Users); err != nil {
			return err
		}
	}
	if len(c.Open) > 0 {
		v.Weekly = nil
	}
	for _, text := range c.Open {
		f := strings.Fields(text)
		switch {
		case len(f) == 2:
			v.Weekly = append(v.Weekly, schedule.Opening{Days: f[0], Hours: f[1]})
		case len(f) == 1 && strings.Contains(f[0], ":"):
			v.Weekly = append(v.Weekly, schedule.Opening{Hours: f[0]})
		case len(f) == 1:
			v.Weekly = append(v.Weekly, schedule.Opening{Days: f[0]})
		default:
			return noSuchDay(text)
		}
	}
	for _, text := range c.Holiday {
		day, hours, _ := strings.Cut(text, " ")
		v.Holidays = append(v.Holidays, schedule.Holiday{Date: day, Hours: strings.TrimSpace(hours)})
	}
	return nil
}

type scheduleAdd struct {
	Name string `arg:"" help:"Name."`
	Site string `help:"By whose clocks it goes: code, name or id." placeholder:"SITE"`
	Zone string `help:"Or by those of this time zone, as Europe/Berlin." placeholder:"ZONE"`
	scheduleHours
}

// Help teaches by example.
func (*scheduleAdd) Help() string {
	return `Users and numbers go by a schedule: strowger user forward --schedule, number set --schedule, queue set --schedule.

    strowger schedule add Office --site 20 --open "mon-fri 09:00-17:30" --open "sat 10:00-13:00" --holiday 12-25 --holiday "12-24 09:00-12:00"
    strowger user forward Anna --schedule Office --closed 1000`
}

// Run adds a schedule.
func (c *scheduleAdd) Run(e *env) error {
	v := rest.Schedule{Name: c.Name, TimeZone: c.Zone}
	if c.Site != "" {
		site, err := sites().find(e, c.Site)
		if err != nil {
			return err
		}
		v.Site = site.ID
	}
	err := c.put(e, &v)
	if err != nil {
		return err
	}
	if v, err = e.client.Schedules().Create(e.ctx, v); err != nil {
		return err
	}
	return schedules().one(e, v)
}

type scheduleShow struct {
	Schedule string `arg:"" optional:"" help:"Name or id."`
}

// Run shows schedules.
func (c *scheduleShow) Run(e *env) error {
	if c.Schedule == "" {
		return schedules().list(e, nil)
	}
	return schedules().show(e, c.Schedule)
}

type scheduleSet struct {
	Schedule   string `arg:"" help:"Name or id."`
	NoHolidays bool   `help:"Remove all holidays first."`
	scheduleHours
}

// Help teaches by example.
func (*scheduleSet) Help() string {
	return `    strowger schedule set Office --open "mon-thu 08:00-16:00"       (in place of all hours that it had)
    strowger schedule set Office --holiday 2026-05-15               (one more)
    strowger schedule set Office --users Anna,Ben                   (who dial *281 and *282)`
}

// Run changes a schedule.
func (c *scheduleSet) Run(e *env) error {
	v, err := schedules().find(e, c.Schedule)
	if err != nil {
		return err
	}
	if c.NoHolidays {
		v.Holidays = nil
	}
	if err := c.put(e, &v); err != nil {
		return err
	}
	return schedules().set(e, v.ID, change{"weekly": v.Weekly, "holidays": v.Holidays, "users": v.Users})
}

type scheduleOverride struct {
	Schedule string `arg:"" help:"Name or id."`
	State    string `arg:"" enum:"open,closed,clock" help:"open, closed, or clock."`
}

// Run overrides a schedule.
func (c *scheduleOverride) Run(e *env) error {
	state := c.State
	if state == "clock" {
		state = ""
	}
	return schedules().set(e, c.Schedule, change{"override": state})
}

type scheduleRemove struct {
	Schedule []string `arg:"" help:"Names or ids."`
}

// Run removes schedules.
func (c *scheduleRemove) Run(e *env) error { return schedules().remove(e, c.Schedule) }
