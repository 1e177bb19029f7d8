package cloud

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/rest"
)

// Alerts for one address are posted one after the other; what finds no room, or is not taken after the last try, is in the list of
// alerts only.
const (
	maxPosts    = 256 // that wait, of each address
	postTries   = 4
	postTimeout = 5 * time.Second
	postPause   = time.Second // after the first try, and each time twice as long
)

// alerted has an alert posted, and the site's contacts told if it is of an emergency call.
func (c *instance) alerted(a rest.Alert) {
	select {
	case c.alerts <- a:
	default:
		c.log.Warn("an alert is not posted: too many wait", "alert", a.ID)
	}
	if a.Kind != ledger.Emergency {
		return
	}
	select {
	case c.notices <- a:
	default:
		c.log.Warn("contacts are not told of an emergency call: too many wait", "alert", a.ID)
	}
}

// postAlerts posts alerts until ctx ends.
func (c *instance) postAlerts(ctx context.Context) error {
	m := mailer{client: &http.Client{Timeout: postTimeout}, log: c.log, waiting: map[string][]rest.Alert{}}
	defer m.client.CloseIdleConnections()
	defer m.work.Wait()
	for {
		select {
		case <-ctx.Done():
			return nil
		case a := <-c.alerts:
			s, err := c.directory.Snapshot(a.Organization)
			if err != nil {
				continue
			}
			if to := s.AlertURL(a.Site); to != "" {
				m.add(ctx, to, a)
			}
		}
	}
}

// mailer posts alerts. An address that does not answer takes half a minute for each, which those for others do not wait for.
type mailer struct {
	client *http.Client
	log    *slog.Logger
	work   sync.WaitGroup // one for each address that has alerts

	mu      sync.Mutex
	waiting map[string][]rest.Alert // by address, while somebody posts them
}

func (m *mailer) add(ctx context.Context, to string, a rest.Alert) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all, posting := m.waiting[to]
	if len(all) == maxPosts {
		m.log.Warn("an alert is not posted: too many wait", "alert", a.ID, "url", to)
		return
	}
	m.waiting[to] = append(all, a)
	if !posting {
		m.work.Go(func() {
			for a, ok := m.next(to); ok; a, ok = m.next(to) {
				m.deliver(ctx, to, a)
			}
		})
	}
}

// next takes the oldest alert for an address; without one nobody posts there any more.
func (m *mailer) next(to string) (a rest.Alert, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.waiting[to]
	if len(all) == 0 {
		delete(m.waiting, to)
		return a, false
	}
	m.waiting[to] = all[1:]
	return all[0], true
}

func (m *mailer) deliver(ctx context.Context, to string, a rest.Alert) {
	body, err := json.Marshal(a)
	if err != nil {
		panic(err) // plain data always marshals
	}
	pause := postPause
	for try := range postTries {
		if try > 0 {
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
			pause *= 2
		}
		if err = post(ctx, m.client, to, body); err == nil {
			return
		}
	}
	m.log.Warn("an alert was not taken where it is posted", "alert", a.ID, "url", to, "error", err)
}

func post(ctx context.Context, client *http.Client, to string, body []byte) error {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return err
	}
	q.Header.Set("Content-Type", "application/json")
	r, err := client.Do(q)
	if err != nil {
		return err
	}
	if err := r.Body.Close(); err != nil {
		return err
	}
	if r.StatusCode >= 300 {
		return errs.New(errs.Unreachable, "answered %s", r.Status)
	}
	return nil
}
