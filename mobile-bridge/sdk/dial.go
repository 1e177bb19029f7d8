package sdk

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"github.com/pion/webrtc/v4"

	"strowger/pkg/channel"
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/proof"
	"strowger/pkg/pushseal"
	"strowger/pkg/sessionkey"
)

// admitWithin is how long the cloud may take to say where a call goes, the channel to a bridge included.
const admitWithin = 10 * time.Second

// DialOptions says how a call is placed: with Audio, or, of a phone with SetFrames, with Frames; and of one with SetVideo perhaps
// with Video, and then the camera is on.
type DialOptions struct {
	Audio  Audio
	Frames Frames
	Video  Video
}

// Dial calls a number. It returns when the cloud has said where the call goes, or why it does not: nobody has the number, the
// callee's office is away. A phone without a channel opens one for the question.
//
// What becomes of the call is told as events: Trying, Waking, Ringing, Connected, and in the end Ended with the reason. If the
// callee is calling this phone at the same time, the two get the one call: it is answered with the options.
func (p *Phone) Dial(number string, o *DialOptions) (*Call, error) {
	number = strings.TrimSpace(number)
	switch {
	case number == "":
		return nil, errs.New(errs.Invalid, "the number is empty")
	case o == nil || (o.Audio == nil) == (o.Frames == nil):
		return nil, errs.New(errs.Invalid, "want one of audio and frames")
	}
	id, err := p.enrolled()
	if err != nil {
		return nil, err
	}
	cert, err := newCertificate()
	if err != nil {
		return nil, err
	}
	var over string // a call that was crossing
	for {
		a, err := p.admit(id, number, cert, over)
		if err != nil {
			return nil, err
		}
		w := pushseal.Wake{Node: a.Designation.Node, Key: a.Designation.Key}
		claims, err := p.check(id, w)
		if err != nil {
			return nil, err
		}
		if a.Crossing == "" {
			return p.place(w, claims, cert, o, a.Designation.Relay)
		}
		w.Epoch = channel.CrossingEpoch
		c, err := p.begin(w, claims)
		if err == nil {
			o.show(c)
			if c.takes(o.ears()) {
				return c, nil
			}
		}
		if over != "" {
			return nil, errs.New(errs.Crossing, "the callee is calling this phone; try again")
		}
		over = a.Crossing
	}
}

// admit asks the cloud, by the channel, whatever bridge it leads to.
func (p *Phone) admit(id *identity, number string, cert webrtc.Certificate, over string) (a channel.Admitted, err error) {
	fingerprint, err := fingerprintOf(cert)
	if err != nil {
		return a, err
	}
	signed, err := proof.Sign(proof.TypeAdmit, p.keys.signing, proof.Admit{
		Org: id.Info.Org, Device: id.Info.Device, Dialled: number, Media: p.kinds(), DTLS: fingerprint, Over: over,
		ID: rand.Text(), IssuedAt: time.Now().Unix(),
	})
	if err != nil {
		return a, err
	}
	ctx, cancel := context.WithTimeout(p.life, admitWithin)
	defer cancel()
	p.line.want()
	defer p.line.release()
	switch err := p.ask(ctx, channel.TypeAdmit, channel.Admit{Admit: signed}, &a); {
	case err != nil && ctx.Err() != nil && p.life.Err() == nil:
		return a, errs.New(errs.CloudAway, "no call can be placed now; try again soon, and call emergency numbers by the phone itself: %w", err)
	case err != nil:
		return a, err
	}
	if a.Designation == nil {
		return a, errs.New(errs.Internal, "the cloud does not say where the call goes")
	}
	return a, nil
}

// place begins a call of ours.
func (p *Phone) place(w pushseal.Wake, claims sessionkey.Claims, cert webrtc.Certificate, o *DialOptions, relay *designation.Relay) (*Call, error) {
	c := callOf(p, w, claims, cert)
	c.relay = relay
	c.out, c.ears, c.stage = true, o.ears(), answered
	o.show(c)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.enter(c); err != nil {
		return nil, err
	}
	p.work.Go(c.run)
	return c, nil
}

func (o *DialOptions) ears() ears { return ears{audio: o.Audio, frames: o.Frames} }

// show has a call begin with video, if it is to.
func (o *DialOptions) show(c *Call) {
	if o.Video != nil {
		c.StartVideo(o.Video, true)
	}
}

// kinds are the media of which the calls of a phone may consist, at once or later.
func (p *Phone) kinds() []string {
	if len(p.soundNow().video) == 0 {
		return []string{"audio"}
	}
	return []string{"audio", "video"}
}
