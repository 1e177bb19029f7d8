package sdp

import (
	"fmt"
	"strings"
)

// Profiles of audio in an m= line.
const (
	AVP     = "RTP/AVP"
	SAVP    = "RTP/SAVP"         // RFC 3711, with keys in the description (RFC 4568)
	DTLS    = "UDP/TLS/RTP/SAVP" // with keys by a handshake (RFC 5764, 8)
	avpf    = "RTP/AVPF"
	savpf   = "RTP/SAVPF"
	dtlsF   = "UDP/TLS/RTP/SAVPF"
	maxKeys = 16 // lines of keys, or certificates, of one description
)

// Ways are the ways in which audio is taken from a description.
type Ways struct {
	Plain bool // not encrypted
	SDES  bool // with keys in it
	DTLS  bool // with the fingerprint of a certificate in it
}

// Setup is who begins a handshake (RFC 4145, 4).
type Setup string

// The values of a=setup that are used here; holdconn is taken for none.
const (
	Active  Setup = "active"  // who says it begins
	Passive Setup = "passive" // the other one does
	ActPass Setup = "actpass" // either, as who answers likes
)

// Keys are what a description says of how its audio is encrypted.
type Keys struct {
	Crypto      []string // as after a=crypto
	Fingerprint string   // as after a=fingerprint, with Setup
	Setup       Setup
}

func (k Keys) append(b []byte) []byte {
	for _, line := range k.Crypto {
		b = fmt.Appendf(b, "a=crypto:%s\r\n", line)
	}
	if k.Fingerprint != "" {
		b = fmt.Appendf(b, "a=fingerprint:%s\r\na=setup:%s\r\n", k.Fingerprint, k.Setup)
	}
	return b
}

// ParseMedia reads an offer or an answer in the manner of Parse, in whichever way the audio may go. Of several that could be taken the
// first that can be encrypted is. Audio of a plain profile with keys can be encrypted as well (RFC 8643, 3). Crypto and Fingerprints are those of
// the ways that may be gone, and none are there for audio that is plain.
func ParseMedia(b []byte, may Ways) (Session, error) {
	s, r, err := choose(b, may.words(), func(session, media level) int { return may.rate(session, media) })
	if err != nil {
		return Session{}, err
	}
	m := r.media[s.audio]
	if may.SDES && !strings.HasPrefix(m.proto, "UDP/TLS/") {
		s.Crypto = cryptos(m)
	}
	if may.DTLS {
		s.Fingerprints = fingerprints(r.session, m)
	}
	if s.Setup = setupOf(m, r.session); len(s.Fingerprints) == 0 {
		s.Setup = ""
	}
	if err := s.place(r.session, m); err != nil {
		return Session{}, err
	}
	return s, nil
}

// Encrypted says whether the writer of a description has keys for its audio.
func (s Session) Encrypted() bool { return len(s.Crypto)+len(s.Fingerprints) > 0 }

// Secure says whether the audio of a description must be encrypted, by its profile.
func (s Session) Secure() bool {
	p := s.sections[s.audio].proto
	return p != AVP && p != avpf
}

// rate says how welcome the audio of a section is, 0 for not at all.
func (may Ways) rate(session, media level) int {
	keyed := may.DTLS && len(fingerprints(session, media)) > 0
	switch media.proto {
	case AVP, avpf:
		if keyed || may.SDES && len(cryptos(media)) > 0 {
			return 2
		}
		if may.Plain {
			return 1
		}
	case SAVP, savpf:
		if keyed || may.SDES && len(cryptos(media)) > 0 {
			return 3
		}
	case DTLS, dtlsF:
		if keyed {
			return 3
		}
	}
	return 0
}

// words name the profiles that may be used, for people.
func (may Ways) words() string {
	var all []string
	if may.Plain {
		all = append(all, AVP)
	}
	if may.SDES {
		all = append(all, SAVP+" with a=crypto")
	}
	if may.DTLS {
		all = append(all, DTLS)
	}
	return strings.Join(all, " or ")
}

// cryptos are the keys in a section: RFC 4568, 4: at the level of the medium only.
func cryptos(media level) (all []string) {
	for _, a := range media.attributes {
		if a.name == "crypto" && len(all) < maxKeys {
			all = append(all, a.value)
		}
	}
	return all
}

// fingerprints are those of the medium, or of the session if it has none of its own (RFC 8122, 5).
func fingerprints(session, media level) (all []string) {
	for _, l := range []level{media, session} {
		for _, a := range l.attributes {
			if a.name == "fingerprint" && len(all) < maxKeys {
				all = append(all, a.value)
			}
		}
		if len(all) > 0 {
			break
		}
	}
	return all
}

// setupOf: the attribute of the section, else that of the session.
func setupOf(levels ...level) Setup {
	for _, l := range levels {
		if v, ok := l.attribute("setup"); ok {
			switch v := Setup(strings.ToLower(v)); v {
			case Active, Passive, ActPass:
				return v
			}
		}
	}
	return ""
}
