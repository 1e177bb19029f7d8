package limit

import "time"

// Recent remembers each of many for one to two times Keep, in bounded memory: those of late the longest. It is for one goroutine at a
// time; the zero value with its fields set is empty.
type Recent[K comparable] struct {
	Keep time.Duration
	Max  int // twice as many are remembered at most

	since  time.Time      // when now began
	now    map[K]struct{} // since then
	before map[K]struct{} // what now was before
}

// Add remembers k from now on.
func (r *Recent[K]) Add(k K, now time.Time) {
	if r.now == nil || now.Sub(r.since).Abs() > r.Keep || len(r.now) >= r.Max {
		r.since, r.before, r.now = now, r.now, map[K]struct{}{}
	}
	r.now[k] = struct{}{}
}

// Has says whether k is remembered.
func (r *Recent[K]) Has(k K) bool {
	if _, ok := r.now[k]; ok {
		return true
	}
	_, ok := r.before[k]
	return ok
}

// Len is how many are remembered.
func (r *Recent[K]) Len() int { return len(r.now) + len(r.before) }
