package call

import (
	"cmp"
	"strings"

	"strowger/pkg/errs"
	"strowger/pkg/ledger"
)

// Normal is the code of the cause of a call that was answered and hung up.
const Normal errs.Code = "normal"

// outcome is how a code is told to a SIP peer, and to a PSTN or a record in the terms of ITU-T Q.850.
type outcome struct {
	sip, q850 int
	words     string
}

// outcomes is the one place where the SIP response of an error is chosen. The Q.850 values follow RFC 3398, 8.2.6.1,
// where it maps the SIP code.
var outcomes = map[errs.Code]outcome{
	Normal:               {200, 16, "Normal call clearing"},
	Transferred:          {302, 16, "The call was transferred"},
	errs.Unknown:         {404, 1, "Nobody has this number"},
	errs.NotFound:        {404, 1, "Not found"},
	errs.Invalid:         {400, 95, "Malformed request"},
	errs.Forbidden:       {403, 21, "Not allowed"},
	errs.Disabled:        {403, 21, "Switched off by the administrator"},
	errs.Unauthenticated: {401, 21, "Wrong user or password"},
	errs.Unreachable:     {502, 27, "The callee's office cannot be reached"},
	errs.WrongNode:       {502, 27, "The callee's office answered with another key"},
	errs.Offline:         {480, 20, "No phone of the callee is registered"},
	errs.NoPush:          {480, 20, "No push reaches the callee's app"},
	errs.Asleep:          {480, 18, "The callee's phones did not wake up"},
	errs.DoNotDisturb:    {480, 21, "The callee does not want to be disturbed"},   // RFC 3261, 21.4.18
	errs.Blocked:         {603, 21, "The callee takes no calls from this number"}, // RFC 3261, 21.6.2
	errs.Forwarded:       {480, 21, "The callee forwards all calls"},
	errs.Closed:          {480, 21, "Closed"},
	errs.Busy:            {486, 17, "Busy"},
	errs.QueueFull:       {486, 17, "Busy, and too many are waiting"},
	errs.QueueTime:       {480, 17, "Nobody was free in time"},
	errs.QueueRemoved:    {480, 21, "Taken out of the queue by the administrator"},
	errs.Preempted:       {503, 8, "The line was needed for an emergency call"},
	errs.NoLine:          {503, 34, "No line to the phone network takes the call"},
	errs.Declined:        {603, 21, "Declined"},
	errs.NoAnswer:        {408, 19, "No answer"},
	errs.NoCommonCodec:   {488, 88, "The phones share no codec"},
	errs.Unencrypted:     {488, 88, "The audio has to be encrypted"},
	errs.Loop:            {482, 25, "The call goes in circles"},
	errs.HopsUsed:        {483, 25, "The call passed through too many switches"},
	errs.TooWide:         {440, 25, "The call rings more phones than it may"}, // RFC 5393, 5.3.3: Max-Breadth Exceeded
	errs.Crossing:        {486, 17, "Both call each other"},
	errs.NotRinging:      {480, 20, "Nothing rings there"},
	errs.PickedUp:        {480, 16, "Picked up"},
	errs.Gone:            {481, 16, "The call is over"},
	errs.Elsewhere:       {200, 26, "Call completed elsewhere"},
	errs.CallBack:        {480, 16, "You will be called back"},
	errs.CallerLeft:      {487, 16, "The caller hung up"},
	errs.Congested:       {503, 42, "Too many calls, try again"},
	errs.CloudAway:       {503, 38, "The directory cannot be reached"},
	errs.LinkLost:        {503, 38, "The link between the offices failed"},
	errs.MediaLost:       {503, 41, "No audio arrived"},
	errs.LegLost:         {408, 102, "The phone stopped answering"},
	errs.NodeStopped:     {503, 41, "The switch stopped"},
	errs.GuardNumber:     {403, 21, "This number may not be called"},
	errs.GuardCountry:    {403, 21, "This country may not be called"},
	errs.GuardCalls:      {403, 21, "Too many calls to phone numbers"},
	errs.GuardCost:       {403, 21, "The money for calls is used up"},
	errs.GuardTime:       {403, 21, "The call has lasted too long"},
	errs.GuardTogether:   {403, 21, "Too many calls at once"},
	errs.GuardNight:      {403, 21, "Too many calls abroad at night"},
	errs.GuardAlarm:      {403, 21, "Calls abroad are blocked"},
	errs.GuardForward:    {403, 21, "Calls are not forwarded to phone numbers"},
	errs.GuardOutside:    {403, 21, "No calls to phone numbers for callers outside"},
	errs.GuardTrunk:      {503, 34, "The line has had its calls"},
	errs.Signature:       {438, 21, "The signature of the number does not do"}, // RFC 8224, 6.2.2
	errs.Revoked:         {403, 21, "Revoked by the administrator"},
	errs.Internal:        {500, 41, "Internal error"},
}

// refusedKey serves every refusal of a session key (2-call-flows: 401 with Bearer, or 403, named by Strowger-Refusal).
var refusedKey = outcome{403, 21, "Session key refused"}

// maxWords bounds the words of a cause, in bytes: they quote what others sent, and go into a reason phrase, which has to
// fit a datagram, and into the record.
const maxWords = 200

// CauseOf is the cause of a code. Empty words are filled with the code's own.
func CauseOf(code errs.Code, words string) ledger.Cause {
	o, known := outcomes[code]
	switch {
	case known:
	case isKeyRefusal(code):
		o = refusedKey
		if code == errs.KeyMissing {
			o.sip = 401
		}
	default:
		o = outcomes[errs.Internal]
	}
	return ledger.Cause{Code: string(code), SIP: o.sip, Q850: o.q850, Words: cmp.Or(shorten(words), o.words)}
}

// shorten cuts words at maxWords without breaking a character.
func shorten(words string) string {
	if len(words) <= maxWords {
		return words
	}
	return strings.ToValidUTF8(words[:maxWords], "") + "…"
}

// CauseOfError is the cause of an error that came from the cloud, the site copy or a node.
func CauseOfError(err error) ledger.Cause {
	e := errs.From(err)
	return CauseOf(e.Code, e.Words)
}

func isKeyRefusal(c errs.Code) bool {
	switch c {
	case errs.KeyMissing, errs.KeyMalformed, errs.KeyExpired, errs.KeyNotYetValid, errs.ClockSkew, errs.WrongAudience, errs.Restarted,
		errs.WrongPresenter, errs.Replayed, errs.Ghost, errs.BadSignature, errs.UnknownKey, errs.WrongOrganization:
		return true
	}
	return false
}

// CauseOfResponse is the cause of a final SIP response other than 2xx. refusal is our own Strowger-Refusal header, which
// names the code exactly; q850 is the value of a Reason header, 0 if there is none.
func CauseOfResponse(status int, phrase, refusal string, q850 int) ledger.Cause {
	code := codeOfStatus(status)
	if refusal != "" {
		code = errs.Code(refusal)
	}
	c := CauseOf(code, phrase)
	c.SIP = relayed(status)
	if q850 > 0 {
		c.Q850 = q850
	}
	return c
}

// relayed is what the other side is told in place of a status that was meant for this switch only: it can neither answer
// a challenge (RFC 3261, 22.3 leaves that to proxies) nor follow a redirection without its Contact (21.3), and it did not
// cancel its call (21.4.25).
func relayed(status int) int {
	switch {
	case status == 401 || status == 407:
		return 403
	case status < 400, status == 487:
		return 480
	}
	return status
}

// codeOfStatus reads what a phone meant by a status code (RFC 3261, 21).
func codeOfStatus(status int) errs.Code {
	switch status {
	case 440:
		return errs.TooWide
	case 486, 600:
		return errs.Busy
	case 603, 607, 608: // RFC 8197: unwanted; RFC 8688: rejected
		return errs.Declined
	case 480, 410, 487: // of a branch that nobody cancelled, 487 is the phone's own way to give up
		return errs.Offline
	case 408, 504:
		return errs.LegLost
	case 488, 606, 415:
		return errs.NoCommonCodec
	case 482:
		return errs.Loop
	case 483:
		return errs.HopsUsed
	case 404, 604, 484:
		return errs.Unknown
	case 401, 407, 403:
		return errs.Forbidden
	case 500, 503:
		return errs.Congested
	}
	switch {
	case status >= 600:
		return errs.Declined
	case status < 400: // the phone forwards its calls elsewhere, which this switch does not follow
		return errs.Offline
	}
	return errs.Internal
}

// rank orders the causes of refused branches: what the caller is told is the most telling one (RFC 3261, 16.7, step 6,
// where a 6xx wins and otherwise the choice is ours).
func rank(c ledger.Cause) int {
	switch errs.Code(c.Code) {
	case errs.Declined:
		return 7
	case errs.Busy:
		return 6
	case errs.NoCommonCodec, errs.Unencrypted:
		return 5
	case errs.Unknown, errs.Forbidden, errs.Disabled, errs.Unreachable, errs.Loop, errs.HopsUsed, errs.TooWide,
		errs.GuardNumber, errs.GuardCountry, errs.GuardCalls, errs.GuardCost, errs.GuardTime, errs.GuardTogether, errs.GuardNight, errs.GuardAlarm, errs.GuardForward, errs.GuardOutside:
		return 4
	case errs.NoAnswer, errs.Asleep, errs.DoNotDisturb:
		return 3
	case errs.Offline:
		return 2
	}
	return 1
}
