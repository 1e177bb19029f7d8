package sdk

import (
	"slices"
	"strconv"
	"strings"

	"strowger/pkg/errs"
	"strowger/pkg/sdp"
)

// offer is what a node offers: its certificate, and the formats of its audio that we speak.
type offer struct {
	fingerprints []string     // as they stand: "sha-256 AB:CD:..."
	speech       []sdp.Format // best first
	events       []sdp.Format // telephone-event, perhaps in several clocks
	sends        bool         // of the node
	receives     bool
}

// parseOffer reads the offer of a node to a phone that takes frames, or samples. The node lists what it likes best first (RFC
// 3264, 5.1).
func parseOffer(body []byte, frames bool) (offer, error) {
	s, err := sdp.ParseSecure(body)
	if err != nil {
		return offer{}, err
	}
	o := offer{fingerprints: s.Fingerprints, sends: s.Direction.Sends(), receives: s.Direction.Receives()}
	for _, f := range s.Formats {
		_, twice := sdp.Find(slices.Concat(o.speech, o.events), f.Codec)
		switch {
		case twice:
		case f.Name == sdp.TelephoneEvent:
			o.events = append(o.events, f)
		case speaks(f.Codec, frames):
			o.speech = append(o.speech, f)
		}
	}
	if len(o.speech) == 0 {
		return offer{}, errs.New(errs.NoCommonCodec, "no common codec: the caller speaks %s, this phone %s", sdp.Names(s.Description().Codecs), spokenNames(frames))
	}
	return o, nil
}

// find returns the format of a payload type; one of no name if there is none.
func (o offer) find(pt uint8) sdp.Format {
	for _, f := range slices.Concat(o.speech, o.events) {
		if f.PT == pt {
			return f
		}
	}
	return sdp.Format{}
}

// keys is the format of telephone events beside speech: of its clock if there is one (RFC 4733, 2.1).
func (o offer) keys(speech sdp.Format) (sdp.Format, bool) {
	return sdp.Match(o.events, sdp.Codec{Name: sdp.TelephoneEvent, Clock: speech.Clock, Channels: 1})
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

// attribute is the value of the first attribute of a name in a description.
func attribute(sdp []byte, name string) string {
	_, rest, _ := strings.Cut(string(sdp), "\na="+name+":")
	value, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(value)
}

// redescribe is a description of ours as it was, with another direction and version (RFC 3264, 8). Its setup is "actpass" in an
// offer, and in an answer our role, which stays (RFC 8842, 5.5).
func redescribe(sdp []byte, version int, direction, setup string) []byte {
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
		case strings.HasPrefix(l, "a=setup:"):
			l = "a=setup:" + setup
		}
		b.WriteString(l + "\r\n")
	}
	return []byte(b.String())
}
