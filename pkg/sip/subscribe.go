package sip

import (
	"context"
	"strconv"

	"github.com/emiago/sipgo/sip"
)

// Subscriber is a subscription of ours. Its methods are called by one goroutine; what it is told comes to Config.Notified.
type Subscriber struct {
	endpoint *Endpoint
	params   RequestParams
	dialog   *Dialog // of nobody's, it builds the requests
}

// NewSubscriber makes a subscription to p.To. Event and Accept are among p.Headers.
func (e *Endpoint) NewSubscriber(p RequestParams) *Subscriber {
	d := newOutgoing(e, e, p.To.Host, InviteParams{To: p.To, From: p.From, Peer: p.Peer, CallID: p.CallID})
	d.remote.tag = ""
	return &Subscriber{endpoint: e, params: p, dialog: d}
}

// CallID names the subscription.
func (s *Subscriber) CallID() string { return s.dialog.callID }

// Sign has what follows signed with other credentials.
func (s *Subscriber) Sign(c *Credentials) { s.params.Credentials = c }

// Redirect sends what follows to another peer.
func (s *Subscriber) Redirect(p Peer) { s.dialog.path.peer = p }

// Subscribe begins the subscription or refreshes it; 0 ends it. It returns the final response.
func (s *Subscriber) Subscribe(ctx context.Context, seconds int) (*Response, error) {
	var credentials Header
	for tries := 0; ; tries++ {
		req := s.dialog.next(sip.SUBSCRIBE)
		req.AppendHeader(s.dialog.contact())
		req.AppendHeader(NewHeader("Expires", strconv.Itoa(seconds)))
		for _, h := range s.params.Headers {
			req.AppendHeader(h)
		}
		if credentials != nil {
			req.AppendHeader(credentials)
		}
		res, err := s.endpoint.exchange(ctx, req)
		if err != nil {
			return nil, err
		}
		if s.params.Credentials != nil && tries < challenges {
			if credentials = s.params.Credentials.answer(req, res, tries > 0); credentials != nil {
				continue
			}
		}
		if d := s.dialog; res.IsSuccess() && d.remote.tag == "" { // RFC 3261, 12.1.2
			d.remote.tag = tag(res.To().Params)
			d.path.routes = reversed(routes(res))
			d.refresh(res)
		}
		return res, nil
	}
}
