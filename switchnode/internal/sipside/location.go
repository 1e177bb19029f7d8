package sipside

import (
	"slices"

	"strowger/pkg/pidf"
	"strowger/pkg/sip"
)

// located has carriers told where who calls for help is, and after all of them once more without: not every one takes an INVITE
// that says more than the offer.
func (c *toCarrier) located(all []carrier) []carrier {
	if c.branch.Help == nil || c.branch.Help.Location == "" {
		return all
	}
	telling := slices.Clone(all)
	for i := range telling {
		telling[i].where = true
	}
	return append(telling, all...)
}

// where is the location of who calls for help, by value (RFC 6442, 4.1), and what names it.
func (c *toCarrier) where(to carrier, from sip.Party) ([]sip.Part, []sip.Header) {
	if !to.where {
		return nil, nil
	}
	caller := sip.URI{Scheme: "sip", User: from.User, Host: from.Host}
	p := sip.Part{Type: pidf.Type, ID: c.setup.ID + "@" + hostOf(c.phones.cfg.Host), Body: pidf.Document(caller.String(), c.branch.Help.Location, c.phones.cfg.Now())}
	return []sip.Part{p}, []sip.Header{
		sip.NewHeader("Geolocation", "<cid:"+p.ID+">"),
		sip.NewHeader("Geolocation-Routing", "no"), // RFC 6442, 4.2: for who answers, not for routing
	}
}
