package sdk

import (
	"strconv"
	"strings"

	"strowger/pkg/errs"
	"strowger/pkg/rtp/g711"
)

// maxLines is how many lines of a session description are read.
const maxLines = 500

// offer is what we take of the offer of a node: its certificate, and the formats of its audio that we speak.
type offer struct {
	fingerprints []string // as they stand: "sha-256 AB:CD:..."
	law          g711.Law
	speech       uint8 // payload type
	events       uint8 // of telephone-event/8000, 0 if there is none
	sends        bool  // the node sends audio
	receives     bool
}

// parseOffer reads the offer of a node. WebRTC's own profile of it (RFC 8829) is for pion to read; here is only what it cannot
// be asked.
func parseOffer(body []byte) (offer, error) {
	o := offer{sends: true, receives: true} // RFC 8866, 6.7: sendrecv unless it is said
	types := map[uint8]string{0: "PCMU/8000", 8: "PCMA/8000"}
	var listed []uint8
	audio, before := false, true
	lines := strings.SplitN(string(body), "\n", maxLines+1)
	if len(lines) > maxLines {
		return o, errs.New(errs.Invalid, "the offer of the node has more than %d lines", maxLines)
	}
	for _, l := range lines {
		name, value, _ := strings.Cut(strings.TrimRight(l, "\r"), ":")
		switch {
		case strings.HasPrefix(l, "m="):
			audio, before = strings.HasPrefix(l, "m=audio ") && listed == nil, false
			if audio {
				listed = payloadTypes(l)
			}
		case name == "a=fingerprint":
			o.fingerprints = append(o.fingerprints, value)
		case name == "a=rtpmap" && audio:
			pt, encoding, _ := strings.Cut(value, " ")
			if n, err := strconv.ParseUint(pt, 10, 7); err == nil {
				types[uint8(n)] = strings.TrimSuffix(encoding, "/1")
			}
		case audio || before:
			o.direct(name)
		}
	}
	return o, o.choose(listed, types)
}

// direct follows a direction of the node's.
func (o *offer) direct(attribute string) {
	switch attribute {
	case "a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive":
		o.sends = attribute == "a=sendrecv" || attribute == "a=sendonly"
		o.receives = attribute == "a=sendrecv" || attribute == "a=recvonly"
	}
}

func payloadTypes(media string) []uint8 {
	all := []uint8{}
	if f := strings.Fields(media); len(f) > 3 {
		for _, pt := range f[3:] {
			if n, err := strconv.ParseUint(pt, 10, 7); err == nil {
				all = append(all, uint8(n))
			}
		}
	}
	return all
}

// choose takes the first format that we speak: the node lists what it likes best first (RFC 3264, 5.1).
func (o *offer) choose(listed []uint8, types map[uint8]string) error {
	found := false
	for _, pt := range listed {
		switch name := strings.ToUpper(types[pt]); {
		case name == "TELEPHONE-EVENT/8000" && o.events == 0:
			o.events = pt
		case name == "PCMU/8000" && !found:
			o.law, o.speech, found = g711.Mu, pt, true
		case name == "PCMA/8000" && !found:
			o.law, o.speech, found = g711.A, pt, true
		}
	}
	if !found {
		return errs.New(errs.NoCommonCodec, "the caller offers no codec that this phone speaks (PCMU, PCMA)")
	}
	return nil
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
