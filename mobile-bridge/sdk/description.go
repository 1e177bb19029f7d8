package sdk

import (
	"slices"
	"strconv"
	"strings"

	"strowger/pkg/errs"
	"strowger/pkg/sdp"
)

// offer is what a node offers: its certificate, the formats of its audio that we speak, and its video.
type offer struct {
	fingerprints []string     // as they stand: "sha-256 AB:CD:..."
	speech       []sdp.Format // best first
	events       []sdp.Format // telephone-event, perhaps in several clocks
	sends        bool         // of the node
	receives     bool
	video        sdp.Video // in any formats
}

// parseOffer reads the offer of a node to a phone that takes frames, or samples. The node lists what it likes best first (RFC
// 3264, 5.1).
func parseOffer(body []byte, frames bool) (offer, error) {
	s, err := sdp.ParseSecure(body)
	if err != nil {
		return offer{}, err
	}
	o := offer{fingerprints: s.Fingerprints, sends: s.Direction.Sends(), receives: s.Direction.Receives(), video: s.Video}
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

// directions are those of the sections of a description.
type directions struct{ audio, video string }

// bothWays is all that pion knows of directions: one that is turned off would be stopped there, for good.
var bothWays = directions{"sendrecv", "sendrecv"}

// redescribe is a description as it was, with other directions. One of ours has a version that grows (RFC 3264, 8), and its setup
// is "actpass" in an offer, and in an answer our role, which stays (RFC 8842, 5.5); 0 and "" leave them alone.
func redescribe(sdp []byte, version int, d directions, setup string) []byte {
	var b strings.Builder
	now := d.audio
	for l := range strings.Lines(string(sdp)) {
		switch l = strings.TrimRight(l, "\r\n"); {
		case strings.HasPrefix(l, "m=audio "):
			now = d.audio
		case strings.HasPrefix(l, "m=video "):
			now = d.video
		case strings.HasPrefix(l, "o=") && version > 0:
			f := strings.Fields(l)
			if len(f) == 6 {
				f[2] = strconv.Itoa(version)
			}
			l = strings.Join(f, " ")
		case l == "a=sendrecv", l == "a=sendonly", l == "a=recvonly", l == "a=inactive":
			l = "a=" + now
		case strings.HasPrefix(l, "a=setup:") && setup != "":
			l = "a=setup:" + setup
		}
		b.WriteString(l + "\r\n")
	}
	return []byte(b.String())
}

// complete is an answer in which all video of an offer of ours is taken, as pion wants to have it: what was refused stays part of
// the session (RFC 3264, 8.2), and may be taken another time. What is sent is decided by the answer as it came.
func complete(answer, offer []byte) []byte {
	taken, ours := sections(answer), sections(offer)
	for i := 1; i < len(ours); i++ {
		refused := i >= len(taken) || strings.HasPrefix(taken[i], "m=video 0 ")
		if !refused || !strings.HasPrefix(ours[i], "m=video ") {
			continue
		}
		var b strings.Builder
		for l := range strings.Lines(ours[i]) {
			name, _, _ := strings.Cut(strings.TrimPrefix(l, "a="), ":")
			if !slices.Contains([]string{"ssrc", "ssrc-group", "msid", "candidate", "setup", "ice-ufrag", "ice-pwd", "fingerprint"}, name) {
				b.WriteString(l)
			}
		}
		taken = append(taken[:min(i, len(taken))], append([]string{b.String()}, taken[min(i+1, len(taken)):]...)...)
	}
	return []byte(strings.Join(taken, ""))
}

// sections are what all of a description is about, and then its media sections.
func sections(sdp []byte) []string {
	all := strings.Split(strings.ReplaceAll(string(sdp), "\nm=", "\n\x00m="), "\x00")
	return all
}
