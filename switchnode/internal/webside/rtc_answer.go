package webside

import (
	"context"
	"fmt"

	"github.com/pion/webrtc/v4"

	"strowger/pkg/errs"
	"strowger/pkg/sdp"
)

// answerPeer makes the answer to the offer of an app, in the formats of it that the other side took. way and to are as
// those of newPeer. The peer is to be closed.
func (r *RTC) answerPeer(ctx context.Context, offer []byte, formats []sdp.Format, to *carrier, way func(bool)) (*peer, []byte, error) {
	p, err := r.connect(formats, to, way)
	if err != nil {
		return nil, nil, err
	}
	body, err := p.reply(ctx, offer)
	if err != nil {
		p.close()
		return nil, nil, fmt.Errorf("answer the WebRTC offer of an app: %w", err)
	}
	return p, body, nil
}

func (p *peer) reply(ctx context.Context, offer []byte) ([]byte, error) {
	s, err := p.conn.AddTrack(&p.track)
	if err != nil {
		return nil, err
	}
	p.hearReports(s)
	if err := p.conn.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: string(offer)}); err != nil {
		return nil, errs.New(errs.Invalid, "the offer of the app: %w", err)
	}
	d, err := p.conn.CreateAnswer(nil)
	if err != nil {
		return nil, err
	}
	body, err := p.describe(ctx, d)
	p.active = attribute(string(body), "setup") == "active"
	return body, err
}

// taken are the formats of an offer that a description has, with the parameters of who took them. What WebRTC cannot carry is
// not among them.
func taken(offer []sdp.Format, d sdp.Description) (all []sdp.Format) {
	for _, c := range d.Codecs {
		f, ok := sdp.Find(offer, c)
		_, carry := sdp.Find(carried, c)
		if _, twice := sdp.Find(all, c); ok && carry && !twice {
			all = append(all, sdp.Format{PT: f.PT, Codec: c})
		}
	}
	return all
}
