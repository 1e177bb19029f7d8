package switchnode

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/switchnode/internal/barring"
	"strowger/switchnode/internal/sipside"
)

// Scanners is how a switch treats those who scan its port for phones.
type Scanners struct {
	Points int            `help:"Shut an address out after so many points of what scanners do: a user that is not there has 10, a wrong password 2; one a second is forgotten. 0: nobody is shut out. Default: ${default}." default:"100" name:"shut-out" placeholder:"N"`
	Time   time.Duration  `help:"How long the first time; each time it is twice as long, at most a day, over UDP ten minutes. Default: ${default}." default:"1m" name:"shut-out-time" placeholder:"TIME"`
	Spared []netip.Prefix `help:"Networks that nobody is shut out of, since their phones are yours. Default: ${default}." default:"10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,100.64.0.0/10,169.254.0.0/16,127.0.0.0/8,fc00::/7,fe80::/10,::1/128" name:"shut-out-never" placeholder:"NET"`
}

// DefaultScanners is how most switches treat them. Those who are spared are at home in offices, behind the NAT of a provider, in tunnels,
// or on the machine itself.
func DefaultScanners() Scanners {
	s := Scanners{Points: 100, Time: time.Minute}
	for _, net := range []string{
		"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8", "fc00::/7", "fe80::/10", "::1/128",
	} {
		s.Spared = append(s.Spared, netip.MustParsePrefix(net))
	}
	return s
}

func (s Scanners) validate() error {
	switch {
	case s.Points < 0:
		return fmt.Errorf("--shut-out %d: want 0 or more points", s.Points)
	case s.Points > 0 && (s.Time < time.Second || s.Time > 24*time.Hour):
		return fmt.Errorf("--shut-out-time %v: want 1s to 24h", s.Time)
	}
	return nil
}

// strangers is how the port for phones is guarded.
func (n *node) strangers() sipside.Strangers {
	s := n.Limits.Scanners
	return sipside.Strangers{Rate: n.Limits.SourceRate, Points: s.Points, First: s.Time, Spared: s.Spared, Alarm: n.scanned}
}

// scanned tells administrators that the port for phones is scanned.
func (n *node) scanned(a barring.Alarm) {
	n.raise("scanner", "warning", a.Last.Source.Addr().String(), "", fmt.Sprintf("%s at switch %s: shut out %d of late, the last is %s (%s); see \"strowger guard list\"",
		"the port for phones is scanned", n.identity.Load().NodeName, a.Sources, a.Last.Source.Addr(), a.Last.Why))
}

// guardWorkers answer who asks for those who are shut out.
const guardWorkers = 2

// guardOrder lets in again whom an administrator wants in, and says who is shut out then, and what was refused of late.
func (n *node) guardOrder(_ context.Context, _ fabric.Subject, q fabric.GuardOrder) (fabric.Guarded, error) {
	var r fabric.Guarded
	if q.Unblock != "" {
		a, err := netip.ParseAddr(q.Unblock)
		if err != nil {
			return r, errs.New(errs.Invalid, "%q is no IP address", q.Unblock)
		}
		r.Found = n.phones.Unbar(a)
	}
	all := n.phones.Barred()
	r.More = max(0, len(all)-fabric.MaxShut)
	for _, e := range all[:len(all)-r.More] {
		r.Shut = append(r.Shut, fabric.ShutSource{
			Source: e.Source.String(), UDP: e.UDPOnly, Why: e.Why.String(), Since: e.Since, Until: e.Until, Times: e.Times, Dropped: e.Dropped,
		})
	}
	for _, v := range n.phones.Refused() {
		r.Refused = append(r.Refused, fabric.Refused{At: v.At, From: v.Source.String(), Who: v.User, Words: v.Words})
	}
	r.Refused = append(r.Refused, n.refused.List()...)
	slices.SortStableFunc(r.Refused, func(a, b fabric.Refused) int { return cmp.Compare(b.At.UnixNano(), a.At.UnixNano()) })
	return r, nil
}
