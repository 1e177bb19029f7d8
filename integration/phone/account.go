package phone

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"strowger/pkg/sip"
)

// account is a phone's registration.
type account struct {
	callID string
	wake   chan struct{} // the expiry has changed

	mu      sync.Mutex // guards what follows; held for one REGISTER at a time
	seq     uint32
	expires time.Duration // granted; 0: not registered
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
	peer, err := p.peer(ctx)
	if err != nil {
		return err
	}
	a := &p.account
	a.mu.Lock()
	defer a.mu.Unlock()
	contact := p.endpoint.Contact(p.cfg.User, peer)
	host := p.server.Addr().String()
	a.seq++
	res, err := p.endpoint.Request(ctx, sip.RequestParams{
		Method: "REGISTER", To: sip.URI{Scheme: "sip", Host: host},
		From: sip.Party{Name: p.cfg.Name, User: p.cfg.User, Host: host}, Peer: peer, CallID: a.callID, Seq: a.seq,
		Headers: []sip.Header{
			sip.NewHeader("Contact", "<"+contact.String()+">"),
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
	a.expires = granted(res, contact, expires)
	select {
	case a.wake <- struct{}{}:
	default:
	}
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
		case <-p.account.wake:
			p.account.mu.Lock()
			expires := p.account.expires
			p.account.mu.Unlock()
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
