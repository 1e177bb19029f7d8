package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// profiled has a load done once more while our programs are profiled, for as long as it is expected to take. It is not
// measured: a profile costs a few percent.
func (b *bench) profiled(ctx context.Context, s server, name string, expected time.Duration, load func() (outcome, error)) error {
	if b.profiles == "" || s.programs()[0].metrics == "" {
		return nil
	}
	if err := os.MkdirAll(b.profiles, 0o755); err != nil {
		return err
	}
	var fetching sync.WaitGroup
	var mu sync.Mutex
	var errAll []error
	seconds := max(1, int(expected.Seconds()))
	for _, p := range s.programs() {
		if p.metrics == "" {
			continue
		}
		for _, kind := range [...]string{"profile", "allocs"} {
			file := filepath.Join(b.profiles, fileName(name, p.name, kind)+".pprof")
			fetching.Go(func() {
				err := fetch(ctx, fmt.Sprintf("http://%s/debug/pprof/%s?seconds=%d", p.metrics, kind, seconds), file)
				mu.Lock()
				defer mu.Unlock()
				errAll = append(errAll, err)
			})
		}
	}
	_, err := load()
	fetching.Wait()
	progress("%s: profiles of %s are in %s", s.name, name, b.profiles)
	return errors.Join(append(errAll, err)...)
}

// fileName is words that name a file.
func fileName(words ...string) string {
	return strings.NewReplacer(" ", "-", ",", "", "/", "-").Replace(strings.Join(words, "-"))
}

// fetch writes what is at an address into a file.
func fetch(ctx context.Context, url, file string) (err error) {
	body, err := get(ctx, url)
	if err != nil {
		return err
	}
	return os.WriteFile(file, body, 0o644)
}

// get reads what is at an address.
func get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }() // only read from
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, response.Status)
	}
	return body, err
}
