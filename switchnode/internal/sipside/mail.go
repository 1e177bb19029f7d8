package sipside

import (
	"context"
	"fmt"
	"sync"
	"time"

	"strowger/pkg/ident"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/lamp"
	"strowger/switchnode/internal/registrar"
)

// Many phones never subscribe to their messages, and light the lamp by a NOTIFY that they did not ask for. RFC 6665, 4.1.3 has a phone refuse
// that (481), and who refuses is not told again: the others have their lamp.

// askTime is how long a phone that registers has to subscribe before it is told without.
const askTime = 5 * time.Second

// Mail is how many messages wait for the user of a device, heard and unheard; false: the user has no mailbox at this switch.
type Mail func(device string) (fresh, old int, ok bool)

// mail tells phones that do not subscribe what waits for their users.
type mail struct {
	of   Mail          // nil: nobody has a mailbox
	wake chan struct{} // something is due earlier

	mu   sync.Mutex
	asks map[string]time.Time         // until when devices have subscribed, which are not told unasked
	due  map[string]time.Time         // devices that are to be told
	told map[string]map[string]string // by device and contact: what it took, or that it takes nothing
}

const takesNothing = "none"

func newMail() mail {
	return mail{wake: make(chan struct{}, 1), asks: map[string]time.Time{}, due: map[string]time.Time{}, told: map[string]map[string]string{}}
}

// subscribed notes that a device asks by itself, for a time. One that asks now and then, or no longer, has refused nothing yet.
func (m *mail) subscribed(device string, long time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if long == 0 {
		delete(m.asks, device)
		return
	}
	m.asks[device] = time.Now().Add(long + askTime)
	delete(m.told, device)
	delete(m.due, device)
}

// asking says whether a device asks by itself; m.mu is held.
func (m *mail) asking(device string) bool {
	until, ok := m.asks[device]
	if ok && !time.Now().Before(until) {
		delete(m.asks, device)
		ok = false
	}
	return ok
}

// at has a device be told at a time, or before.
func (m *mail) at(device string, when time.Time) {
	if m.of == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if was, waits := m.due[device]; m.asking(device) || waits && !when.Before(was) {
		return
	}
	m.due[device] = when
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// ripe takes the devices that are to be told now, and says in how long the next one is.
func (m *mail) ripe(now time.Time) (all []string, next time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	next = time.Hour
	for device, when := range m.due {
		if wait := when.Sub(now); wait > 0 {
			next = min(next, wait)
			continue
		}
		delete(m.due, device)
		all = append(all, device)
	}
	return all, next
}

// contacts is those of a device to be told a text; what was known of contacts that are gone is forgotten. Who was never told is not told
// the end of a mailbox.
func (m *mail) contacts(device, text string, on bool, at []registrar.Binding) (all []registrar.Binding) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before, now := m.told[device], map[string]string{}
	delete(m.told, device)
	if m.asking(device) {
		return nil
	}
	for _, b := range at {
		had, known := before[b.URI]
		if known {
			now[b.URI] = had
		}
		if had != text && had != takesNothing && (on || known) {
			all = append(all, b)
		}
	}
	if on || len(now) > 0 {
		m.told[device] = now
	}
	return all
}

// took notes what a contact took.
func (m *mail) took(device, contact, text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.told[device] != nil {
		m.told[device][contact] = text
	}
}

// MailChanged says that other messages wait for the user of a device.
func (p *Phones) MailChanged(device string) { p.mail.at(device, time.Now()) }

// bringMail tells who is to be told until ctx ends.
func (p *Phones) bringMail(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-p.mail.wake:
		}
		devices, next := p.mail.ripe(time.Now())
		for _, device := range devices {
			p.work.Go(func() { p.tellMail(ctx, device) })
		}
		timer.Reset(next)
	}
}

// tellMail tells a device what waits, at each of its contacts that has not been told.
func (p *Phones) tellMail(ctx context.Context, device string) {
	fresh, old, on := p.mail.of(device)
	text := fmt.Sprintf("%d/%d", fresh, old)
	for _, b := range p.mail.contacts(device, text, on, p.phonesAt(device)) {
		to, err := sip.ParseURI(b.URI)
		if err != nil || b.Wakeable() { // an app is told by its maker
			continue
		}
		us := p.cfg.to(b.Source.Addr.Addr())
		of, contact := lamp.Entity{User: to.User, Host: us}, p.sip.Contact(to.User, peerOf(b.Source))
		ctx, cancel := context.WithTimeout(ctx, oneServer)
		res, err := p.sip.Request(ctx, sip.RequestParams{
			Method: "NOTIFY", To: to, From: sip.Party{User: to.User, Host: us}, Peer: peerOf(b.Source), Routes: target{binding: b}.path(), CallID: ident.New(ident.Request), Seq: 1,
			// RFC 6665, 8.2.3: each NOTIFY says what has become of the subscription; there is none.
			Headers: []sip.Header{sip.NewHeader("Event", lamp.Messages), sip.NewHeader("Subscription-State", "terminated"), sip.NewHeader("Contact", "<"+contact.String()+">")},
			Type:    lamp.MessagesType, Body: lamp.Summary(of, fresh, old),
		})
		cancel()
		switch {
		case err != nil: // it is told when it registers again
			p.cfg.Logger.Debug("a phone does not answer what waits for its user", "device", device, "error", err)
		case res.IsSuccess():
			p.mail.took(device, b.URI, text)
		default:
			p.cfg.Logger.Debug("a phone takes no messages unasked", "device", device, "code", res.StatusCode)
			p.mail.took(device, b.URI, takesNothing)
		}
	}
}
