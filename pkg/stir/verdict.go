package stir

import "fmt"

// Code names the outcome of a verification. Codes are append-only.
type Code string

// The codes of a Verdict.
const (
	Verified      Code = "verified"
	NoSignature   Code = "no-signature"
	Malformed     Code = "malformed"      // the header or the PASSporT is none, or lacks something
	Unsupported   Code = "unsupported"    // signed with another algorithm than ES256
	Stale         Code = "stale"          // signed too long ago, or in the future
	WrongCaller   Code = "wrong-caller"   // signed for another caller
	WrongCallee   Code = "wrong-callee"   // signed for a call to somebody else
	NoCertificate Code = "no-certificate" // the certificate cannot be had
	Untrusted     Code = "untrusted"      // the certificate does not lead to a configured root, or is not for signing calls
	NotCovered    Code = "not-covered"    // the certificate is for other numbers
	BadSignature  Code = "bad-signature"
	Replayed      Code = "replayed"  // the signature was seen with another call
	Congested     Code = "congested" // more calls than replays can be told of
)

// Verdict is what a verification found.
type Verdict struct {
	Code   Code   `json:"code"`
	Attest Attest `json:"attest,omitempty"` // of a verified SHAKEN PASSporT
	OrigID string `json:"origid,omitempty"` // likewise: whom to ask about the call
	Words  string `json:"words,omitempty"`  // of a failure: why
}

// String is the verdict for people: "verified A", "verified" without attestation, "no signature", "failed: why".
func (v Verdict) String() string {
	switch v.Code {
	case Verified:
		if v.Attest == "" {
			return "verified"
		}
		return "verified " + string(v.Attest)
	case NoSignature:
		return "no signature"
	}
	return "failed: " + v.Words
}

// Response is the SIP response with which a verifier that insists refuses the call (RFC 8224, 6.2.2): 0 for a verified one.
func (v Verdict) Response() (status int, reason string) {
	switch v.Code {
	case Verified:
		return 0, ""
	case NoSignature:
		return 428, "Use Identity Header"
	case Stale:
		return 403, "Stale Date"
	case NoCertificate:
		return 436, "Bad Identity Info"
	case Unsupported, Untrusted, NotCovered:
		return 437, "Unsupported Credential"
	case Congested:
		return 503, "Service Unavailable"
	}
	return 438, "Invalid Identity Header"
}

// Verstat is the value of the verstat parameter with which the callee's phone is told (3GPP TS 24.229, 7.2A.20). Attestation B
// and C say nothing of the number, so that it must not look verified.
func (v Verdict) Verstat() string {
	switch {
	case v.Code == Verified && (v.Attest == "" || v.Attest == Full):
		return "TN-Validation-Passed"
	case v.Code == Verified, v.Code == NoSignature, v.Code == NoCertificate, v.Code == Congested: // not judged
		return "No-TN-Validation"
	}
	return "TN-Validation-Failed"
}

// failure is a verdict on the way.
type failure struct {
	code  Code
	words string
}

func (f *failure) Error() string { return f.words }

func failed(c Code, format string, args ...any) *failure {
	return &failure{c, fmt.Errorf(format, args...).Error()}
}
