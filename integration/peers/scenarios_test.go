//go:build peers

package peers

// partials are the parts of SIPp's scenarios, as templates over scenario.
const partials = `<?xml version="1.0" encoding="ISO-8859-1"?>

{{define "request"}}Max-Forwards: 70
From: <sip:{{.User}}@[local_ip]>;tag=[pid]c[call_number]
Call-ID: {{.Other}}[call_id]
Contact: <sip:{{.User}}@[local_ip]:[local_port];transport=[transport]{{.Push}}>
{{end}}

{{define "within"}}To: <sip:{{.Dialled}}@[remote_ip]>[peer_tag_param]
{{template "request" .}}{{end}}

{{define "sdp"}}Content-Type: application/sdp
Content-Length: [len]

v=0
o=sipp 1 [cseq] IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 8{{if not .Bare}} 101{{end}}
a=rtpmap:8 PCMA/8000
{{if not .Bare}}a=rtpmap:101 telephone-event/8000
{{end}}{{end}}

{{define "response"}}[last_Via:]
[last_From:]
[last_To:];tag=[pid]s[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:{{.User}}@[local_ip]:[local_port];transport=[transport]>
{{end}}

{{define "sendRegister"}}<send retrans="500"><![CDATA[

REGISTER sip:[remote_ip] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
To: <sip:{{.User}}@[remote_ip]>
CSeq: [cseq] REGISTER
Expires: 300
{{if .Sign}}[authentication username={{.User}} password={{.Password}}]
{{end}}{{template "request" .}}Content-Length: 0

]]></send>
{{end}}

{{define "sendInvite"}}<send retrans="500"><![CDATA[

INVITE sip:{{.Dialled}}@[remote_ip] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
To: <sip:{{.Dialled}}@[remote_ip]>
CSeq: [cseq] INVITE
{{if .Sign}}[authentication username={{.User}} password={{.Password}}]
{{end}}{{.Extra}}{{template "request" .}}{{if .Late}}Content-Length: 0
{{else}}{{template "sdp" .}}{{end}}
]]></send>
<recv response="100" optional="true"/>
{{end}}

{{define "signedInvite"}}{{template "sendInvite" .}}
<recv response="401" auth="true"/>
{{template "ackRefusal" .}}
{{template "sendInvite" .Signed}}
{{end}}

{{define "ackRefusal"}}<send><![CDATA[

ACK sip:{{.Dialled}}@[remote_ip] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch-3]
CSeq: [cseq] ACK
{{template "within" .}}Content-Length: 0

]]></send>
{{end}}

{{define "ack"}}<send><![CDATA[

ACK [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
CSeq: [cseq] ACK
{{template "within" .}}Content-Length: 0

]]></send>
{{end}}

{{define "call"}}{{template "signedInvite" .}}
<recv response="180"/>
<recv response="200" rrs="true"/>
{{template "ack" .}}
{{end}}

{{define "play"}}<nop><action><exec play_pcap_audio="/usr/share/sip-tester/g711a.pcap"/></action></nop>
<pause milliseconds="2000"/>
{{end}}

{{define "ok"}}<send><![CDATA[

SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
{{end}}

{{define "subscribe"}}<send retrans="500"><![CDATA[

SUBSCRIBE sip:{{.Dialled}}@[remote_ip] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
To: <sip:{{.Dialled}}@[remote_ip]>
CSeq: [cseq] SUBSCRIBE
Event: {{.Event}}
Expires: {{.Seconds}}
{{if .Sign}}[authentication username={{.User}} password={{.Password}}]
{{end}}{{template "request" .}}Content-Length: 0

]]></send>
{{end}}

{{define "signedSubscribe"}}{{template "subscribe" .}}
<recv response="401" auth="true"/>
{{template "subscribe" .Signed}}
{{end}}

{{define "ofAnswered"}}Max-Forwards: 70
From: <sip:{{.User}}@[local_ip]>;tag=[pid]s[call_number]
To:[$caller]
Call-ID: [call_id]
Contact: <sip:{{.User}}@[local_ip]:[local_port];transport=[transport]>
{{end}}

{{define "answered"}}<recv request="INVITE"><action>
<ereg regexp=".*" search_in="hdr" header="From:" check_it="true" assign_to="caller"/>
<ereg regexp="&lt;(.*)&gt;" search_in="hdr" header="Contact:" check_it="true" assign_to="contact,target"/>
</action></recv>
<Reference variables="contact,caller,target"/>
<send><![CDATA[

SIP/2.0 180 Ringing
{{template "response" .}}Content-Length: 0

]]></send>
<send retrans="500"><![CDATA[

SIP/2.0 200 OK
{{template "response" .}}{{template "sdp" .}}
]]></send>
<recv request="ACK"/>
{{end}}

{{define "hangUp"}}<send retrans="500"><![CDATA[

BYE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
CSeq: [cseq] BYE
{{template "within" .}}Content-Length: 0

]]></send>
<recv response="200"/>
{{end}}
`

// registerScenario signs a phone in.
const registerScenario = `<scenario name="register">
{{template "sendRegister" .}}
<recv response="401" auth="true"/>
{{template "sendRegister" .Signed}}
<recv response="200"/>
</scenario>
`

// callRefusedScenario calls and is refused with Code once it showed its credentials.
const callRefusedScenario = `<scenario name="refused">
{{template "signedInvite" .}}
<recv response="{{.Code}}"/>
{{template "ackRefusal" .}}
</scenario>
`

// playScenario calls and plays two seconds of a recording.
const playScenario = `<scenario name="play">
{{template "call" .}}
{{template "play" .}}
{{template "hangUp" .}}
</scenario>
`

// holdScenario holds the other party and takes it back. The patterns are of the answers (RFC 3264, 8.4).
const holdScenario = `<scenario name="hold">
{{define "reinvite"}}<send retrans="500"><![CDATA[

INVITE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
CSeq: [cseq] INVITE
{{template "within" .}}{{template "sdp" .}}{{end}}
{{define "reanswer"}}
]]></send>
<recv response="100" optional="true"/>
{{end}}
{{template "call" .}}
{{template "reinvite" .}}a=sendonly
{{template "reanswer" .}}
<recv response="200" rrs="true"><action><ereg regexp="a=recvonly" search_in="body" check_it="true" assign_to="1"/></action></recv>
{{template "ack" .}}
{{template "reinvite" .}}a=sendrecv
{{template "reanswer" .}}
<recv response="200" rrs="true"><action><ereg regexp="a=(recvonly|sendonly|inactive)" search_in="body" check_it_inverse="true" assign_to="2"/></action></recv>
<Reference variables="1,2"/>
{{template "ack" .}}
{{template "hangUp" .}}
</scenario>
`

// infoScenario presses key 5 by INFO.
const infoScenario = `<scenario name="info">
{{template "call" .}}
<send retrans="500"><![CDATA[

INFO [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
CSeq: [cseq] INFO
{{template "within" .}}Content-Type: application/dtmf-relay
Content-Length: [len]

Signal=5
Duration=160

]]></send>
<recv response="200"/>
<pause milliseconds="500"/>
{{template "hangUp" .}}
</scenario>
`

// answerScenario rings, answers, and waits for the end.
const answerScenario = `<scenario name="answer">
<recv request="INVITE"/>
<send><![CDATA[

SIP/2.0 180 Ringing
{{template "response" .}}Content-Length: 0

]]></send>
<send retrans="500"><![CDATA[

SIP/2.0 200 OK
{{template "response" .}}{{template "sdp" .}}
]]></send>
<recv request="ACK"/>
<recv request="BYE"/>
{{template "ok" .}}
</scenario>
`

// refuseScenario refuses with Code and Reason.
const refuseScenario = `<scenario name="refuse">
<recv request="INVITE"/>
<send retrans="500"><![CDATA[

SIP/2.0 {{.Code}} {{.Reason}}
{{template "response" .}}Content-Length: 0

]]></send>
<recv request="ACK"/>
</scenario>
`
