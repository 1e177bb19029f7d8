package link

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"strowger/pkg/errs"
)

// stream opens a SIP stream to a node as a call does: a link that nobody held may be gone, and is dialled once more.
func (n *node) stream(t *testing.T, to *node) (s net.Conn, release func(), err error) {
	for range 2 {
		var c *Conn
		if c, err = n.Connect(t.Context(), to.designated()); err != nil {
			return nil, nil, err
		}
		release = c.Hold()
		if s, err = c.OpenSIP(t.Context()); errs.CodeOf(err) != errs.Gone {
			break
		}
		release()
	}
	return s, release, err
}

// Two nodes dial each other at once, each for several calls, many times: every call gets its stream, no connection that a
// call holds is closed, and in the end the same one is left at both.
func TestManyCrossingDials(t *testing.T) {
	o := newOrg(t)
	crossed := 0
	for range 25 {
		if crossDials(t, o, 4) {
			crossed++
		}
	}
	t.Logf("two connections came up in %d rounds", crossed)
}

// crossDials has two nodes make some calls to each other, and says whether two connections came up.
func crossDials(t *testing.T, o *org, calls int) (crossed bool) {
	t.Helper()
	cfg := func() Config {
		c := o.config(t)
		c.Times.Ping = 100 * time.Millisecond // who was handed a draining link has as long to hold it
		return c
	}
	x, y := start(t, cfg()), start(t, cfg())
	defer x.stop()
	defer y.stop()
	var work sync.WaitGroup
	releases := make(chan func(), 2*calls)
	for _, ends := range [][2]*node{{x, y}, {y, x}} {
		for range calls {
			work.Go(func() {
				s, release, err := ends[0].stream(t, ends[1])
				if err != nil {
					t.Error(err)
					return
				}
				releases <- release
				if _, err := s.Write([]byte{'x'}); err != nil {
					t.Error(err)
				}
				select {
				case far := <-ends[1].sip:
					if _, err := io.ReadFull(far, make([]byte, 1)); err != nil {
						t.Error(err)
					}
				case <-time.After(time.Minute):
					t.Error("a stream that was opened never came")
				}
			})
		}
	}
	work.Wait()
	close(releases)
	for release := range releases {
		release()
	}
	// A dial whose node came first goes on: its connection may come up, and go, after all calls have theirs.
	eventually(t, "link that both sides keep", func() bool {
		if count(x, y) != 1 || count(y, x) != 1 {
			return false
		}
		kept, other := x.preferred(y.cfg.Name.ID, nil), y.preferred(x.cfg.Name.ID, nil)
		return kept != nil && other != nil && kept.dialled != other.dialled
	})
	return x.Counters().Dialled+y.Counters().Dialled > 1
}
