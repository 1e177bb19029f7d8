package cloud

import (
	"context"
	"fmt"
	"time"
)

// The database is asked this often whether it is there, and has this long to say so.
const (
	pingInterval = time.Second
	pingTimeout  = 2 * time.Second
)

// watchDatabase tells when the database goes and comes back, until ctx ends. Without it the cloud is not ready: it admits
// calls from what it knows, and switches keep what is to be stored.
func (c *instance) watchDatabase(ctx context.Context) error {
	tick := time.NewTicker(pingInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := c.ping(ctx)
		switch {
		case ctx.Err() != nil || c.ctx.Err() != nil: // it stops
			return nil
		case err != nil && c.away.Load() == nil:
			c.away.Store(&err)
			c.log.Error("the database is away; calls are admitted from memory, nothing is stored until it is back", "error", err)
		case err == nil && c.away.Load() != nil:
			c.away.Store(nil)
			c.log.Info("the database is back")
		}
	}
}

// databaseAway is why the database is away, nil when it is there.
func (c *instance) databaseAway() error {
	if err := c.away.Load(); err != nil {
		return fmt.Errorf("the database is away: %w", *err)
	}
	return nil
}

func (c *instance) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	return c.store.Ping(ctx)
}
