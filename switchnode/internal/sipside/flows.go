package sipside

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"strowger/pkg/sip"
	"strowger/switchnode/internal/registrar"
)

// A phone may register by several flows, each with a reg-id, so that one is left when another fails (RFC 5626). They are one phone: it is rung by
// one of them.

// How often a phone is to send something, if it means to keep its flow by that: RFC 5626, 4.4.1 has 120 s at most for TCP and TLS, 4.4.2 has 29 s for UDP.
const (
	streamFlow   = 120 * time.Second
	datagramFlow = 25 * time.Second
)

// outbound is what the answer to a REGISTER says of flows, to a phone that knows them (RFC 5626, 6).
func outbound(req *sip.Request, q registrar.Register) []sip.Header {
	knows := false
	for _, name := range []string{"Supported", "Require"} {
		for h := range sip.Named(req, name) {
			for tag := range strings.SplitSeq(h.Value(), ",") {
				knows = knows || strings.EqualFold(strings.TrimSpace(tag), "outbound")
			}
		}
	}
	if !knows || !slices.ContainsFunc(q.Contacts, func(c registrar.Contact) bool { return c.Instance != "" && c.RegID > 0 }) {
		return nil
	}
	timer := streamFlow
	if q.Source.Transport == "udp" {
		timer = datagramFlow
	}
	return []sip.Header{
		sip.NewHeader("Require", "outbound"),
		sip.NewHeader("Flow-Timer", strconv.Itoa(int(timer/time.Second))), // RFC 5626, 4.4
	}
}

// byInstance puts the bindings of one phone together, in the order of the first of each: the flow that is to be tried first is the one that was
// refreshed last, of those that are up (RFC 5626, 5.3 and 7).
func (p *Phones) byInstance(all []registrar.Binding) (phones [][]registrar.Binding) {
	at := map[string]int{}
	for _, b := range all {
		i, again := at[b.Instance]
		switch {
		case b.Instance == "" || b.RegID == 0 || b.Wakeable():
			phones = append(phones, []registrar.Binding{b})
		case again:
			phones[i] = append(phones[i], b)
		default:
			at[b.Instance] = len(phones)
			phones = append(phones, []registrar.Binding{b})
		}
	}
	for _, flows := range phones {
		slices.SortStableFunc(flows, func(a, b registrar.Binding) int {
			return cmp.Or(-cmp.Compare(p.up(a), p.up(b)), b.Updated.Compare(a.Updated))
		})
	}
	return phones
}

// up is 1 if a flow may be there still, 0 if its connection is gone.
func (p *Phones) up(b registrar.Binding) int {
	if p.sip.Connected(peerOf(b.Source)) {
		return 1
	}
	return 0
}
