//go:build peers

package peers

import "testing"

// testExtensions has SIPp call SIPp with what is more than RFC 3261 asks for. The caller plays a recording and the callee
// sends it back, so that the descriptions must have reached both, whatever message they came in.
func testExtensions(t *testing.T, d *deployment) {
	for _, test := range []struct {
		name           string
		caller, callee string
		scenario       scenario
	}{
		{"PRACK of the caller", prackScenario, answerLaterScenario, scenario{Extra: "Require: 100rel\n"}},
		{"PRACK of the callee", playScenario, answerReliablyScenario, scenario{}},
		{"both", prackScenario, answerReliablyScenario, scenario{Extra: "Require: 100rel\n"}},
		{"offer in the 200", lateScenario, answerScenario, scenario{Late: true}},
		{"offer in the 180", prackScenario, answerLaterScenario, scenario{Late: true, Extra: "Supported: 100rel\n"}},
		{"UPDATE and session timers", updateScenario, refreshedScenario, scenario{
			Extra: "Supported: timer\nSession-Expires: 90;refresher=uac\nAllow: INVITE, ACK, BYE, CANCEL, UPDATE\n"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			from, to := d.x.line(t, d.x.account(t)), d.y.line(t, d.y.account(t))
			to.register(t)
			callee := to.run(t, test.callee, scenario{}, "-rtp_echo")
			s := test.scenario
			s.User, s.Password, s.Dialled = from.username, from.account.password, to.dial
			from.run(t, test.caller, s).good(t)
			callee.good(t)
			c := d.conversation(t, from.account, to.account, pcma.record, hungUpByCaller)
			if q := *legOf(c, from.device).Quality; q.PacketsReceived < 50 || q.PacketsSent < q.PacketsReceived*9/10 {
				t.Errorf("call %s: %+v, want a second of audio at least, all of it back", c.ID, q)
			}
		})
	}
}

// prackScenario acknowledges the ringing, with the answer if the offer came with it. Its INVITE with credentials is the
// second request, so the ACK has that number.
const prackScenario = `<scenario name="prack">
{{define "ackSecond"}}<send><![CDATA[

ACK [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
CSeq: 2 ACK
{{template "within" .}}Content-Length: 0

]]></send>
{{end}}
{{template "signedInvite" .}}
<recv response="180" rrs="true"><action>
<ereg regexp="[0-9]+" search_in="hdr" header="RSeq:" check_it="true" assign_to="1"/>
<ereg regexp="100rel" search_in="hdr" header="Require:" check_it="true" assign_to="2"/>
</action></recv>
<Reference variables="2"/>
<send retrans="500"><![CDATA[

PRACK [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
CSeq: [cseq] PRACK
RAck: [$1] 2 INVITE
{{template "within" .}}{{if .Late}}{{template "sdp" .}}{{else}}Content-Length: 0
{{end}}
]]></send>
<recv response="200"/>
<recv response="200" rrs="true"/>
{{template "ackSecond" .}}
{{template "play" .}}
{{template "hangUp" .}}
</scenario>
`

// lateScenario leaves the offer to the switch and answers it in the ACK.
const lateScenario = `<scenario name="late">
{{template "signedInvite" .}}
<recv response="180"/>
<recv response="200" rrs="true"><action><ereg regexp="m=audio" search_in="body" check_it="true" assign_to="1"/></action></recv>
<Reference variables="1"/>
<send><![CDATA[

ACK [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
CSeq: [cseq] ACK
{{template "within" .}}{{template "sdp" .}}
]]></send>
{{template "play" .}}
{{template "hangUp" .}}
</scenario>
`

// answerLaterScenario leaves the caller time between the ringing and the answer.
const answerLaterScenario = `<scenario name="later">
<recv request="INVITE"/>
<send><![CDATA[

SIP/2.0 180 Ringing
{{template "response" .}}Content-Length: 0

]]></send>
<pause milliseconds="500"/>
<send retrans="500"><![CDATA[

SIP/2.0 200 OK
{{template "response" .}}{{template "sdp" .}}
]]></send>
<recv request="ACK"/>
<recv request="BYE"/>
{{template "ok" .}}
</scenario>
`

// answerReliablyScenario answers in a reliable 183, rings reliably, and accepts without a description. The To of a PRACK has
// the tag already; the Via of the INVITE is kept.
const answerReliablyScenario = `<scenario name="reliably">
{{define "ofInvite"}}Via:[$1]
[last_From:]
[last_To:]
[last_Call-ID:]
CSeq: 1 INVITE
Contact: <sip:{{.User}}@[local_ip]:[local_port];transport=[transport]>
{{end}}
<recv request="INVITE"><action>
<ereg regexp=".*" search_in="hdr" header="Via:" check_it="true" assign_to="1"/>
<ereg regexp="100rel" search_in="hdr" header="Supported:" check_it="true" assign_to="2"/>
</action></recv>
<send retrans="500"><![CDATA[

SIP/2.0 183 Session Progress
{{template "response" .}}Require: 100rel
RSeq: 7788
{{template "sdp" .}}
]]></send>
<recv request="PRACK"><action><ereg regexp="7788 1 INVITE" search_in="hdr" header="RAck:" check_it="true" assign_to="3"/></action></recv>
{{template "ok" .}}
<send retrans="500"><![CDATA[

SIP/2.0 180 Ringing
{{template "ofInvite" .}}Require: 100rel
RSeq: 7789
Content-Length: 0

]]></send>
<recv request="PRACK"><action><ereg regexp="7789 1 INVITE" search_in="hdr" header="RAck:" check_it="true" assign_to="4"/></action></recv>
<Reference variables="2,3,4"/>
{{template "ok" .}}
<pause milliseconds="500"/>
<send retrans="500"><![CDATA[

SIP/2.0 200 OK
{{template "ofInvite" .}}Content-Length: 0

]]></send>
<recv request="ACK"/>
<recv request="BYE"/>
{{template "ok" .}}
</scenario>
`

// updateScenario refreshes the session by UPDATE, holds the callee by UPDATE and takes it back.
const updateScenario = `<scenario name="update">
{{define "update"}}<send retrans="500"><![CDATA[

UPDATE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
CSeq: [cseq] UPDATE
Supported: timer
Session-Expires: 90;refresher=uac
{{template "within" .}}{{end}}
{{define "updated"}}
]]></send>
{{end}}
{{template "signedInvite" .}}
<recv response="180"/>
<recv response="200" rrs="true"><action>
<ereg regexp="90;refresher=uac" search_in="hdr" header="Session-Expires:" check_it="true" assign_to="1"/>
<ereg regexp="UPDATE" search_in="hdr" header="Allow:" check_it="true" assign_to="2"/>
</action></recv>
{{template "ack" .}}
{{template "play" .}}
{{template "update" .}}Content-Length: 0
{{template "updated" .}}
<recv response="200"><action>
<ereg regexp="90;refresher=uac" search_in="hdr" header="Session-Expires:" check_it="true" assign_to="3"/>
</action></recv>
{{template "update" .}}{{template "sdp" .}}a=sendonly
{{template "updated" .}}
<recv response="200"><action><ereg regexp="a=recvonly" search_in="body" check_it="true" assign_to="4"/></action></recv>
{{template "update" .}}{{template "sdp" .}}a=sendrecv
{{template "updated" .}}
<recv response="200"><action><ereg regexp="a=(recvonly|sendonly|inactive)" search_in="body" check_it_inverse="true" assign_to="5"/></action></recv>
<Reference variables="1,2,3,4,5"/>
<pause milliseconds="16000"/>
{{template "hangUp" .}}
</scenario>
`

// refreshedScenario grants the switch 32 s between refreshes, is held and taken back by re-INVITE, and gets an UPDATE
// without a description half-way through.
const refreshedScenario = `<scenario name="refreshed">
{{define "reaccept"}}<recv request="INVITE"/>
<send retrans="500"><![CDATA[

SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:{{.User}}@[local_ip]:[local_port];transport=[transport]>
Allow: INVITE, ACK, BYE, CANCEL, UPDATE
Require: timer
Session-Expires: 32;refresher=uac
{{template "sdp" .}}
]]></send>
<recv request="ACK"/>
{{end}}
<recv request="INVITE"/>
<send><![CDATA[

SIP/2.0 180 Ringing
{{template "response" .}}Content-Length: 0

]]></send>
<send retrans="500"><![CDATA[

SIP/2.0 200 OK
{{template "response" .}}Allow: INVITE, ACK, BYE, CANCEL, UPDATE
Require: timer
Session-Expires: 32;refresher=uac
{{template "sdp" .}}
]]></send>
<recv request="ACK"/>
{{template "reaccept" .}}
{{template "reaccept" .}}
<recv request="UPDATE"><action>
<ereg regexp="32;refresher=uac" search_in="hdr" header="Session-Expires:" check_it="true" assign_to="1"/>
</action></recv>
<Reference variables="1"/>
<send><![CDATA[

SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:{{.User}}@[local_ip]:[local_port];transport=[transport]>
Require: timer
Session-Expires: 32;refresher=uac
Content-Length: 0

]]></send>
<recv request="BYE"/>
{{template "ok" .}}
</scenario>
`
