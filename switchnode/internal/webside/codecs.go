package webside

import (
	"strings"

	"github.com/pion/webrtc/v4"

	"strowger/pkg/errs"
	"strowger/pkg/sdp"
)

// carried are the codecs that WebRTC can carry (RFC 7874, 3; RFC 7587), with the payload types that they are offered as.
var carried = []sdp.Format{
	{PT: 111, Codec: sdp.Codec{Name: "opus", Clock: 48000, Channels: 2}},
	{PT: 9, Codec: sdp.Codec{Name: "G722", Clock: 8000, Channels: 1}},
	{PT: 0, Codec: sdp.Codec{Name: "PCMU", Clock: 8000, Channels: 1}},
	{PT: 8, Codec: sdp.Codec{Name: "PCMA", Clock: 8000, Channels: 1}},
	{PT: 101, Codec: sdp.Codec{Name: sdp.TelephoneEvent, Clock: 8000, Channels: 1}},
	{PT: 110, Codec: sdp.Codec{Name: sdp.TelephoneEvent, Clock: 48000, Channels: 1}},
}

// formats are what an app is offered of a caller's codecs, in the caller's order and with its parameters. Without speech among
// them it is errs.NoCommonCodec.
func formats(offer sdp.Description) ([]sdp.Format, error) {
	var all []sdp.Format
	for _, c := range offer.Codecs {
		f, ok := sdp.Find(carried, c)
		if _, twice := sdp.Find(all, c); !ok || twice {
			continue
		}
		all = append(all, sdp.Format{PT: f.PT, Codec: c})
	}
	if _, ok := (sdp.Session{Formats: all}).Description().Speech(); !ok {
		return nil, errs.New(errs.NoCommonCodec, "The caller's phone offers no codec that an app has: opus, G722, PCMU or PCMA")
	}
	return all, nil
}

// clock is that of a payload type, in Hz.
func clock(all []sdp.Format, pt uint8) int {
	for _, f := range all {
		if f.PT == pt {
			return f.Clock
		}
	}
	return 8000
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
