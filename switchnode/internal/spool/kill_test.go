package spool

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"strowger/pkg/fabric"
	"strowger/pkg/ledger"
)

// childDir tells the test binary to be the node that is killed.
const childDir = "STROWGER_SPOOL_TEST_DIR"

// received is one event as the cloud of a child wrote it down.
type received struct {
	Spool string
	Seq   uint64
	Text  string
}

// child appends events for ever, delivers them into a file, and prints how many of its events are durable at each
// change of what is durable or delivered.
func child(dir string) int {
	cloud, err := os.OpenFile(filepath.Join(dir, "cloud"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return 1
	}
	s, err := New(Config{Dir: filepath.Join(dir, "spool"), SegmentSize: 20_000, Logger: slog.New(slog.DiscardHandler),
		Deliver: func(_ context.Context, sent fabric.LedgerJSON) (fabric.LedgerReply, error) {
			q, err := arrived(sent)
			if err != nil {
				return fabric.LedgerReply{}, err
			}
			var lines []byte
			q.Events = q.Events[:min(len(q.Events), 20)] // in small bites, so that kills come in the middle of a file
			for _, e := range q.Events {
				line, err := json.Marshal(received{q.Spool, e.Seq, e.Text})
				if err != nil {
					return fabric.LedgerReply{}, err
				}
				lines = append(append(lines, line...), '\n')
			}
			_, err = cloud.Write(lines)
			return fabric.LedgerReply{StoredThrough: q.First + uint64(len(q.Events)) - 1}, err
		}})
	if err != nil {
		return 1
	}
	var running sync.WaitGroup
	running.Go(func() { _ = s.Run(context.Background()) }) // until it is killed
	run := os.Getenv("STROWGER_SPOOL_TEST_RUN")
	taken, told := 0, Counts{}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		<-tick.C
		for s.Outstanding() < 500 && s.Append(ledger.Event{Call: "ca_1", Kind: ledger.Message, Text: fmt.Sprintf("%s/%d", run, taken)}) == nil {
			taken++
		}
		if n := s.Counts(); n.Stored != told.Stored || n.Delivered != told.Delivered {
			fmt.Println(n.Stored)
			told = n
		}
	}
}

// TestKilled kills a node at random moments, again and again, and looks at what arrived.
func TestKilled(t *testing.T) {
	const runs = 12
	dir := t.TempDir()
	durable := make([]int, runs)
	for run := range runs {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childDir+"="+dir, "STROWGER_SPOOL_TEST_RUN="+strconv.Itoa(run))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for range 1 + rand.N(60) {
			if !lines.Scan() {
				t.Fatalf("run %d ended by itself", run)
			}
			durable[run], _ = strconv.Atoi(lines.Text())
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // says that it was killed
	}
	check(t, dir, durable)
}

// check delivers what is left, then finds each durable event of each run exactly once.
func check(t *testing.T, dir string, durable []int) {
	c := &cloud{}
	s, stop := runs(t, Config{Dir: filepath.Join(dir, "spool")}, c)
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop()
	var all []received
	b, err := os.ReadFile(filepath.Join(dir, "cloud"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var r received
		if json.Unmarshal([]byte(line), &r) == nil { // the child may have been killed within its last line
			all = append(all, r)
		}
	}
	for spool, events := range c.stored {
		for _, e := range events {
			all = append(all, received{spool, e.Seq, e.Text})
		}
	}
	type name struct {
		spool string
		seq   uint64
	}
	texts, names := map[name]string{}, map[string]name{}
	for _, r := range all {
		n := name{r.Spool, r.Seq}
		if have, ok := texts[n]; ok && have != r.Text {
			t.Fatalf("%v is both %s and %s", n, have, r.Text)
		}
		if have, ok := names[r.Text]; ok && have != n {
			t.Fatalf("%s is both %v and %v", r.Text, have, n)
		}
		texts[n], names[r.Text] = r.Text, n
	}
	for run, n := range durable {
		for i := range n {
			if _, ok := names[fmt.Sprintf("%d/%d", run, i)]; !ok {
				t.Fatalf("run %d: event %d of %d durable ones is lost", run, i, n)
			}
		}
	}
	t.Logf("%d events, %d deliveries, durable by run: %v", len(names), len(all), durable)
}
