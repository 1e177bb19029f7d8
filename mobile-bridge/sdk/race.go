package sdk

import (
	"context"
	"errors"
	"sync"
	"time"
)

// race goes several ways at once: each is begun a head start after the one before it, or when one has failed. It returns what the
// first one that succeeds brings, or why all have failed. The others give up, and what they bring all the same is discarded.
func race[T any](ctx context.Context, headStart time.Duration, ways []func(context.Context) (T, error), discard func(T)) (won T, err error) {
	ctx, cancel := context.WithCancel(ctx)
	brought, failed := make(chan T, len(ways)), make(chan error, len(ways))
	var work sync.WaitGroup
	defer func() {
		cancel()
		work.Wait()
		for len(brought) > 0 {
			discard(<-brought)
		}
	}()
	var all []error
	next := time.NewTimer(0)
	defer next.Stop()
	for begun := 0; len(all) < len(ways); {
		select {
		case <-next.C:
			if begun == len(ways) {
				continue
			}
			way := ways[begun]
			begun++
			work.Go(func() {
				if v, err := way(ctx); err != nil {
					failed <- err
				} else {
					brought <- v
				}
			})
			next.Reset(headStart)
		case won = <-brought:
			return won, nil
		case err := <-failed:
			all = append(all, err)
			next.Reset(0)
		}
	}
	return won, errors.Join(all...)
}
