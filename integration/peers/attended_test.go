//go:build peers

package peers

import "testing"

// testAttended has a phone that is called hold the caller, ask a colleague of the other office, and join the two by REFER with Replaces: they hear each other, and
// it is told so and is out of both calls. SIPp transfers, since baresip does so only blindly.
func testAttended(t *testing.T, d *deployment) {
	a := d.y.phone(t, d.y.account(t), handset{codec: pcma, tone: low})
	c := d.y.phone(t, d.y.account(t), handset{codec: pcma, tone: high})
	b := d.x.line(t, d.x.account(t))
	b.register(t)
	toA := listen(t, a.host)
	transferor := b.run(t, attendedScenario, scenario{Dialled: c.dial}, "-cid_str", "%u-%p-%s")
	a.do(t, "dial", b.dial)
	a.await(t, "CALL_ESTABLISHED")
	c.await(t, "CALL_INCOMING")
	toA.expectMusic(t, low)
	c.do(t, "accept", "")
	c.await(t, "CALL_ESTABLISHED")
	transferor.good(t)
	toA.expectTone(t, c.tone)
	c.hears(t, a.tone)
	hangUp(t, c, a)
}

// testReferred has SIPp transfer the callee blindly, and be told how that goes, to the end.
func testReferred(t *testing.T, d *deployment) {
	a := d.x.line(t, d.x.account(t))
	b := d.y.phone(t, d.y.account(t), handset{codec: pcma, tone: low})
	c := d.x.phone(t, d.x.account(t), handset{codec: pcma, tone: high})
	toB := listen(t, b.host)
	transferor := a.run(t, blindScenario, scenario{Dialled: b.dial, To: c.dial})
	b.await(t, "CALL_INCOMING")
	b.do(t, "accept", "")
	b.await(t, "CALL_ESTABLISHED")
	c.await(t, "CALL_INCOMING")
	c.do(t, "accept", "")
	c.await(t, "CALL_ESTABLISHED")
	transferor.good(t)
	toB.expectTone(t, c.tone)
	c.hears(t, b.tone)
	hangUp(t, b, c)
}

// testForbidden has who may call nobody transfer a call that it has got: it is told why not, and keeps the call.
func testForbidden(t *testing.T, d *deployment) {
	a := d.x.phone(t, d.x.account(t), handset{codec: pcma, tone: low})
	b, c := d.y.line(t, d.y.account(t)), d.x.account(t)
	if _, err := d.api.Users().Update(t.Context(), b.user.ID, 0, map[string]any{"calling": "none"}); err != nil {
		t.Fatal(err)
	}
	b.register(t)
	transferor := b.run(t, forbiddenScenario, scenario{To: c.dial, Reason: "User " + b.dial + " may only receive calls"}, "-rtp_echo")
	toA := listen(t, a.host)
	a.do(t, "dial", b.dial)
	a.await(t, "CALL_ESTABLISHED")
	transferor.sees(t, "SIP/2.0 403 ")
	toA.expectTone(t, a.tone)
	a.do(t, "hangup", "")
	transferor.good(t)
}

// attendedScenario answers, holds the caller, calls Dialled, and has the two talk to each other. Then it is told that they do, and both its calls end, in any order.
const attendedScenario = `<scenario name="attended">
{{template "answered" .}}
<send retrans="500"><![CDATA[

INVITE [$target] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
CSeq: [cseq] INVITE
{{template "ofAnswered" .}}{{template "sdp" .}}a=sendonly

]]></send>
<recv response="100" optional="true"/>
<recv response="200"/>
<send><![CDATA[

ACK [$target] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
CSeq: [cseq] ACK
{{template "ofAnswered" .}}Content-Length: 0

]]></send>
{{template "signedInvite" .Second}}
<recv response="180"/>
<recv response="200" rrs="true"><action><ereg regexp="tag=(.*)" search_in="hdr" header="To:" check_it="true" assign_to="2,tag"/></action></recv>
{{template "ack" .Second}}
<send retrans="500"><![CDATA[

REFER [$target] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
CSeq: [cseq] REFER
Refer-To: <sip:{{.Dialled}}@[remote_ip]?Replaces=other%2F%2F%2F[call_id]%3Bto-tag%3D[$tag]%3Bfrom-tag%3D[pid]c[call_number]>
{{template "ofAnswered" .}}Content-Length: 0

]]></send>
<recv response="202"/>
<recv request="NOTIFY"><action><ereg regexp="SIP/2.0 100" search_in="body" check_it="true" assign_to="3"/></action></recv>
{{template "ok" .}}
{{define "left"}}<recv request="BYE|NOTIFY" regexp_match="true"><action><ereg regexp="^BYE |SIP/2.0 200 " search_in="msg" check_it="true" assign_to="3"/></action></recv>
{{template "ok" .}}
{{end}}
{{template "left" .}}
{{template "left" .}}
{{template "left" .}}
<Reference variables="2,3"/>
</scenario>
`

// blindScenario calls Dialled, and transfers it to a number that answers.
const blindScenario = `<scenario name="blind">
{{template "call" .}}
<send retrans="500"><![CDATA[

REFER [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
CSeq: [cseq] REFER
Refer-To: <sip:{{.To}}@[remote_ip]>
{{template "within" .}}Content-Length: 0

]]></send>
<recv response="202"/>
<recv request="NOTIFY"><action><ereg regexp="SIP/2.0 100" search_in="body" check_it="true" assign_to="3"/></action></recv>
{{template "ok" .}}
<recv request="NOTIFY"><action><ereg regexp="SIP/2.0 180" search_in="body" check_it="true" assign_to="4"/></action></recv>
{{template "ok" .}}
<recv request="NOTIFY"><action>
<ereg regexp="SIP/2.0 200" search_in="body" check_it="true" assign_to="5"/>
<ereg regexp="terminated" search_in="hdr" header="Subscription-State:" check_it="true" assign_to="6"/>
</action></recv>
<Reference variables="3,4,5,6"/>
{{template "ok" .}}
<recv request="BYE"/>
{{template "ok" .}}
</scenario>
`

// forbiddenScenario answers, and transfers the caller to a number that is refused for Reason.
const forbiddenScenario = `<scenario name="forbidden">
{{template "answered" .}}
<send retrans="500"><![CDATA[

REFER [$target] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
CSeq: [cseq] REFER
Refer-To: <sip:{{.To}}@[remote_ip]>
{{template "ofAnswered" .}}Content-Length: 0

]]></send>
<recv response="202"/>
<recv request="NOTIFY"><action><ereg regexp="SIP/2.0 100" search_in="body" check_it="true" assign_to="2"/></action></recv>
{{template "ok" .}}
<recv request="NOTIFY"><action><ereg regexp="SIP/2.0 403 {{.Reason}}" search_in="body" check_it="true" assign_to="3"/></action></recv>
<Reference variables="2,3"/>
{{template "ok" .}}
<recv request="BYE"/>
{{template "ok" .}}
</scenario>
`
