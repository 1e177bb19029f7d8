package directory

import (
	"hash/maphash"
	"slices"
)

// perPart is how many entries a part of an index has when it is made; with four times as many the index is made anew.
const perPart = 128

// index finds users by something that is theirs. It is never changed, but by who edits it: its parts are, each for its own,
// so that a change of a few entries of a million copies a few hundred.
//
// It is no map of strings, for at a million entries memory is far: a map reads six places of it to find an entry, this one
// two, and what the user must be held against is read for the call anyway.
type index struct {
	has   func(u *user, key string) bool
	seed  maphash.Seed
	parts []part // a power of two
	own   []bool // while it is edited: the parts that no other index has
	len   int
}

// part is a table with open addressing (linear probing), at most three quarters full.
type part struct {
	slots []slot // a power of two
	used  int
}

type slot struct {
	hash uint64
	user *user // nil: the slot is free
}

func newIndex(size int, has func(u *user, key string) bool) index {
	n := 1
	for n*perPart < size {
		n *= 2
	}
	return index{has: has, seed: maphash.MakeSeed(), parts: make([]part, n), own: make([]bool, n)}
}

// find returns the slot of a key, or the free one where it would be; -1 in an empty part.
func (x *index) find(p *part, hash uint64, key string) int {
	mask := len(p.slots) - 1
	if mask < 0 {
		return -1
	}
	for i := int(hash>>32) & mask; ; i = (i + 1) & mask {
		if s := &p.slots[i]; s.user == nil || s.hash == hash && x.has(s.user, key) {
			return i
		}
	}
}

// get returns whose a key is, nil if it is nobody's.
func (x *index) get(key string) *user {
	hash := maphash.String(x.seed, key)
	p := &x.parts[hash&uint64(len(x.parts)-1)]
	if i := x.find(p, hash, key); i >= 0 {
		return p.slots[i].user
	}
	return nil
}

// edit returns a copy that can be changed, while x stays.
func (x index) edit() index {
	x.parts, x.own = slices.Clone(x.parts), make([]bool, len(x.parts))
	return x
}

// mine is a part that can be changed.
func (x *index) mine(hash uint64) *part {
	i := hash & uint64(len(x.parts)-1)
	p := &x.parts[i]
	if !x.own[i] {
		x.own[i], p.slots = true, slices.Clone(p.slots)
	}
	return p
}

// put gives a key to a user, in place of the one who has it.
func (x *index) put(key string, u *user) {
	if x.len > 4*perPart*len(x.parts) {
		x.spread()
	}
	hash := maphash.String(x.seed, key)
	p := x.mine(hash)
	i := x.find(p, hash, key)
	if i >= 0 && p.slots[i].user != nil {
		p.slots[i].user = u
		return
	}
	if 4*(p.used+1) > 3*len(p.slots) {
		p.grow()
	}
	p.insert(slot{hash, u})
	x.len++
}

// remove takes a key from its user, who must still have it.
func (x *index) remove(key string) {
	hash := maphash.String(x.seed, key)
	p := x.mine(hash)
	i := x.find(p, hash, key)
	if i < 0 || p.slots[i].user == nil {
		return
	}
	x.len--
	p.slots[i] = slot{}
	p.rebuild(len(p.slots)) // others may have probed past it
}

func (p *part) insert(s slot) {
	mask := len(p.slots) - 1
	i := int(s.hash>>32) & mask
	for p.slots[i].user != nil {
		i = (i + 1) & mask
	}
	p.slots[i] = s
	p.used++
}

func (p *part) grow() { p.rebuild(max(8, 2*len(p.slots))) }

// rebuild puts the entries of a part into a table of another size.
func (p *part) rebuild(size int) {
	old := p.slots
	p.slots, p.used = make([]slot, size), 0
	for _, s := range old {
		if s.user != nil {
			p.insert(s)
		}
	}
}

// spread divides the entries among more parts.
func (x *index) spread() {
	old := x.parts
	n := 4 * len(old)
	x.parts, x.own = make([]part, n), make([]bool, n)
	for i := range old {
		for _, s := range old[i].slots {
			if s.user == nil {
				continue
			}
			p := x.mine(s.hash)
			if 4*(p.used+1) > 3*len(p.slots) {
				p.grow()
			}
			p.insert(s)
		}
	}
}
