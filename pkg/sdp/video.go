package sdp

import (
	"slices"
	"strings"
)

// Video is what a WebRTC peer says of its camera and of its screen. Without formats there is no video, or it is refused.
type Video struct {
	Formats   []Format
	Direction Direction
	Sources   []string // a=ssrc (RFC 5576), as they stand: which stream is sent
}

// Sends says whether the writer's camera is on.
func (v Video) Sends() bool { return len(v.Formats) > 0 && v.Direction.Sends() }

// Receives says whether the writer wants to see.
func (v Video) Receives() bool { return len(v.Formats) > 0 && v.Direction.Receives() }

// video reads the first video that is not refused; one that cannot be read is none, since the audio is what makes a call. Formats
// that refer to others of the section are left out, as in audio.
func (r reader) video(sections []section) (v Video) {
	i := slices.IndexFunc(sections, func(s section) bool {
		return s.media == "video" && s.port != 0 && strings.HasPrefix(s.proto, "UDP/TLS/RTP/SAVP")
	})
	if i < 0 {
		return Video{}
	}
	m := r.media[i]
	v.Formats, _ = m.parseFormats()
	v.Direction = directionOf(m, r.session)
	for _, a := range m.attributes {
		if a.name == "ssrc" {
			v.Sources = append(v.Sources, a.value)
		}
	}
	return v
}
