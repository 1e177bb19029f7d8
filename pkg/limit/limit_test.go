package limit

import (
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// clock is a time that tests move.
type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

func TestBuckets(t *testing.T) {
	at := &clock{time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)}
	b := New[string](Config{Rate: 2, Burst: 10, Max: 100, Now: at.now})
	tries := func(k string) (n int) {
		for b.Take(k) {
			n++
		}
		return n
	}
	if n := tries("a"); n != 10 || b.Has("a") {
		t.Errorf("%d at once, one more: %t; want 10 and none", n, b.Has("a"))
	}
	if !b.Has("b") || !b.Take("b") {
		t.Error("another has nothing")
	}
	at.Time = at.Add(3 * time.Second)
	if n := tries("a"); n != 6 {
		t.Errorf("%d after 3 s, want 6", n)
	}
	at.Time = at.Add(-time.Hour)
	if n := tries("a"); n != 0 {
		t.Errorf("%d after the clock was set back", n)
	}
	at.Time = at.Add(2 * time.Hour)
	if n := tries("a"); n != 10 {
		t.Errorf("%d after an hour, want no more than 10", n)
	}
}

// Whoever comes when all buckets are taken shares one with others like him, and has his own when others are full again.
func TestFull(t *testing.T) {
	at := &clock{time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)}
	b := New[int](Config{Rate: 1, Burst: 3, Max: 50, Now: at.now})
	taken := 0
	for k := range 1000 {
		if b.Take(k) {
			taken++
		}
	}
	if b.Len() != 50 || taken != 50+3 {
		t.Errorf("%d buckets, %d tokens; want 50 and 53", b.Len(), taken)
	}
	if b.Has(1000) || !b.Has(0) {
		t.Errorf("a stranger has one: %t, one who is known has one: %t", b.Has(1000), b.Has(0))
	}
	at.Time = at.Add(3 * time.Second)
	if !b.Has(1000) || !b.Take(1000) || b.Len() != 1 {
		t.Errorf("after the flood %d buckets are remembered", b.Len())
	}
}

// Nobody gets more than his burst and what came back since, whatever the order.
func TestNoMoreThanTheRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := &clock{time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)}
		begin := at.Time
		b := New[int](Config{Rate: 5, Burst: 20, Max: 4, Now: at.now})
		got := map[int]int{}
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			k := rapid.IntRange(0, 2).Draw(t, "who")
			if had := b.Has(k); b.Take(k) != had {
				t.Fatalf("Has said %t", had)
			} else if had {
				got[k]++
			}
			at.Time = at.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "ms")) * time.Millisecond)
		}
		for k, n := range got {
			if most := 20 + 5*at.Sub(begin).Seconds(); float64(n) > most {
				t.Fatalf("%d had %d, at most %v are his", k, n, most)
			}
		}
	})
}

func TestSource(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1": "192.0.2.1/32", "::ffff:192.0.2.1": "192.0.2.1/32",
		"2001:db8::1": "2001:db8::/64", "2001:db8::ffff:1": "2001:db8::/64", "fe80::1%eth0": "fe80::/64",
	} {
		if got := Source(netip.MustParseAddr(addr)); got.String() != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
	if p := Source(netip.Addr{}); p.IsValid() {
		t.Errorf("no address: %s", p)
	}
}

// Whoever knocks is told of now and then, however many they are.
func TestTold(t *testing.T) {
	at := &clock{time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)}
	told := NewTold[int](at.now)
	lines := 0
	for range 60 { // seconds
		for who := range 5000 {
			if told.Take(who) {
				lines++
			}
		}
		at.Time = at.Add(time.Second)
	}
	if most := (256 + 1) * 6; lines < 256 || lines > most {
		t.Errorf("%d lines of 300,000 in a minute, want 256 to %d", lines, most)
	}
}

func TestHost(t *testing.T) {
	for address, want := range map[string]string{"192.0.2.1:99": "192.0.2.1", "[2001:db8::1]:99": "2001:db8::1", "192.0.2.1": "192.0.2.1", "": ""} {
		if got := Host(address); got != want {
			t.Errorf("%q: %q, want %q", address, got, want)
		}
	}
}

// Many are remembered in bounded memory, those of late the longest.
func TestRecent(t *testing.T) {
	const most = 100
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	r := Recent[int]{Keep: time.Hour, Max: most}
	if r.Has(0) {
		t.Error("an empty one has somebody")
	}
	for i := range 3 * most {
		r.Add(i, now)
	}
	if n := r.Len(); n > 2*most {
		t.Errorf("%d are remembered", n)
	}
	if !r.Has(3*most-1) || !r.Has(2*most) || r.Has(0) {
		t.Error("the wrong ones are remembered")
	}
	for _, passed := range []time.Duration{50 * time.Minute, time.Hour, 2 * time.Hour} {
		r.Add(-1, now.Add(passed))
	}
	if r.Has(2*most) || !r.Has(-1) {
		t.Error("who was there an hour before is remembered, or who is there is not")
	}
}
