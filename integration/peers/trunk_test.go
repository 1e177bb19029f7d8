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

// earlyScenario has the caller hear something before it answers, which it never does.
const earlyScenario = `<scenario name="early">
<recv request="INVITE"><action><ereg regexp=".*" search_in="hdr" header="Via:" check_it="true" assign_to="1"/></action></recv>
<send><![CDATA[

SIP/2.0 183 Session Progress
{{template "response" .}}{{template "sdp" .}}
]]></send>
<recv request="CANCEL"/>
{{template "ok" .}}
<send retrans="500"><![CDATA[

SIP/2.0 487 Request Terminated
Via:[$1]
[last_From:]
[last_To:];tag=[pid]s[call_number]
[last_Call-ID:]
CSeq: 1 INVITE
Content-Length: 0

]]></send>
<recv request="ACK"/>
</scenario>
`

// pressedScenario answers, wants the keys 9 and # by INFO, and presses 7 by one.
const pressedScenario = `<scenario name="pressed">
{{template "answered" .}}
<recv request="INFO"><action><ereg regexp="^Signal= *9" search_in="body" check_it="true" assign_to="1"/></action></recv>
{{template "ok" .}}
<recv request="INFO"><action><ereg regexp="^Signal= *#" search_in="body" check_it="true" assign_to="2"/></action></recv>
{{template "ok" .}}
<send retrans="500"><![CDATA[

INFO [$target] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
CSeq: [cseq] INFO
{{template "ofAnswered" .}}Content-Type: application/dtmf-relay
Content-Length: [len]

Signal=7
Duration=160

]]></send>
<recv response="200"/>
<recv request="BYE"/>
{{template "ok" .}}
<Reference variables="1,2"/>
</scenario>
`

// testTrunk has SIPp be a phone company at the second office: the first one calls a phone number by it, and hears itself back, and is
// heard to press keys; it is busy; it brings a call.
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
	trunk.DTMF = "info"
	trunk = create(t, d.api.Trunks(), trunk)
	caller := d.x.account(t)
	if _, err := d.api.Users().Update(t.Context(), caller.user.ID, 0, map[string]any{"calling": "national"}); err != nil {
		t.Fatal(err)
	}
	callee := d.y.account(t)
	create(t, d.api.Numbers(), rest.Number{Digits: "+4930200", User: callee.user.ID})
	d.settle(t, d.y, "1900")
	b := d.y.phone(t, callee, handset{codec: pcma, tone: low})
	a := d.x.phone(t, caller, handset{codec: pcma, tone: low})

	answers := company.run(t, pressedScenario, scenario{}, "-rtp_echo")
	a.do(t, "dial", "0030123456")
	a.await(t, "CALL_ESTABLISHED")
	a.hears(t, low)
	a.keys(t, "9#")
	if got := a.await(t, "CALL_DTMF_START"); got != "7" {
		t.Errorf("the caller got %q, want 7", got)
	}
	a.do(t, "hangup", "")
	a.await(t, "CALL_CLOSED")
	answers.good(t)
	c := d.record(t, caller, hungUpByCaller)
	if c.To.Number != "+4930123456" || c.Anchor != d.y.node.ID {
		t.Errorf("call %s: to %+v, anchored at %s", c.ID, c.To, c.Anchor)
	}

	up := a.count("CALL_ESTABLISHED")
	plays := company.run(t, earlyScenario, scenario{}, "-rtp_echo")
	a.do(t, "dial", "0030123456")
	a.await(t, "CALL_PROGRESS")
	a.hears(t, low)
	a.do(t, "hangup", "")
	a.await(t, "CALL_CLOSED")
	plays.good(t)
	if n := a.count("CALL_ESTABLISHED"); n != up {
		t.Error("what was not answered is a call")
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
	second := d.company(t, d.y)
	t.Run("registered", func(t *testing.T) { testCompany(t, second, a, b) })
	t.Run("app", func(t *testing.T) { testAppCalls(t, d, second, caller) })
	t.Run("called back", func(t *testing.T) { testCompanyIsCalledBack(t, d, second, a, b) })
	t.Run("failover", func(t *testing.T) { testFailover(t, d, second, a, company) })
}
