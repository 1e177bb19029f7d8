package registrar

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// BenchmarkRefresh measures one more REGISTER of a phone that is registered, written to the disk and answered, with 10,000
// registered and 100 at a time.
func BenchmarkRefresh(b *testing.B) {
	r, err := New(Config{Path: filepath.Join(b.TempDir(), "registrations"), Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		OnChange: func([]string) {}})
	if err != nil {
		b.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		if err := r.Run(b.Context()); err != nil {
			b.Error(err)
		}
	})
	const phones, window = 10_000, 100
	room := make(chan struct{}, window)
	send := func(i int) {
		room <- struct{}{}
		q := of(fmt.Sprint("dv_", i%phones), register("1", uint32(i/phones+1), contact(a)))
		r.Register(q, func(got Result) {
			if <-room; got.Code != 200 {
				b.Errorf("%+v", got)
			}
		})
	}
	for i := range phones {
		send(i)
	}
	i := phones
	for b.Loop() {
		send(i)
		i++
	}
	for range window {
		room <- struct{}{}
	}
	b.Cleanup(running.Wait) // the benchmark's context ends before
}
