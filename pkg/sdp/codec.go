package sdp

import (
	"slices"
	"strconv"
	"strings"

	"strowger/pkg/errs"
)

// Codec names an encoding apart from any leg's payload type.
type Codec struct {
	Name     string // canonical: "PCMU", "PCMA", "G722", "opus", "telephone-event"; others as their sender wrote them
	Clock    int    // RTP clock in Hz; 8000 for G.722 (RFC 3551, 4.5.2)
	Channels int    // at least 1
	Fmtp     string // format parameters as they stood after the payload type, "" without
}

// String is the codec as in a=rtpmap: "PCMU/8000", "opus/48000/2".
func (c Codec) String() string {
	s := c.Name + "/" + strconv.Itoa(c.Clock)
	if c.Channels > 1 {
		s += "/" + strconv.Itoa(c.Channels)
	}
	return s
}

// Same says whether both are one encoding, whatever their format parameters.
func (c Codec) Same(o Codec) bool {
	return c.Clock == o.Clock && c.Channels == o.Channels && strings.EqualFold(c.Name, o.Name)
}

// Speech says whether the codec carries voice. Telephone events (RFC 4733) and comfort noise (RFC 3389) do not: they
// only accompany a codec that does.
func (c Codec) Speech() bool {
	return c.Name != TelephoneEvent && c.Name != ComfortNoise
}

// Canonical names of the formats that are not speech.
const (
	TelephoneEvent = "telephone-event"
	ComfortNoise   = "CN"
)

// Format is a codec with its payload type on one leg.
type Format struct {
	Codec
	PT uint8
}

// Find returns the format for c: one with equal parameters if there is one, else the first of the same encoding.
// (An offer may list one encoding twice with different parameters, as AMR does.)
func Find(formats []Format, c Codec) (Format, bool) {
	found := -1
	for i, f := range formats {
		if !f.Same(c) {
			continue
		}
		if f.Fmtp == c.Fmtp {
			return f, true
		}
		if found < 0 {
			found = i
		}
	}
	if found < 0 {
		return Format{}, false
	}
	return formats[found], true
}

// Match returns the format that a packet of c becomes on another leg: Find's, or for telephone events those of another clock,
// as whose they are rewritten (RFC 4733, 2.1: an event has the clock of the speech that it is sent with, and legs differ).
func Match(formats []Format, c Codec) (Format, bool) {
	if f, ok := Find(formats, c); ok || c.Name != TelephoneEvent {
		return f, ok
	}
	for _, f := range formats {
		if f.Name == TelephoneEvent {
			return f, true
		}
	}
	return Format{}, false
}

// Direction says who sends, from the point of view of the one who wrote the description.
type Direction string

// The directions of RFC 8866, 6.7.
const (
	SendRecv Direction = "sendrecv"
	SendOnly Direction = "sendonly"
	RecvOnly Direction = "recvonly"
	Inactive Direction = "inactive"
)

// Sends says whether the writer wants to send.
func (d Direction) Sends() bool { return d == SendRecv || d == SendOnly }

// Receives says whether the writer wants to receive.
func (d Direction) Receives() bool { return d == SendRecv || d == RecvOnly }

func direction(sends, receives bool) Direction {
	switch {
	case sends && receives:
		return SendRecv
	case sends:
		return SendOnly
	case receives:
		return RecvOnly
	}
	return Inactive
}

// Description is what travels between the legs of a call.
type Description struct {
	Codecs    []Codec   // in order of preference, speech first
	Direction Direction // of the party that is described
	Ptime     int       // packet time that the party asks for, ms; 0 if it said nothing
	// Body is the description as the party wrote it, for another whose media go to it directly: between apps. Who has no use for
	// it goes by the rest.
	Body  []byte
	Proof string // with a Body: how the party proved that its media are its own (package proof)
}

// Speech returns the preferred speech codec.
func (d Description) Speech() (Codec, bool) {
	for _, c := range d.Codecs {
		if c.Speech() {
			return c, true
		}
	}
	return Codec{}, false
}

// Common is what an offer and its answer agree on: the answer's codecs that were offered, with the answer's preference,
// parameters, direction and packet time. Telephone events are common whatever their clocks, and are named as in the offer (see
// Match). Without a speech codec among them it is errs.NoCommonCodec.
func Common(offer, answer Description) (Description, error) {
	common := Description{Direction: answer.Direction, Ptime: answer.Ptime}
	for _, c := range answer.Codecs {
		if !has(offer.Codecs, c) && c.Name == TelephoneEvent {
			c = events(offer.Codecs)
		}
		if has(offer.Codecs, c) && !has(common.Codecs, c) {
			common.Codecs = append(common.Codecs, c)
		}
	}
	if _, ok := common.Speech(); !ok {
		return Description{}, errs.New(errs.NoCommonCodec, "no common codec: offered %s, answered %s",
			Names(offer.Codecs), Names(answer.Codecs))
	}
	return common, nil
}

// events are the first telephone events among codecs, or no codec.
func events(codecs []Codec) Codec {
	for _, c := range codecs {
		if c.Name == TelephoneEvent {
			return c
		}
	}
	return Codec{}
}

func has(codecs []Codec, c Codec) bool {
	for _, o := range codecs {
		if o.Same(c) {
			return true
		}
	}
	return false
}

// Names are codecs for people: "PCMU/8000 opus/48000/2", "nothing".
func Names(codecs []Codec) string {
	if len(codecs) == 0 {
		return "nothing"
	}
	s := make([]string, len(codecs))
	for i, c := range codecs {
		s[i] = c.String()
	}
	return strings.Join(s, " ")
}

// SpeechName returns the canonical name of a speech codec that is known here, however it is written.
func SpeechName(name string) (string, bool) {
	canonical, ok := canonicalNames[strings.ToLower(name)]
	return canonical, ok && Codec{Name: canonical}.Speech()
}

// SpeechNames are those that SpeechName knows, in the order of the alphabet.
func SpeechNames() (all []string) {
	for _, name := range canonicalNames {
		if (Codec{Name: name}).Speech() {
			all = append(all, name)
		}
	}
	slices.SortFunc(all, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	return all
}

// canonicalNames is keyed by the lower case: encoding names are case-insensitive (RFC 8866, 6.6).
var canonicalNames = map[string]string{
	"pcmu": "PCMU", "pcma": "PCMA", "g722": "G722", "g729": "G729", "gsm": "GSM", "opus": "opus", "ilbc": "iLBC",
	"l16": "L16", "amr": "AMR", "amr-wb": "AMR-WB", "cn": ComfortNoise, "telephone-event": TelephoneEvent,
}

// refersToOthers lists formats whose payload or parameters name payload types of the same section.
var refersToOthers = map[string]bool{"red": true, "ulpfec": true, "flexfec": true, "rtx": true}

// staticFormats are the audio formats of RFC 3551, table 4.
var staticFormats = map[uint8]Codec{
	0: {"PCMU", 8000, 1, ""}, 3: {"GSM", 8000, 1, ""}, 4: {"G723", 8000, 1, ""}, 5: {"DVI4", 8000, 1, ""},
	6: {"DVI4", 16000, 1, ""}, 7: {"LPC", 8000, 1, ""}, 8: {"PCMA", 8000, 1, ""}, 9: {"G722", 8000, 1, ""},
	10: {"L16", 44100, 2, ""}, 11: {"L16", 44100, 1, ""}, 12: {"QCELP", 8000, 1, ""}, 13: {ComfortNoise, 8000, 1, ""},
	14: {"MPA", 90000, 1, ""}, 15: {"G728", 8000, 1, ""}, 16: {"DVI4", 11025, 1, ""}, 17: {"DVI4", 22050, 1, ""},
	18: {"G729", 8000, 1, ""},
}

// parseCodec reads what follows the payload type in a=rtpmap: <name>/<clock>[/<channels>].
func parseCodec(s string) (Codec, bool) {
	parts := strings.Split(strings.TrimSpace(s), "/")
	if len(parts) < 2 || len(parts) > 3 || parts[0] == "" || strings.ContainsAny(parts[0], " \t") {
		return Codec{}, false
	}
	c := Codec{Name: parts[0], Channels: 1}
	if name, ok := canonicalNames[strings.ToLower(c.Name)]; ok {
		c.Name = name
	}
	clock, err := strconv.ParseUint(parts[1], 10, 20)
	if err != nil || clock == 0 {
		return Codec{}, false
	}
	c.Clock = int(clock)
	if len(parts) == 3 {
		n, err := strconv.ParseUint(parts[2], 10, 8)
		if err != nil || n == 0 {
			return Codec{}, false
		}
		c.Channels = int(n)
	}
	if c.Name == "G722" {
		c.Clock = 8000 // some phones write the sampling rate: RFC 3551, 4.5.2 keeps an old error
	}
	return c, true
}
