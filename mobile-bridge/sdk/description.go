package sdk

import (
	"strconv"
	"strings"

	"strowger/pkg/errs"
	"strowger/pkg/rtp/g711"
	"strowger/pkg/sdp"
)

// offer is what we take of the offer of a node: its certificate, and the formats of its audio that we speak.
type offer struct {
	fingerprints []string // as they stand: "sha-256 AB:CD:..."
	law          g711.Law
	speech       uint8 // payload type
	events       uint8 // of telephone-event/8000, 0 if there is none
	sends        bool  // of the node
	receives     bool
}

// parseOffer reads the offer of a node. The node lists what it likes best first (RFC 3264, 5.1).
func parseOffer(body []byte) (offer, error) {
	s, err := sdp.ParseSecure(body)
	if err != nil {
		return offer{}, err
	}
	o := offer{fingerprints: s.Fingerprints, sends: s.Direction.Sends(), receives: s.Direction.Receives()}
	found := false
	for _, f := range s.Formats {
		switch {
		case f.Clock != rate:
		case f.Name == sdp.TelephoneEvent && o.events == 0:
			o.events = f.PT
		case f.Name == "PCMU" && !found:
			o.law, o.speech, found = g711.Mu, f.PT, true
		case f.Name == "PCMA" && !found:
			o.law, o.speech, found = g711.A, f.PT, true
		}
	}
	if !found {
		return offer{}, errs.New(errs.NoCommonCodec, "the caller offers no codec that this phone speaks (PCMU, PCMA)")
	}
	return o, nil
}

// from says whether the offer is of who has this certificate, and of nobody else.
func (o offer) from(fingerprint string) error {
	if fingerprint == "" || len(o.fingerprints) == 0 {
		return errs.New(errs.WrongNode, "the node did not say by which certificate its media is known")
	}
	for _, f := range o.fingerprints {
		if !strings.EqualFold(strings.TrimSpace(f), fingerprint) { // RFC 8122, 5: hexadecimal, upper case
			return errs.New(errs.WrongNode, "the media is offered by somebody other than the node of the session key")
		}
	}
	return nil
}

// redescribe is a description of ours as it was, with another direction and version (RFC 3264, 8), and as an offer if need be.
func redescribe(sdp []byte, version int, direction string, offers bool) []byte {
	var b strings.Builder
	for l := range strings.Lines(string(sdp)) {
		switch l = strings.TrimRight(l, "\r\n"); {
		case strings.HasPrefix(l, "o="):
			f := strings.Fields(l)
			if len(f) == 6 {
				f[2] = strconv.Itoa(version)
			}
			l = strings.Join(f, " ")
		case l == "a=sendrecv", l == "a=sendonly", l == "a=recvonly", l == "a=inactive":
			l = "a=" + direction
		case strings.HasPrefix(l, "a=setup:") && offers:
			l = "a=setup:actpass" // RFC 8842, 5.5
		}
		b.WriteString(l + "\r\n")
	}
	return []byte(b.String())
}
