package webside

import (
	"sync"
	"testing"
)

// TestWorkEnds asks for work while all ends: what was begun is waited for, and no more is begun.
func TestWorkEnds(t *testing.T) {
	for range 100 {
		var w work
		var asking sync.WaitGroup
		var mu sync.Mutex
		var begun, done int
		for range 4 {
			asking.Go(func() {
				ok := w.Go(func() {
					mu.Lock()
					done++
					mu.Unlock()
				})
				if ok {
					mu.Lock()
					begun++
					mu.Unlock()
				}
			})
		}
		w.End()
		mu.Lock()
		ended := done
		mu.Unlock()
		asking.Wait()
		if done != ended || begun != done {
			t.Fatalf("%d begun, %d done, %d of them at the end", begun, done, ended)
		}
		if w.Go(func() {}) {
			t.Fatal("more was begun")
		}
	}
}
