package command

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

type guardList struct{}

// Help teaches by example.
func (*guardList) Help() string {
	return `A switch shuts an address out from which scanners come: nothing that it sends to the port for phones is read, and nothing answered, for a
minute at first, and then each time twice as long. Not where a phone is registered, and no phone company. Below stand the passwords and the calls that
were refused of late.

    strowger guard list
    strowger guard unblock 203.0.113.9`
}

// Run lists who is shut out.
func (c *guardList) Run(e *env) error {
	s, err := e.client.ShutSources(e.ctx)
	if err != nil {
		return err
	}
	return e.show(s, func() {
		table(e.out, []column[rest.ShutSource]{
			{head: "source", cell: func(v rest.ShutSource) string { return sourceText(v) }},
			{head: "for", cell: func(v rest.ShutSource) string { return v.Why }},
			{head: "since", cell: func(v rest.ShutSource) string { return clock(&v.Since) }},
			{head: "until", cell: func(v rest.ShutSource) string { return clock(&v.Until) }},
			{head: "times", cell: func(v rest.ShutSource) string { return fmt.Sprint(v.Times) }},
			{head: "dropped", cell: func(v rest.ShutSource) string { return fmt.Sprint(v.Dropped) }},
			{head: "switch", cell: func(v rest.ShutSource) string { return v.SwitchName }},
		}, s.Items, "no address is shut out")
		if s.More > 0 {
			e.say("and %d more\n", s.More)
		}
		if len(s.Refused) > 0 {
			e.say("\nRefused of late:\n")
			table(e.out, []column[rest.Refused]{
				{head: "at", cell: func(v rest.Refused) string { return v.At.Local().Format(time.DateTime) }},
				{head: "who", cell: func(v rest.Refused) string { return v.Who }},
				{head: "from", cell: func(v rest.Refused) string { return v.From }},
				{head: "what", cell: func(v rest.Refused) string { return v.Words }},
				{head: "switch", cell: func(v rest.Refused) string { return v.SwitchName }},
			}, s.Refused, "")
		}
		if len(s.Away) > 0 {
			e.say("not known of %s: no answer\n", strings.Join(s.Away, ", "))
		}
	})
}

// sourceText is an address, or a network of IPv6, and what of it is shut out.
func sourceText(v rest.ShutSource) string {
	text := strings.TrimSuffix(v.Source, "/32")
	if v.UDPOnly {
		text += " (UDP)"
	}
	return text
}

type guardUnblock struct {
	Source string `arg:"" help:"An IP address, as guard list shows it."`
}

// Help teaches by example.
func (*guardUnblock) Help() string {
	return `The address is heard at once, and what came from there forgotten. To have a network never shut out, set shut-out-never at the switch.

    strowger guard unblock 203.0.113.9`
}

// Run lets an address in again.
func (c *guardUnblock) Run(e *env) error {
	host, _, _ := strings.Cut(c.Source, "/")
	at, err := netip.ParseAddr(host)
	if err != nil {
		return errs.New(errs.Invalid, "%q is no IP address: \"strowger guard list\" shows them", c.Source)
	}
	if err := e.client.Unblock(e.ctx, at); err != nil {
		return err
	}
	return (&guardList{}).Run(e)
}
