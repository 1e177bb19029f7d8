package hostaddr

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"strowger/pkg/designation"
)

func TestCandidates(t *testing.T) {
	var own, many []netip.Addr
	for _, a := range []string{"127.0.0.1", "::1", "192.0.2.10", "10.0.0.5", "fe80::1", "2001:db8::5"} {
		own = append(own, netip.MustParseAddr(a))
	}
	for i := range 20 {
		many = append(many, netip.MustParseAddr(fmt.Sprintf("10.0.0.%d", i+1)))
	}
	for _, c := range []struct {
		host, bound string
		own         []netip.Addr
		want        []string
	}{
		{"192.0.2.10", "[::]:7443", own, []string{"192.0.2.10:7443", "10.0.0.5:7443", "[2001:db8::5]:7443"}},
		{"203.0.113.1", "0.0.0.0:7443", own, []string{"203.0.113.1:7443", "192.0.2.10:7443", "10.0.0.5:7443"}},
		{"192.0.2.10", "10.0.0.5:7443", own, []string{"192.0.2.10:7443", "10.0.0.5:7443"}},
		{"127.0.0.1", "[::]:7443", own, []string{"127.0.0.1:7443"}},
		{"192.0.2.10", "[::]:7443", nil, []string{"192.0.2.10:7443"}},
	} {
		if got := candidates(netip.MustParseAddr(c.host), netip.MustParseAddrPort(c.bound), c.own); !slices.Equal(got, c.want) {
			t.Errorf("host %s, bound to %s: %q, want %q", c.host, c.bound, got, c.want)
		}
	}
	if got := candidates(many[0], netip.MustParseAddrPort("[::]:7443"), many); len(got) != designation.MaxAddresses {
		t.Errorf("%d addresses, want %d", len(got), designation.MaxAddresses)
	}
}
