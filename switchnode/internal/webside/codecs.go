package webside

import (
	"slices"
	"strings"

	"github.com/pion/webrtc/v4"

	"strowger/pkg/errs"
	"strowger/pkg/sdp"
)

// carried are the codecs that WebRTC can carry (RFC 7874, 3; RFC 7587), with the payload types that they are offered as: what is
// more than telephone quality first.
var carried = []sdp.Format{
	{PT: 111, Codec: sdp.Codec{Name: "opus", Clock: 48000, Channels: 2}},
	{PT: 9, Codec: sdp.Codec{Name: "G722", Clock: 8000, Channels: 1}},
	{PT: 0, Codec: sdp.Codec{Name: "PCMU", Clock: 8000, Channels: 1}},
	{PT: 8, Codec: sdp.Codec{Name: "PCMA", Clock: 8000, Channels: 1}},
	{PT: 13, Codec: sdp.Codec{Name: sdp.ComfortNoise, Clock: 8000, Channels: 1}},
	{PT: 101, Codec: sdp.Codec{Name: sdp.TelephoneEvent, Clock: 8000, Channels: 1}},
	{PT: 110, Codec: sdp.Codec{Name: sdp.TelephoneEvent, Clock: 48000, Channels: 1}},
}

// wide says how much of a voice a codec carries.
func wide(c sdp.Codec) int {
	switch c.Name {
	case "opus":
		return 2
	case "G722":
		return 1
	}
	return 0
}

// formats are what an app is offered of a caller's codecs, with the caller's parameters: wideband first, since both have it,
// and otherwise in the caller's order. Telephone events are offered in the clock of each codec (RFC 4733, 2.1), if the caller has
// them in any: the relay rewrites them. Without speech it is errs.NoCommonCodec.
func formats(offer sdp.Description) ([]sdp.Format, error) {
	var all []sdp.Format
	add := func(c sdp.Codec) {
		f, ok := sdp.Find(carried, c)
		if _, twice := sdp.Find(all, c); ok && !twice {
			all = append(all, sdp.Format{PT: f.PT, Codec: c})
		}
	}
	for _, c := range offer.Codecs {
		if c.Speech() {
			add(c)
		}
	}
	if len(all) == 0 {
		var apps []sdp.Codec
		for _, f := range carried {
			if f.Speech() {
				apps = append(apps, f.Codec)
			}
		}
		return nil, errs.New(errs.NoCommonCodec, "no common codec: the caller's phone speaks %s, apps speak %s", sdp.Names(offer.Codecs), sdp.Names(apps))
	}
	slices.SortStableFunc(all, func(a, b sdp.Format) int { return wide(b.Codec) - wide(a.Codec) })
	speech := all
	for _, c := range offer.Codecs {
		if c.Name == sdp.ComfortNoise {
			add(c) // RFC 7874, 3; it passes if the app takes it too
		}
		if c.Name == sdp.TelephoneEvent {
			for _, s := range speech {
				c.Clock = s.Clock
				add(c)
			}
		}
	}
	return all, nil
}

// clock is that of a payload type's timestamps, in Hz: for telephone events that of the speech among which they come.
func clock(all []sdp.Format, pt uint8) int {
	for _, f := range all {
		if f.PT == pt && f.Speech() {
			return f.Clock
		}
	}
	return all[0].Clock
}

// mediaEngine knows exactly the formats of a leg.
func mediaEngine(all []sdp.Format) (*webrtc.MediaEngine, error) {
	m := &webrtc.MediaEngine{}
	for _, f := range all {
		capability := webrtc.RTPCodecCapability{MimeType: "audio/" + f.Name, ClockRate: uint32(f.Clock), SDPFmtpLine: strings.TrimSpace(f.Fmtp)}
		if f.Channels > 1 {
			capability.Channels = uint16(f.Channels)
		}
		err := m.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: capability, PayloadType: webrtc.PayloadType(f.PT)}, webrtc.RTPCodecTypeAudio)
		if err != nil {
			return nil, errs.New(errs.Internal, "offer %s as payload type %d: %w", f.Codec, f.PT, err)
		}
	}
	return m, nil
}
