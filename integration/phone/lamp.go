package phone

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"strowger/pkg/sip"
)

// lamps is the subscriptions of a phone by their Call-ID.
type lamps struct {
	mu      sync.Mutex
	all     map[string]*Lamp
	unasked *Lamp // of what the phone has no subscription to; nil: it refuses that
}

// Lamp is a subscription of a phone: what a lamp of it shows. Its methods are called by one goroutine, but for what is read.
type Lamp struct {
	phone      *Phone
	subscriber *sip.Subscriber

	mu      sync.Mutex // guards what follows
	notices []Notice
	answer  int           // to the next NOTIFYs, 0: none at all
	news    chan struct{} // closed at the next notice
}

// Notice is a NOTIFY.
type Notice struct {
	Event string
	State string // Subscription-State
	Type  string
	Body  string
}

// Watch subscribes to an event package of a number (RFC 6665). The error is a *Refusal if the switch does not let it.
func (p *Phone) Watch(ctx context.Context, event, number string, seconds int, headers ...sip.Header) (*Lamp, error) {
	peer, err := p.peer(ctx)
	if err != nil {
		return nil, err
	}
	host := p.server.Addr().String()
	l := &Lamp{phone: p, answer: 200, news: make(chan struct{})}
	l.subscriber = p.endpoint.NewSubscriber(sip.RequestParams{
		To: sip.URI{Scheme: "sip", User: number, Host: host}, From: sip.Party{Name: p.cfg.Name, User: p.cfg.User, Host: host}, Peer: peer,
		Headers: append([]sip.Header{sip.NewHeader("Event", event)}, headers...), Credentials: p.credentials(),
	})
	p.lamps.mu.Lock()
	if p.lamps.all == nil {
		p.lamps.all = map[string]*Lamp{}
	}
	p.lamps.all[l.subscriber.CallID()] = l
	p.lamps.mu.Unlock()
	if _, err := l.Refresh(ctx, seconds); err != nil {
		l.Forget()
		return nil, err
	}
	return l, nil
}

// Refresh has the subscription live on for a time, or end with 0, and returns for how long it was granted.
func (l *Lamp) Refresh(ctx context.Context, seconds int) (granted int, err error) {
	peer, err := l.phone.peer(ctx)
	if err != nil {
		return 0, err
	}
	l.subscriber.Redirect(peer)
	res, err := l.subscriber.Subscribe(ctx, seconds)
	if err != nil {
		return 0, err
	}
	if !res.IsSuccess() {
		return 0, &Refusal{Code: res.StatusCode, Words: res.Reason}
	}
	h := res.GetHeader("Expires")
	if h == nil {
		return 0, errors.New("the answer to a SUBSCRIBE has no Expires")
	}
	return strconv.Atoi(h.Value())
}

// Sign has what follows signed by another phone, with a guess in place of its password unless that is empty.
func (l *Lamp) Sign(p *Phone, guess string) {
	l.subscriber.Sign(&sip.Credentials{User: p.cfg.User, Password: cmp.Or(guess, p.cfg.Password)})
}

// Unasked is a lamp for what comes without a subscription.
func (p *Phone) Unasked() *Lamp {
	l := &Lamp{phone: p, answer: 200, news: make(chan struct{})}
	p.lamps.mu.Lock()
	defer p.lamps.mu.Unlock()
	p.lamps.unasked = l
	return l
}

// Answer is what the phone answers to NOTIFYs from now on, 0 for nothing, as when they are lost.
func (l *Lamp) Answer(code int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answer = code
}

// Forget has the phone know nothing of the subscription any more, as after a restart.
func (l *Lamp) Forget() {
	l.phone.lamps.mu.Lock()
	defer l.phone.lamps.mu.Unlock()
	delete(l.phone.lamps.all, l.subscriber.CallID())
}

// Notices returns what the lamp was told so far, in order. What it did not answer is not among it.
func (l *Lamp) Notices() []Notice {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.notices)
}

// Wait returns the first notice after those seen before for which ok is true, and how many there were with it.
func (l *Lamp) Wait(ctx context.Context, before int, ok func(Notice) bool) (Notice, int, error) {
	for {
		l.mu.Lock()
		all, news := l.notices, l.news
		l.mu.Unlock()
		for i := before; i < len(all); i++ {
			if ok(all[i]) {
				return all[i], i + 1, nil
			}
		}
		select {
		case <-news:
		case <-ctx.Done():
			return Notice{}, len(all), fmt.Errorf("a lamp of %s was told %d things, and not what it waits for: %+v: %w", l.phone.cfg.User, len(all), all, ctx.Err())
		}
	}
}

// notified takes a NOTIFY.
func (p *Phone) notified(req *sip.Request, respond sip.Respond) {
	p.lamps.mu.Lock()
	l := p.lamps.all[req.CallID().Value()]
	if l == nil {
		l = p.lamps.unasked
	}
	p.lamps.mu.Unlock()
	if l == nil {
		respond(481, "Subscription Does Not Exist") // RFC 6665, 4.1.3
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.answer == 0 {
		return
	}
	n := Notice{Body: string(req.Body())}
	for name, field := range map[string]*string{"Event": &n.Event, "Subscription-State": &n.State, "Content-Type": &n.Type} {
		if h := req.GetHeader(name); h != nil {
			*field = strings.Clone(h.Value())
		}
	}
	if l.answer < 300 {
		l.notices = append(l.notices, n)
		close(l.news)
		l.news = make(chan struct{})
	}
	respond(l.answer, "Told To")
}
