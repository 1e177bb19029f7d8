package phone

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"strowger/pkg/ident"
	"strowger/pkg/sip"
)

// account is a phone's registration.
type account struct {
	callID  string
	turn    chan struct{}      // holds one token: one REGISTER at a time (RFC 3261, 10.2)
	seq     uint32             // belongs to who has the token
	granted chan time.Duration // the latest expiry, 0: not registered
}

func newAccount() account {
	a := account{callID: ident.New(ident.Request), turn: make(chan struct{}, 1), granted: make(chan time.Duration, 1)}
	a.turn <- struct{}{}
	return a
}

// Register registers the phone (RFC 3261, 10.2) and keeps it registered while it runs.
func (p *Phone) Register(ctx context.Context) error { return p.register(ctx, p.cfg.Expires) }

// Unregister takes the registration back.
func (p *Phone) Unregister(ctx context.Context) error { return p.register(ctx, 0) }

// Refusal is the error of a REGISTER that the switch refused.
type Refusal struct {
	Code  int
	Words string
}

func (r *Refusal) Error() string { return fmt.Sprintf("registration refused: %d %s", r.Code, r.Words) }

func (p *Phone) register(ctx context.Context, expires time.Duration) error {
	a := &p.account
	select {
	case <-a.turn:
		defer func() { a.turn <- struct{}{} }()
	case <-ctx.Done():
		return ctx.Err()
	}
	peer, err := p.peer(ctx)
	if err != nil {
		return err
	}
	contact := p.endpoint.Contact(p.cfg.User, peer)
	address := contact.String()
	if p.cfg.Push != "" {
		address += ";" + p.cfg.Push
	}
	host := p.server.Addr().String()
	a.seq++
	res, err := p.endpoint.Request(ctx, sip.RequestParams{
		Method: "REGISTER", To: sip.URI{Scheme: "sip", Host: host},
		From: sip.Party{Name: p.cfg.Name, User: p.cfg.User, Host: host}, Peer: peer, CallID: a.callID, Seq: a.seq,
		Headers: []sip.Header{
			sip.NewHeader("Contact", "<"+address+">"),
			sip.NewHeader("Expires", strconv.Itoa(int(expires.Seconds()))),
		},
		Credentials: p.credentials(),
	})
	if err != nil {
		return fmt.Errorf("register %s at %s: %w", p.cfg.User, p.cfg.Server, err)
	}
	a.seq = res.CSeq().SeqNo
	if res.StatusCode != 200 {
		return &Refusal{Code: res.StatusCode, Words: res.Reason}
	}
	select {
	case <-a.granted: // one that refresh has not seen yet
	default:
	}
	a.granted <- granted(res, contact, expires)
	return nil
}

// granted is how long the registrar keeps our contact (RFC 3261, 10.2.4).
func granted(res *sip.Response, contact sip.URI, asked time.Duration) time.Duration {
	for _, h := range res.GetHeaders("Contact") {
		_, u, params, err := sip.ParseAddress(h.Value())
		if err != nil || u.Host != contact.Host || u.Port != contact.Port {
			continue
		}
		if s, err := strconv.ParseUint(params["expires"], 10, 31); err == nil {
			return min(time.Duration(s)*time.Second, asked)
		}
	}
	return asked
}

// refresh registers again at half of the expiry.
func (p *Phone) refresh(ctx context.Context) {
	const retry = 5 * time.Second
	var timer <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case expires := <-p.account.granted:
			timer = nil
			if expires > 0 {
				timer = time.After(expires / 2)
			}
		case <-timer:
			if err := p.register(ctx, p.cfg.Expires); err != nil {
				p.cfg.Logger.Warn("register again", "error", err)
				timer = time.After(retry)
			}
		}
	}
}
