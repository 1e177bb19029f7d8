package stack

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"testing"
)

// TestPortsThatMoved has a start, and every later one, tell of a port that is not the usual one, and which it is.
func TestPortsThatMoved(t *testing.T) {
	t.Parallel()
	refused := map[int]error{443: fs.ErrPermission}
	free := func(port int) error { return refused[port] }
	dir := t.TempDir()
	for _, why := range []string{"needs root", "was not to be had once"} {
		s := &Stack{cfg: Config{Data: dir, UsualPorts: true}, nextPort: randomPort()}
		p := s.ports()
		at := []string{p.choose("API", free, []int{443, 8443}), p.choose("fabric", free, []int{4222})}
		if err := s.keep(p); err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("[port 443 for API %s: it is 8443]", why); fmt.Sprint(s.Moved) != want || fmt.Sprint(at) != "[:8443 :4222]" {
			t.Errorf("at %q it tells of %q, not %q", at, s.Moved, want)
		}
		clear(refused)
	}
}

// TestPortsOnAFullDisk: what is as it was is not written again, so that a disk without room keeps no office from starting.
func TestPortsOnAFullDisk(t *testing.T) {
	t.Parallel()
	free := func(int) error { return nil }
	s := &Stack{cfg: Config{Data: t.TempDir(), UsualPorts: true}, nextPort: randomPort()}
	p := s.ports()
	p.choose("API", free, []int{443})
	if err := s.keep(p); err != nil {
		t.Fatal(err)
	}
	same, other := s.ports(), s.ports()
	same.choose("API", free, []int{443})
	other.choose("API", free, []int{443})
	other.choose("more", free, []int{444})
	s.cfg.Data = filepath.Join(s.cfg.Data, "no", "such\x00folder") // whatever is written there fails
	if err := s.keep(same); err != nil {
		t.Errorf("the same ports: %v", err)
	}
	if s.keep(other) == nil {
		t.Error("other ports are kept nowhere, and that is said to be well")
	}
}
