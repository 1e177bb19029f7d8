package sipleg

import (
	"fmt"

	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
)

// companyCause is what a refusal of a phone company means, which does not speak in our own words.
func companyCause(r sip.Refused) ledger.Cause {
	switch {
	case r.Code < 400: // RFC 3261, 8.1.3.4: a client may follow; but a company does not choose where calls leave
		return call.CauseOf(errs.NoLine, fmt.Sprintf("redirects the call (%d), which is not followed", r.Code))
	case r.Code == 401, r.Code == 407: // RFC 3261, 22.2: the password was shown, or there is none
		return call.CauseOf(errs.NoLine, fmt.Sprintf("does not take the user name and password (%d)", r.Code))
	}
	return call.CauseOfResponse(r.Code, r.Reason, "", r.Cause.Q850)
}

// Reason is a cause as a Reason header says it.
func Reason(c ledger.Cause) sip.Cause { return sip.Cause{SIP: c.SIP, Q850: c.Q850, Text: c.Words} }

// ByeCause reads the Reason of a BYE; most phones send none, and mean a normal end.
func ByeCause(c sip.Cause) ledger.Cause {
	cause := call.CauseOf(call.Normal, c.Text)
	if c.SIP != 0 && c.SIP != 200 {
		cause = call.CauseOfResponse(c.SIP, c.Text, "", 0)
	}
	if c.Q850 == sip.Preemption {
		cause = call.CauseOf(errs.Preempted, c.Text)
	}
	if c.Q850 != 0 {
		cause.Q850 = c.Q850
	}
	return cause
}

// Phrase is the reason phrase of a refused offer.
func Phrase(status int) string {
	switch status {
	case 481:
		return "Call/Transaction Does Not Exist"
	case 488:
		return "Not Acceptable Here"
	case 491:
		return "Request Pending"
	case 503:
		return "Service Unavailable"
	}
	return "Server Failure"
}
