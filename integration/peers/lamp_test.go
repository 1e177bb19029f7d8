//go:build peers

package peers

import "testing"

// lamp has SIPp watch a phone of the other office, as the lamp of a desk phone does, while that is called, answers, and hangs up.
func (d *desk) lamp(t *testing.T) func(*testing.T) {
	a, b, c := d.person(t, d.x), d.person(t, d.y), d.person(t, d.x)
	return func(t *testing.T) {
		from, to := d.x.phone(t, a, handset{codec: pcmu, tone: low}), d.y.phone(t, b, handset{codec: pcmu, tone: high})
		watcher := d.x.line(t, c)
		watcher.register(t)
		watches := watcher.run(t, lampScenario, scenario{Dialled: b.dial, Event: "dialog", Seconds: 600})
		watches.sees(t, "</dialog-info>")
		from.do(t, "dial", b.dial)
		to.await(t, "CALL_INCOMING")
		from.await(t, "CALL_RINGING")
		watches.sees(t, "<state>early</state>")
		to.do(t, "accept", "")
		from.await(t, "CALL_ESTABLISHED")
		watches.sees(t, "<state>confirmed</state>")
		hangUp(t, from, to)
		watches.good(t)
	}
}

// lampRefused has SIPp watch somebody who shows nobody, and the messages of somebody else: it is told that it may not.
func (d *desk) lampRefused(t *testing.T) func(*testing.T) {
	b, c := d.person(t, d.y), d.person(t, d.x)
	d.wishes(t, b, map[string]any{"lamp": "private"})
	return func(t *testing.T) {
		watcher := d.x.line(t, c)
		watcher.register(t)
		for event, words := range map[string]string{
			"dialog":          b.user.Name + " does not show whether they are on the phone",
			"message-summary": "the messages of " + b.dial + " are for them alone",
		} {
			watcher.run(t, lampRefusedScenario, scenario{Dialled: b.dial, Event: event, Seconds: 600, Code: 403, Reason: words}).good(t)
		}
	}
}

// takenOver has SIPp answer what rings at a colleague's phone by an INVITE with Replaces, with the ids that a lamp shows, and send back what it hears.
func (d *desk) takenOver(t *testing.T) func(*testing.T) {
	a, b, c := d.person(t, d.x), d.person(t, d.y), d.person(t, d.y)
	return func(t *testing.T) {
		from, to := d.x.phone(t, a, handset{codec: pcma, tone: low}), d.y.phone(t, b, handset{codec: pcma, tone: high})
		toFrom := listen(t, from.host)
		from.do(t, "dial", b.dial)
		to.await(t, "CALL_INCOMING")
		from.await(t, "CALL_RINGING")
		takes := d.y.line(t, c).run(t, takeOverScenario, scenario{Dialled: b.dial, Event: "dialog"}, "-rtp_echo")
		from.await(t, "CALL_ESTABLISHED")
		to.await(t, "CALL_CLOSED")
		toFrom.expectTone(t, from.tone)
		from.do(t, "hangup", "")
		takes.good(t)
	}
}

// takeOverRefused has SIPp name a call of a colleague's who talks, without the right to take it: it is told so, and they go on.
func (d *desk) takeOverRefused(t *testing.T) func(*testing.T) {
	a, b, c := d.person(t, d.x), d.person(t, d.y), d.person(t, d.y)
	return func(t *testing.T) {
		from, to := d.x.phone(t, a, handset{codec: pcma, tone: low}), d.y.phone(t, b, handset{codec: pcma, tone: high})
		call(t, from, to, b.dial)
		d.y.line(t, c).run(t, takeOverScenario, scenario{Dialled: b.dial, Event: "dialog", Code: 403, Reason: "no right to take over calls of " + b.user.Name}).good(t)
		talk(t, from, to)
		hangUp(t, from, to)
	}
}

// lampScenario watches the calls of Dialled: none, one that rings, that is answered, and that is over. Then it watches no longer.
const lampScenario = `<scenario name="lamp">
{{define "shows"}}<recv request="NOTIFY"><action><ereg regexp="state>{{.}}&lt;" search_in="body" check_it="true" assign_to="1"/></action></recv>
<send><![CDATA[

SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
{{end}}
{{template "signedSubscribe" .}}
<recv response="200"/>
{{template "shows" "terminated"}}
{{template "shows" "early"}}
{{template "shows" "confirmed"}}
{{template "shows" "terminated"}}
<Reference variables="1"/>
</scenario>
`

// lampRefusedScenario subscribes to Event, and is refused with Code for Reason.
const lampRefusedScenario = `<scenario name="lamp refused">
{{template "signedSubscribe" .}}
<recv response="{{.Code}}"><action><ereg regexp="SIP/2.0 {{.Code}} {{.Reason}}" search_in="msg" check_it="true" assign_to="1"/></action></recv>
<Reference variables="1"/>
</scenario>
`

// takeOverScenario asks once what Dialled does, and takes the place of the phone in the call that it is told of; Code: it is refused for Reason.
const takeOverScenario = `<scenario name="take over">
{{define "replace"}}<send retrans="500"><![CDATA[

INVITE sip:{{.Dialled}}@[remote_ip] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
To: <sip:{{.Dialled}}@[remote_ip]>
CSeq: [cseq] INVITE
Replaces: [$id];to-tag=[$remote];from-tag=[$local]
{{if .Sign}}[authentication username={{.User}} password={{.Password}}]
{{end}}{{template "request" .}}{{template "sdp" .}}
]]></send>
<recv response="100" optional="true"/>
{{end}}
{{template "signedSubscribe" .Second}}
<recv response="200"/>
<recv request="NOTIFY"><action>
<ereg regexp="call-id=&quot;([^&quot;]*)&quot;" search_in="body" check_it="true" assign_to="1,id"/>
<ereg regexp="local-tag=&quot;([^&quot;]*)&quot;" search_in="body" check_it="true" assign_to="2,local"/>
<ereg regexp="remote-tag=&quot;([^&quot;]*)&quot;" search_in="body" check_it="true" assign_to="3,remote"/>
</action></recv>
<Reference variables="1,2,3"/>
{{template "ok" .}}
{{template "replace" .}}
<recv response="401" auth="true"/>
{{template "ackRefusal" .}}
{{template "replace" .Signed}}
{{if .Code}}<recv response="{{.Code}}"><action><ereg regexp="SIP/2.0 {{.Code}} {{.Reason}}" search_in="msg" check_it="true" assign_to="4"/></action></recv>
<Reference variables="4"/>
{{template "ackRefusal" .}}
{{else}}<recv response="180" optional="true"/>
<recv response="200" rrs="true"/>
{{template "ack" .}}
<recv request="BYE"/>
{{template "ok" .}}
{{end}}</scenario>
`
