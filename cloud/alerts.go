package cloud

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/rest"
)

// Alerts are posted one after the other; what finds no room, or is not taken after the last try, is in the list of alerts only.
const (
	maxPosts    = 256 // that wait
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
	client := &http.Client{Timeout: postTimeout}
	defer client.CloseIdleConnections()
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
				c.postAlert(ctx, client, to, a)
			}
		}
	}
}

func (c *instance) postAlert(ctx context.Context, client *http.Client, to string, a rest.Alert) {
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
		if err = post(ctx, client, to, body); err == nil {
			return
		}
	}
	c.log.Warn("an alert was not taken where it is posted", "alert", a.ID, "url", to, "error", err)
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
