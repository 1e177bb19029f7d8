//go:build peers

package peers

import (
	"testing"

	"strowger/pkg/rest"
)

// bringScenario brings a call from outside, without a password, and plays.
const bringScenario = `<scenario name="bring">
{{template "sendInvite" .}}
<recv response="180"/>
<recv response="200" rrs="true"/>
{{template "ack" .}}
{{template "play" .}}
{{template "hangUp" .}}
</scenario>
`

// testTrunk has SIPp be a phone company at the second office: the first one calls a phone number by it, and hears itself back; it is
// busy; it brings a call.
func testTrunk(t *testing.T, d *deployment) {
	company := d.y.line(t, d.y.account(t))
	for _, o := range []*office{d.x, d.y} {
		if _, err := d.api.Sites().Update(t.Context(), o.site.ID, 0, map[string]any{"country": "DE", "outside": "0"}); err != nil {
			t.Fatal(err)
		}
	}
	trunk := rest.NewTrunk("SIPp")
	trunk.Switch, trunk.Servers, trunk.Number = d.y.node.ID, []string{company.host.addr.String()}, "+4930100"
	trunk.ProbeSeconds = 0 // to SIPp any request is a call
	trunk = create(t, d.api.Trunks(), trunk)
	caller := d.x.account(t)
	if _, err := d.api.Users().Update(t.Context(), caller.user.ID, 0, map[string]any{"calling": "national"}); err != nil {
		t.Fatal(err)
	}
	callee := d.addPhone(t, d.y, "1900")
	create(t, d.api.Numbers(), rest.Number{Digits: "+4930200", User: callee.user.ID})
	b := d.y.phone(t, callee, handset{codec: pcma, tone: high}) // its account comes with the copy that has the trunk
	a := d.x.phone(t, caller, handset{codec: pcma, tone: low})

	answers := company.run(t, answerScenario, scenario{}, "-rtp_echo")
	a.do(t, "dial", "0030123456")
	a.await(t, "CALL_ESTABLISHED")
	a.hears(t, low)
	a.do(t, "hangup", "")
	a.await(t, "CALL_CLOSED")
	answers.good(t)
	c := d.record(t, caller, hungUpByCaller)
	if c.To.Number != "+4930123456" || c.Anchor != d.y.node.ID {
		t.Errorf("call %s: to %+v, anchored at %s", c.ID, c.To, c.Anchor)
	}

	busy := company.run(t, refuseScenario, scenario{Code: 486, Reason: "Busy Here"})
	a.refused(t, "0030123456", 486)
	busy.good(t)

	brings := company.run(t, bringScenario, scenario{User: "030999000", Dialled: "+4930200"})
	b.await(t, "CALL_INCOMING")
	b.do(t, "accept", "")
	brings.good(t)
	b.await(t, "CALL_CLOSED")

	if _, err := d.api.Trunks().Update(t.Context(), trunk.ID, 0, map[string]any{"order": 1}); err != nil {
		t.Fatal(err)
	}
	testCompany(t, d, d.y, a, b, company)
}
