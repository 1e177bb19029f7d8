package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
)

// counted has a load done and adds what our programs say that they dropped meanwhile.
func counted(ctx context.Context, s server, load func() (outcome, error)) (outcome, error) {
	before, err := dropped(ctx, s)
	if err != nil {
		return outcome{}, err
	}
	got, err := load()
	if err != nil {
		return got, err
	}
	after, err := dropped(ctx, s)
	got.refused = map[string]int{}
	for name, n := range after {
		if n -= before[name]; n > 0 {
			got.refused[name] = n
		}
	}
	return got, err
}

// dropped is how many packets of audio the programs in the path have dropped, by program and counter.
func dropped(ctx context.Context, s server) (map[string]int, error) {
	all := map[string]int{}
	for _, p := range s.main {
		if p.metrics == "" {
			continue // not ours
		}
		text, err := get(ctx, "http://"+p.metrics+"/metrics")
		if err != nil {
			return nil, err
		}
		for line := range bytes.Lines(text) {
			name, value, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
			var n float64
			if _, err := fmt.Sscan(value, &n); err != nil || !strings.Contains(name, "media_dropped_total{") {
				continue
			}
			all[p.name+" "+name] = int(n)
		}
	}
	return all, nil
}
