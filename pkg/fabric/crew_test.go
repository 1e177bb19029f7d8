package fabric

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/nats-io/nats.go"
)

// As many messages as there may be goroutines are handled side by side, others wait in turn, and those for which there is no room
// are not taken. Nothing runs when nothing is to be done.
func TestCrew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most, waiting = 2, 3
		var work sync.WaitGroup
		begun, goOn := make(chan string, most+waiting), make(chan struct{})
		c := &crew{most: most, waiting: waiting, work: &work, handle: func(m *nats.Msg) {
			begun <- m.Subject
			<-goOn
		}}
		for range 2 { // what has been idle goes on
			for i := range most + waiting {
				if !c.take(&nats.Msg{Subject: fmt.Sprint(i)}) {
					t.Fatalf("message %d is not taken", i)
				}
			}
			if c.take(&nats.Msg{Subject: "too many"}) {
				t.Error("more are taken than may wait")
			}
			synctest.Wait()
			if n := len(begun); n != most {
				t.Errorf("%d are handled side by side, want %d", n, most)
			}
			first := []string{<-begun, <-begun}
			slices.Sort(first)
			if !slices.Equal(first, []string{"0", "1"}) {
				t.Errorf("the first that are handled are %q", first)
			}
			for i := range waiting {
				goOn <- struct{}{}
				if got := <-begun; got != fmt.Sprint(most+i) {
					t.Errorf("then comes %s, want %d", got, most+i)
				}
			}
			goOn <- struct{}{}
			goOn <- struct{}{}
			work.Wait()
			if c.busy != 0 {
				t.Errorf("%d are busy when all is done", c.busy)
			}
		}
	})
}
