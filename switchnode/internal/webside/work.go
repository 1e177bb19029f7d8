package webside

import "sync"

// work is what goes on beside the calls. Calls may outlive the side for a moment: what they ask for then is not begun, but for
// what must end.
type work struct {
	mu    sync.Mutex
	going sync.WaitGroup
	ended bool
}

// Go begins f in a goroutine of its own, unless all is over.
func (w *work) Go(f func()) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended {
		w.going.Go(f)
	}
	return !w.ended
}

// Close closes a peer, which takes a while.
func (w *work) Close(p *peer) {
	if !w.Go(p.close) {
		p.close()
	}
}

// End begins no more, and waits for what goes on.
func (w *work) End() {
	w.mu.Lock()
	w.ended = true
	w.mu.Unlock()
	w.going.Wait()
}
