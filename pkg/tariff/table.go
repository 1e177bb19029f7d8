package tariff

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Table is the rates of a trunk, 16 bytes for each: of 50,000 prefixes few have a price of their own. It never changes. A nil one
// has no rates.
type Table struct {
	entries []entry // by prefix
	rates   []Rate  // each one time, without its prefix
}

// entry is a prefix and which rate it has.
type entry struct {
	prefix uint64 // its digits as a number, and how many: packed
	rate   int32
}

// packed is a prefix, "+" and at most 15 digits, as a number.
func packed(prefix string) uint64 {
	digits := prefix[1:]
	n, _ := strconv.ParseUint(digits, 10, 64) // Read lets nothing but digits pass; "" is 0
	return n<<4 | uint64(len(digits))
}

// NewTable makes the table of rates that Read returned.
func NewTable(all []Rate) *Table {
	t := &Table{entries: make([]entry, 0, len(all))}
	known := make(map[Rate]int32)
	for _, r := range all {
		prefix := packed(r.Prefix)
		r.Prefix = ""
		i, ok := known[r]
		if !ok {
			i = int32(len(t.rates))
			known[r], t.rates = i, append(t.rates, r)
		}
		t.entries = append(t.entries, entry{prefix, i})
	}
	slices.SortFunc(t.entries, func(a, b entry) int { return cmp.Compare(a.prefix, b.prefix) })
	return t
}

// Len is how many rates there are.
func (t *Table) Len() int {
	if t == nil {
		return 0
	}
	return len(t.entries)
}

// Find is [Find] among the rates of the table.
func (t *Table) Find(number string, at time.Time) (Rate, bool) {
	if t == nil || !strings.HasPrefix(number, "+") {
		return Rate{}, false
	}
	for n := min(len(number), maxDigits+1); n > 0; n-- {
		if r, ok := Find(t.of(number[:n]), number, at); ok {
			return r, true
		}
	}
	return Rate{}, false
}

// of is the rates of a prefix.
func (t *Table) of(prefix string) (all []Rate) {
	key := packed(prefix)
	i, _ := slices.BinarySearchFunc(t.entries, key, func(e entry, key uint64) int { return cmp.Compare(e.prefix, key) })
	for ; i < len(t.entries) && t.entries[i].prefix == key; i++ {
		r := t.rates[t.entries[i].rate]
		r.Prefix = prefix
		all = append(all, r)
	}
	return all
}

// Condense makes at most most rates of a table: all of it if it is no longer; else, for each beginning of numbers that is short enough, the
// dearest rate at the time that a number which begins so may have. Who must do without the table then knows what a call costs at the
// most, and condensed is true.
func Condense(all []Rate, most int, now time.Time) (short []Rate, condensed bool) {
	if len(all) <= most {
		return all, false
	}
	today := now.Format(time.DateOnly)
	for length := 5; ; length-- { // "+" and four digits
		dearest := make(map[string]Rate)
		for _, r := range all {
			if r.When.Until != "" && r.When.Until < today {
				continue
			}
			begins := r.Prefix[:min(len(r.Prefix), length)]
			if known, ok := dearest[begins]; !ok || known.Usual() < r.Usual() {
				r.Prefix, r.When, r.AtMost = begins, Window{}, true
				dearest[begins] = r
			}
		}
		if len(dearest) > most && length > 1 {
			continue
		}
		for begins, r := range dearest { // a number of it may have the rate of a shorter prefix
			for n := 1; n < len(begins); n++ {
				if shorter, ok := dearest[begins[:n]]; ok && shorter.Usual() > r.Usual() {
					r, r.Prefix = shorter, begins
				}
			}
			short = append(short, r)
		}
		slices.SortFunc(short, func(a, b Rate) int { return cmp.Compare(a.Prefix, b.Prefix) })
		return short, true
	}
}
