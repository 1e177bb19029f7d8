package broker

import "time"

// recent remembers values for a fixed time, and at most so many: beyond that it forgets the oldest.
type recent[K comparable, V any] struct {
	life  time.Duration
	limit int
	items map[K]item[V]
	order []birth[K] // oldest first; may hold keys that were removed or put again
}

type item[V any] struct {
	value V
	born  time.Time
}

type birth[K comparable] struct {
	key K
	at  time.Time
}

func newRecent[K comparable, V any](life time.Duration, limit int) *recent[K, V] {
	return &recent[K, V]{life: life, limit: limit, items: make(map[K]item[V])}
}

func (r *recent[K, V]) get(k K, now time.Time) (V, bool) {
	it, ok := r.items[k]
	if !ok || now.Sub(it.born) >= r.life {
		var zero V
		return zero, false
	}
	return it.value, true
}

func (r *recent[K, V]) put(k K, v V, now time.Time) {
	for len(r.order) > 0 && (len(r.order) >= r.limit || now.Sub(r.order[0].at) >= r.life) {
		oldest := r.order[0]
		r.order = r.order[1:]
		if it, ok := r.items[oldest.key]; ok && it.born.Equal(oldest.at) {
			delete(r.items, oldest.key)
		}
	}
	r.items[k] = item[V]{v, now}
	r.order = append(r.order, birth[K]{k, now})
}

func (r *recent[K, V]) remove(k K) { delete(r.items, k) }
