package barring

import (
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// clock is a time that tests move.
type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

var (
	scanner = netip.MustParseAddr("203.0.113.9")
	phone   = netip.MustParseAddr("203.0.113.10")
	company = netip.MustParseAddr("198.51.100.1")
	office  = netip.MustParseAddr("192.0.2.77")
)

func newTable(alarms *[]Alarm) (*Table, *clock) {
	at := &clock{time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)}
	return New(Config{
		Points: 100, First: time.Minute, Spared: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
		Server: func(a netip.Addr) bool { return a == company }, Now: at.now,
		Alarm: func(a Alarm) {
			if alarms != nil {
				*alarms = append(*alarms, a)
			}
		},
	}), at
}

// times does something so often.
func times(n int, f func()) {
	for range n {
		f()
	}
}

// What bars whom, and what does not.
func TestOffences(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(*Table, *clock)
		from netip.Addr
		want bool
	}{
		"unknown users":          {func(b *Table, _ *clock) { times(10, func() { b.Offend(scanner, true, UnknownUser) }) }, scanner, true},
		"a few":                  {func(b *Table, _ *clock) { times(9, func() { b.Offend(scanner, true, UnknownUser) }) }, scanner, false},
		"passwords":              {func(b *Table, _ *clock) { times(50, func() { b.Offend(scanner, true, WrongPassword) }) }, scanner, true},
		"no SIP":                 {func(b *Table, _ *clock) { times(10, func() { b.Offend(scanner, true, Unreadable) }) }, scanner, true},
		"OPTIONS":                {func(b *Table, _ *clock) { times(20, func() { b.Offend(scanner, true, Probe) }) }, scanner, true},
		"a flood":                {func(b *Table, _ *clock) { times(100, func() { b.Offend(scanner, true, Flood) }) }, scanner, true},
		"a neighbour":            {func(b *Table, _ *clock) { times(10, func() { b.Offend(scanner, true, UnknownUser) }) }, phone, false},
		"spared":                 {func(b *Table, _ *clock) { times(99, func() { b.Offend(office, true, UnknownUser) }) }, office, false},
		"a company":              {func(b *Table, _ *clock) { times(99, func() { b.Offend(company, true, UnknownUser) }) }, company, false},
		"behind a phone's NAT":   {func(b *Table, _ *clock) { b.Signed(phone); times(99, func() { b.Offend(phone, true, UnknownUser) }) }, phone, false},
		"a phone signs in after": {func(b *Table, _ *clock) { times(99, func() { b.Offend(phone, true, UnknownUser) }); b.Signed(phone) }, phone, false},
		"questions just put":     {func(b *Table, _ *clock) { times(500, func() { b.Asked(phone, false) }) }, phone, false},
		"questions not answered": {func(b *Table, c *clock) {
			times(60, func() { b.Asked(phone, true) })
			c.pass(grace + 1)
			b.Asked(phone, true)
		}, phone, true},
		"ten phones with old passwords": {func(b *Table, c *clock) {
			times(100, func() {
				times(10, func() { b.Asked(phone, false); b.Offend(phone, false, WrongPassword) })
				c.pass(30 * time.Second)
			})
		}, phone, false},
		"a monitor": {func(b *Table, c *clock) {
			times(1000, func() { b.Offend(scanner, false, Probe); c.pass(10 * time.Second) })
		}, scanner, false},
		"an IPv6 host has its /64": {func(b *Table, _ *clock) {
			times(10, func() { b.Offend(netip.MustParseAddr("2001:db8::1"), true, UnknownUser) })
		}, netip.MustParseAddr("2001:db8::2"), true},
	} {
		b, at := newTable(nil)
		c.do(b, at)
		if got := b.Shut(c.from, true) || b.Shut(c.from, false); got != c.want {
			t.Errorf("%s: shut out %t, want %t", name, got, c.want)
		}
	}
}

func (c *clock) pass(d time.Duration) { c.Time = c.Add(d) }

// The time grows, over UDP only so far: whose address was forged gets in by TCP meanwhile, and soon by UDP.
func TestTimes(t *testing.T) {
	for stream, want := range map[bool][]time.Duration{
		true:  {1 * time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 16 * time.Minute},
		false: {1 * time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 10 * time.Minute},
	} {
		b, at := newTable(nil)
		for i, d := range want {
			times(10, func() { b.Offend(scanner, stream, UnknownUser) })
			all := b.List()
			if len(all) != 1 || all[0].Until.Sub(all[0].Since) != d || all[0].Times != i+1 || all[0].Why != UnknownUser || all[0].UDPOnly == stream {
				t.Fatalf("time %d: %+v, want %v", i+1, all, d)
			}
			if !b.Shut(scanner, false) || b.Shut(scanner, true) != stream {
				t.Errorf("what came by a stream %t bars UDP %t, streams %t", stream, b.Shut(scanner, false), b.Shut(scanner, true))
			}
			at.pass(d)
			if b.Shut(scanner, false) || len(b.List()) != 0 {
				t.Error("barred for longer")
			}
		}
		at.pass(memory + time.Hour)
		times(10, func() { b.Offend(scanner, stream, UnknownUser) })
		if all := b.List(); all[0].Times != 1 {
			t.Errorf("a day later it is time %d", all[0].Times)
		}
	}
	b, at := newTable(nil)
	for range 30 {
		times(10, func() { b.Offend(scanner, true, UnknownUser) })
		if d := b.List()[0].Until.Sub(at.Time); d > longest {
			t.Fatalf("barred for %v", d)
		}
		at.Time = b.List()[0].Until
	}
}

func TestLift(t *testing.T) {
	b, _ := newTable(nil)
	times(10, func() { b.Offend(scanner, true, UnknownUser) })
	if b.Lift(phone) || !b.Lift(scanner) || b.Shut(scanner, true) || b.Lift(scanner) {
		t.Error("not lifted, or who was not barred was")
	}
}

// Administrators hear of guessed passwords at once, of scanners when there are many, and once an hour.
func TestAlarms(t *testing.T) {
	var alarms []Alarm
	b, at := newTable(&alarms)
	scan := func(i byte, o Offence) {
		times(100, func() { b.Offend(netip.AddrFrom4([4]byte{203, 0, 113, i}), true, o) })
	}
	for i := range byte(alarmFrom - 1) {
		scan(i, UnknownUser)
	}
	if len(alarms) != 0 {
		t.Errorf("told of a few: %+v", alarms)
	}
	for i := range byte(100) {
		scan(100+i, UnknownUser)
	}
	if len(alarms) != 1 || alarms[0].Sources != alarmFrom || alarms[0].Last.Why != UnknownUser {
		t.Errorf("told %+v, want one alarm of %d", alarms, alarmFrom)
	}
	at.pass(alarmEvery)
	scan(1, WrongPassword)
	scan(2, WrongPassword)
	if len(alarms) != 2 || alarms[1].Last.Why != WrongPassword {
		t.Errorf("told %+v, want one more of passwords", alarms)
	}
}

// Forged addresses fill no memory, and do not push out who came by a connection.
func TestBounded(t *testing.T) {
	b, at := newTable(nil)
	times(10, func() { b.Offend(scanner, true, UnknownUser) })
	for i := range 3 * maxEach {
		b.Offend(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), false, Unreadable)
	}
	if n := len(b.of[0]); n != maxEach {
		t.Errorf("%d sources are remembered, want %d", n, maxEach)
	}
	if !b.Shut(scanner, true) {
		t.Error("a flood of others lets in who was barred")
	}
	at.pass(time.Minute + grace)
	b.Offend(phone, false, Unreadable)
	if n := len(b.of[0]); n != 1 {
		t.Errorf("%d sources are remembered after the flood", n)
	}
}

// Whatever comes in whatever order: who is spared, or signed in of late, is heard; so is who did nothing; connections are heard from
// where only UDP came; and nobody is barred for longer than a day.
func TestNeverTheWrongOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, at := newTable(nil)
		all := []netip.Addr{scanner, phone, company, office}
		signedAt, byStream := map[netip.Addr]time.Time{}, map[netip.Addr]bool{}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			from := rapid.SampledFrom(all).Draw(t, "from")
			stream := rapid.Bool().Draw(t, "stream")
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0:
				b.Signed(from)
				signedAt[from] = at.Time
			case 1:
				b.Asked(from, stream)
				byStream[from] = byStream[from] || stream
			case 2:
				at.pass(time.Duration(rapid.IntRange(-60, 600).Draw(t, "seconds")) * time.Second)
			default:
				o := Offence(rapid.IntRange(0, int(offences)-1).Draw(t, "offence"))
				times(rapid.IntRange(1, 30).Draw(t, "n"), func() { b.Offend(from, stream, o) })
				byStream[from] = byStream[from] || stream
			}
			for _, a := range all {
				s, signedIn := signedAt[a]
				free := a == company || a == office || signedIn && at.Sub(s) < time.Hour
				if free && (b.Shut(a, true) || b.Shut(a, false)) {
					t.Fatalf("%s is shut out", a)
				}
				if !byStream[a] && b.Shut(a, true) {
					t.Fatalf("connections of %s are shut out by what came over UDP", a)
				}
			}
			for _, e := range b.List() {
				if d := e.Until.Sub(e.Since); d > longest || e.UDPOnly && d > reachUDP {
					t.Fatalf("%+v is barred for %v", e, d)
				}
			}
		}
	})
}

func TestLately(t *testing.T) {
	var l Lately[int]
	for i := range 3 * maxLately {
		l.Add(i)
	}
	if all := l.List(); len(all) != maxLately || all[0] != 3*maxLately-1 {
		t.Errorf("%d, the last %d", len(all), all[0])
	}
}
