package barring

import (
	"slices"
	"sync"
)

// maxLately is how many are remembered.
const maxLately = 50

// Lately is the last things that were refused. It is safe for concurrent use; the zero value has none.
type Lately[T any] struct {
	mu  sync.Mutex
	all []T
}

// Add remembers one more; the oldest makes way.
func (l *Lately[T]) Add(v T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.all) == maxLately {
		l.all = slices.Delete(l.all, 0, 1)
	}
	l.all = append(l.all, v)
}

// List returns them, the last first.
func (l *Lately[T]) List() []T {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := slices.Clone(l.all)
	slices.Reverse(all)
	return all
}
