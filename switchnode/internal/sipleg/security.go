package sipleg

import (
	"slices"

	"strowger/pkg/errs"
	"strowger/pkg/sdp"
	"strowger/pkg/srtp"
	"strowger/switchnode/internal/media"
)

// Security is how the media of a leg are to be encrypted. The zero value is not at all.
type Security struct {
	Need Need
	SDES bool           // keys may stand in descriptions: signalling is encrypted (RFC 4568, 8.3)
	DTLS *srtp.Identity // who we are in handshakes; nil: there are none
}

// Need is how much it matters that media are encrypted.
type Need uint8

// The needs.
const (
	Off       Need = iota // they are not
	Preferred             // they are if the other side can: RFC 8643
	Required              // a description that would have them plain is refused
)

// ways are those that a description may go.
func (s Security) ways() sdp.Ways {
	if s.Need == Off {
		return sdp.Ways{Plain: true}
	}
	return sdp.Ways{Plain: s.Need == Preferred, SDES: s.SDES, DTLS: s.DTLS != nil}
}

// Lenient says that offers have a profile without encryption, and could have another.
func (s Security) Lenient() bool { return s.Need == Preferred && (s.SDES || s.DTLS != nil) }

// cipher is how the media of a leg are encrypted, as its descriptions agree.
type cipher struct {
	Security

	means  means
	crypto srtp.Agreement
	setup  sdp.Setup // what we said last of who begins a handshake
	theirs sdp.Session
	begins bool // we began the handshake
}

// means is what encrypts.
type means uint8

const (
	open  means = iota // not agreed yet
	plain              // nothing does
	sdes
	dtls
)

// encrypted says whether it was agreed that something does.
func (c *cipher) encrypted() bool { return c.means == sdes || c.means == dtls }

// begin sets a port up: nothing passes that might have to be encrypted.
func (c *cipher) begin(p *media.Port) {
	if c.Need == Off {
		p.Plain()
	} else {
		p.Encrypt()
	}
}

// Read reads a description of the other side's as its security allows. One that is plain and must not be is errs.Unencrypted.
func (s Security) Read(line *Line, body []byte) (sdp.Session, error) {
	session, err := line.Parse(body, s.ways())
	if err == nil || s.Need == Off {
		return session, err
	}
	if all, other := line.Parse(body, sdp.Ways{Plain: true, SDES: true, DTLS: true}); other == nil {
		return session, s.refusal(all)
	}
	return session, err
}

// refusal says why a description is not secure.
func (s Security) refusal(given sdp.Session) error {
	switch {
	case len(given.Crypto) > 0 && !s.SDES:
		return errs.New(errs.Unencrypted, "The keys of this call's audio (a=crypto) would be readable: have the phone use TLS, or DTLS-SRTP")
	case given.Encrypted():
		return errs.New(errs.Unencrypted, "The audio has to be encrypted in another way: by a=crypto over TLS, or by DTLS-SRTP")
	}
	return errs.New(errs.Unencrypted, "The audio has to be encrypted (SRTP), and the phone does not")
}

// read reads a description of a leg. What is encrypted stays so: who takes the keys out of a later description ends nothing.
func (c *cipher) read(line *Line, body []byte) (sdp.Session, error) {
	s, err := c.Read(line, body)
	if err == nil && c.encrypted() && !s.Encrypted() {
		return s, errs.New(errs.Unencrypted, "The audio of this call is encrypted, and would no longer be")
	}
	return s, err
}

// offer prepares a writer for an offer of ours: what was agreed goes on.
func (c *cipher) offer(w *sdp.Writer, p *media.Port) {
	var k sdp.Keys
	profile := sdp.AVP
	switch {
	case c.means == plain, c.Need == Off && c.means == open:
		w.Secure(profile, k)
		return
	case c.Need == Required && c.SDES:
		profile = sdp.SAVP
	case c.Need == Required:
		profile = sdp.DTLS
	}
	if c.means == sdes || c.means == open && c.SDES {
		k.Crypto = c.crypto.Offer()
	}
	if c.means == dtls || c.means == open && c.DTLS != nil && profile != sdp.SAVP {
		k.Fingerprint, k.Setup = c.DTLS.Fingerprint(), sdp.ActPass // RFC 5763, 5
		if c.means == open {
			p.Expect()
		}
	}
	c.setup = k.Setup
	w.Secure(profile, k)
}

// answer prepares a writer for our answer to an offer of theirs: the first way of theirs that may be gone.
func (c *cipher) answer(w *sdp.Writer, offer sdp.Session) error {
	var k sdp.Keys
	next := plain
	if len(offer.Crypto) > 0 && c.means != dtls {
		if ours, err := c.crypto.Answer(offer.Crypto); err == nil {
			k.Crypto, next = []string{ours}, sdes
		} else if len(offer.Fingerprints) == 0 && !c.optional(offer) {
			return err
		}
	}
	if next == plain && len(srtp.Known(offer.Fingerprints)) > 0 && c.DTLS != nil {
		// RFC 5763, 5, recommends active. A phone behind a NAT is reached only after it has sent something, and so it begins.
		next, k.Fingerprint, k.Setup = dtls, c.DTLS.Fingerprint(), sdp.Passive
		// RFC 8842, 5.3: while the association goes on the roles do, as far as the offer lets them.
		if goes := c.means == dtls && c.begins && slices.Equal(srtp.Known(offer.Fingerprints), srtp.Known(c.theirs.Fingerprints)); offer.Setup == sdp.Passive || goes && offer.Setup == sdp.ActPass {
			k.Setup = sdp.Active
		}
	}
	if next == plain && !c.optional(offer) {
		return errs.New(errs.Unencrypted, "The offer has no key that is known here: AES_CM_128_HMAC_SHA1_80 or _32, a fingerprint of SHA-256 or better")
	}
	c.means, c.setup, c.theirs = next, k.Setup, offer
	w.Secure("", k)
	return nil
}

// optional says whether the audio of a description may be plain: by its profile, and by what was agreed before.
func (c *cipher) optional(s sdp.Session) bool {
	return c.Need != Required && !c.encrypted() && !s.Secure()
}

// answered takes their answer to our offer.
func (c *cipher) answered(s sdp.Session) error {
	next := plain
	switch {
	case len(s.Crypto) > 0 && c.means != dtls:
		if err := c.crypto.Answered(s.Crypto); err != nil {
			return err
		}
		next = sdes
	case len(srtp.Known(s.Fingerprints)) > 0 && c.setup != "":
		next = dtls
	case !c.optional(s):
		return c.refusal(sdp.Session{})
	}
	c.means, c.theirs = next, s
	return nil
}

// apply has a port use what was agreed, once it knows where the other side is.
func (c *cipher) apply(p *media.Port) error {
	switch c.means {
	case plain:
		if c.Need != Off {
			p.Plain()
		}
	case sdes:
		return p.Keys(c.crypto.Keys())
	case dtls:
		// Of what both may do the answer chose: their setup if they answered, ours if we did.
		c.begins = c.setup == sdp.Active || c.setup == sdp.ActPass && c.theirs.Setup == sdp.Passive
		p.Shake(media.Shake{Identity: c.DTLS, Fingerprints: srtp.Known(c.theirs.Fingerprints), Begins: c.begins})
	}
	return nil
}
