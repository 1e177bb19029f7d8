//go:build peers

package peers

// partials are the parts of SIPp's scenarios, as templates.
const partials = `<?xml version="1.0" encoding="ISO-8859-1"?>

{{define "request"}}Max-Forwards: 70
From: <sip:{{.User}}@[local_ip]>;tag=[pid]c[call_number]
Call-ID: [call_id]
Contact: <sip:{{.User}}@[local_ip]:[local_port];transport=[transport]>
{{end}}

{{define "sdp"}}Content-Type: application/sdp
Content-Length: [len]

v=0
o=sipp 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 8 101
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
{{end}}

{{define "response"}}[last_Via:]
[last_From:]
[last_To:];tag=[pid]s[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:{{.User}}@[local_ip]:[local_port];transport=[transport]>
{{end}}

{{define "within"}}Max-Forwards: 70
[routes]
From: <sip:{{.User}}@[local_ip]>;tag=[pid]c[call_number]
To: <sip:{{.Dialled}}@[remote_ip]>[peer_tag_param]
Call-ID: [call_id]
Contact: <sip:{{.User}}@[local_ip]:[local_port];transport=[transport]>
{{end}}

{{define "sendInvite"}}<send retrans="500"><![CDATA[

INVITE sip:{{.Dialled}}@[remote_ip] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
To: <sip:{{.Dialled}}@[remote_ip]>
CSeq: 1 INVITE
{{template "request" .}}{{template "sdp" .}}
]]></send>
<recv response="100" optional="true"/>
<recv response="401" auth="true"/>
<send><![CDATA[

ACK sip:{{.Dialled}}@[remote_ip] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch-3]
To: <sip:{{.Dialled}}@[remote_ip]>[peer_tag_param]
CSeq: 1 ACK
{{template "request" .}}Content-Length: 0

]]></send>
<send retrans="500"><![CDATA[

INVITE sip:{{.Dialled}}@[remote_ip] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
To: <sip:{{.Dialled}}@[remote_ip]>
CSeq: 2 INVITE
[authentication username={{.User}} password={{.Password}}]
{{template "request" .}}{{template "sdp" .}}
]]></send>
<recv response="100" optional="true"/>
{{end}}
`

const registerScenario = `<scenario name="register">
{{define "register"}}To: <sip:{{.User}}@[remote_ip]>
Expires: 300
{{template "request" .}}Content-Length: 0
{{end}}
<send retrans="500"><![CDATA[

REGISTER sip:[remote_ip] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
CSeq: 1 REGISTER
{{template "register" .}}
]]></send>
<recv response="401" auth="true"/>
<send retrans="500"><![CDATA[

REGISTER sip:[remote_ip] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
CSeq: 2 REGISTER
[authentication username={{.User}} password={{.Password}}]
{{template "register" .}}
]]></send>
<recv response="200"/>
</scenario>
`
