package trial

import (
	"strconv"
	"strings"
	"time"

	"strowger/pkg/ledger"
	"strowger/pkg/sip"
	"strowger/pkg/sitecopy"
)

// Talk reads the messages between a switch and the phone company of a trunk for a report. It belongs to one goroutine.
type Talk struct {
	report     *Report
	trunk      sitecopy.Trunk
	peer       sip.Peer // that was invited last
	challenged bool     // by it
	refused    bool     // the last INVITE was
	answered   bool
}

// NewTalk returns what reads the messages of the call that a report is of.
func NewTalk(r *Report, t sitecopy.Trunk) *Talk { return &Talk{report: r, trunk: t} }

// Message reads the first line of one, as of sip.Trace.
func (t *Talk) Message(sent bool, peer sip.Peer, line string, _ time.Time) {
	if sent {
		t.said(peer, line)
		return
	}
	text, method, ok := strings.Cut(strings.TrimSuffix(line, ")"), " (")
	status, err := strconv.Atoi(text[:min(3, len(text))])
	switch {
	case !ok || err != nil:
		if strings.HasPrefix(line, "BYE") {
			t.report.Found("the company hangs up: BYE")
		}
	case method == "INVITE" && !t.answered:
		t.heard(status, text)
	case method == "BYE":
		t.report.Found("the company answers the BYE: %s", text)
	}
}

func (t *Talk) said(peer sip.Peer, line string) {
	method, rest, _ := strings.Cut(line, " ")
	switch {
	case method == "INVITE" && !t.answered && peer == t.peer && t.challenged:
		t.report.Found("INVITE again, with the user name %s and what the password makes of the challenge", t.trunk.User)
	case method == "INVITE" && !t.answered:
		t.peer, t.challenged = peer, false
		t.report.Found("INVITE %s to %s, shown as %s", rest, peer, shown(t.trunk))
	case method == "CANCEL":
		t.report.Found("the switch gives the call up: CANCEL")
	case method == "BYE":
		t.report.Found("the switch hangs up: BYE")
	}
}

// shown is the number that a test shows.
func shown(t sitecopy.Trunk) string {
	if t.Number == "" {
		return "nobody: the trunk has no number"
	}
	return t.Number
}

// heard reads an answer to the INVITE.
func (t *Talk) heard(status int, text string) {
	t.refused = false
	switch {
	case status == 100:
		t.report.Found("%s: the company has the call", text)
	case status == 180:
		t.report.Found("%s: it rings there", text)
	case status < 200:
		t.report.Found("%s", text)
	case status < 300:
		t.answered = true
		t.report.Found("%s: answered", text)
	case (status == 401 || status == 407) && t.trunk.User != "" && !t.challenged: // RFC 3261, 22.2
		t.challenged = true
		t.report.Found("%s: it wants the user name and the password", text)
	default:
		t.refused = true
		if advice, wrong := calls(t.trunk, status); wrong {
			t.report.Failed(advice, "%s", text)
		} else {
			t.report.Noted(advice, "%s", text)
		}
	}
}

// ended tells why the call was refused, unless the company has said so.
func (t *Talk) ended(c ledger.Cause) {
	if !t.refused {
		t.report.Failed(without(t.trunk, c), "the call ends: %s", c.Words)
	}
}
