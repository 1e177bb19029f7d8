package registrar

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"strowger/switchnode/internal/journal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// runs starts a registrar; stop ends it and returns every list of devices that it told.
func runs(t *testing.T, path string) (*Registrar, func() [][]string) {
	t.Helper()
	var told [][]string
	r, err := New(Config{Path: path, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		OnChange: func(devices []string) { told = append(told, devices) }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := r.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	return r, func() [][]string { cancel(); running.Wait(); return told }
}

func of(device string, q Register) Register { q.Device = device; return q }

func ok(t *testing.T, r *Registrar, q Register) {
	t.Helper()
	if got := answered(r, q); got.Code != 200 {
		t.Fatalf("%+v", got)
	}
}

// answered registers and waits for the answer.
func answered(r *Registrar, q Register) Result {
	got := make(chan Result, 1)
	r.Register(q, func(a Result) { got <- a })
	return <-got
}

func TestBindingsLiveAndExpire(t *testing.T) {
	path := filepath.Join(t.TempDir(), "registrations")
	synctest.Test(t, func(t *testing.T) {
		r, stop := runs(t, path)
		ok(t, r, of("dv_2", register("1", 1, contact(a))))
		ok(t, r, of("dv_1", expires(register("1", 1, contact(b)), 60)))
		time.Sleep(time.Second)
		ok(t, r, of("dv_1", register("1", 2))) // a query changes nothing
		if got := r.Lookup("dv_1"); len(got) != 1 || got[0].URI != b {
			t.Errorf("%+v", got)
		}
		time.Sleep(58 * time.Second)
		if len(r.Lookup("dv_1")) != 1 {
			t.Error("expired early")
		}
		time.Sleep(time.Second)
		if len(r.Lookup("dv_1")) != 0 {
			t.Error("did not expire")
		}
		time.Sleep(2 * time.Second)
		told := stop()
		want := [][]string{{"dv_1", "dv_2"}, {"dv_2"}}
		if !slices.EqualFunc(told, want, slices.Equal) {
			t.Errorf("told %v, want %v", told, want)
		}
	})
}

func TestRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "registrations")
	synctest.Test(t, func(t *testing.T) {
		r, stop := runs(t, path)
		q := of("dv_1", register("1", 7, contact(a)))
		q.Source = Source{Addr: netip.MustParseAddrPort("[2001:db8::1]:5061"), Transport: "tls", Connection: "c1"}
		ok(t, r, q)
		ok(t, r, of("dv_2", expires(register("1", 1, contact(a)), 60)))
		ok(t, r, of("dv_3", register("1", 1, contact(a))))
		time.Sleep(time.Second)
		ok(t, r, of("dv_3", expires(register("1", 2, contact(a)), 0)))
		ok(t, r, of("dv_4", register("1", 1, contact(a)))) // saved by the stop itself
		stop()
		time.Sleep(time.Minute)

		r, stop = runs(t, path)
		got := r.Lookup("dv_1")
		if len(got) != 1 || got[0].CSeq != 7 || got[0].CallID != "1" || got[0].Source.Addr != q.Source.Addr || got[0].Source.Connection != "" {
			t.Errorf("%+v", got)
		}
		if late := answered(r, of("dv_1", register("1", 7, contact(a)))); late.Code != 500 {
			t.Errorf("a repeated REGISTER was taken after the restart: %+v", late)
		}
		synctest.Wait()
		if told := stop(); !slices.EqualFunc(told, [][]string{{"dv_1", "dv_4"}}, slices.Equal) {
			t.Errorf("told %v", told)
		}
	})
}

// A switch that is killed just after it answered a REGISTER finds that registration at its next start.
func TestAnsweredIsWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "registrations")
	r, stop := runs(t, path)
	defer stop()
	for i := range 50 {
		ok(t, r, of(fmt.Sprint("dv_", i), register("1", 1, contact(a))))
		if i > 0 {
			ok(t, r, of(fmt.Sprint("dv_", i-1), expires(register("1", 2, contact(a)), 0)))
		}
		next, err := New(Config{Path: path, Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		if got := next.Registered(); !slices.Equal(got, []string{fmt.Sprint("dv_", i)}) {
			t.Fatalf("after registration %d the next run would know %v", i, got)
		}
	}
}

func TestTooManyWait(t *testing.T) {
	r, err := New(Config{Path: filepath.Join(t.TempDir(), "registrations"), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for i := range maxWaiting + 1 { // nobody writes
		r.Register(of(fmt.Sprint("dv_", i), register("1", 1, contact(a))), func(a Result) {
			if refused++; a.Code != 503 {
				t.Errorf("answered %+v before it was written", a)
			}
		})
	}
	if refused != 1 || len(r.Registered()) != maxWaiting {
		t.Errorf("%d refused, %d registered", refused, len(r.Registered()))
	}
}

func TestRetain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "registrations")
	synctest.Test(t, func(t *testing.T) {
		r, stop := runs(t, path)
		ok(t, r, of("dv_1", register("1", 1, contact(a))))
		ok(t, r, of("dv_2", register("1", 1, contact(a))))
		r.Retain(func(device string) bool { return device == "dv_2" })
		stop()
		r, stop = runs(t, path)
		defer stop()
		if got := r.Registered(); !slices.Equal(got, []string{"dv_2"}) {
			t.Errorf("%v", got)
		}
	})
}

func TestClockThatWasAhead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "registrations")
	f := &file{File: journal.NewFile(path)}
	next, _ := process(time.Now().Add(24*time.Hour), 3600, nil, register("1", 1, contact(a)))
	if err := f.save(nil, func() map[string][]Binding { return map[string][]Binding{"dv_1": next} }); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	r, stop := runs(t, path)
	defer stop()
	if got := r.Registered(); len(got) != 0 {
		t.Errorf("%v outlive the longest life", got)
	}
}

func TestEveryTornTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "registrations")
	f := &file{File: journal.NewFile(path)}
	for i, device := range []string{"dv_1", "dv_2", "dv_3"} {
		next, _ := process(time.Now(), 3600, nil, register("1", 1, contact(a)))
		changed := map[string][]Binding{device: next}
		if err := f.save(changed, func() map[string][]Binding { return changed }); err != nil {
			t.Fatal(i, err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var have []int
	for cut := range len(whole) + 1 {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := New(Config{Path: path, Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		have = append(have, len(r.Registered()))
	}
	if !slices.IsSorted(have) || !slices.Equal(slices.Compact(have), []int{0, 1, 2, 3}) {
		t.Errorf("devices by cut: %v", have)
	}
}

func TestFileStaysSmall(t *testing.T) {
	path := filepath.Join(t.TempDir(), "registrations")
	f := &file{File: journal.NewFile(path)}
	largest := int64(0)
	for i := range 2000 {
		next, _ := process(time.Now(), 3600, nil, register("1", uint32(i)+1, contact(a)))
		changed := map[string][]Binding{"dv_1": next}
		if err := f.save(changed, func() map[string][]Binding { return changed }); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		largest = max(largest, info.Size())
	}
	if largest > 2*slack {
		t.Errorf("the file of one phone grew to %d bytes", largest)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestSavesAgainAfterAnError(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "folder")
	path := filepath.Join(dir, "registrations")
	synctest.Test(t, func(t *testing.T) {
		r, stop := runs(t, path) // the folder is not there
		var said bytes.Buffer
		r.cfg.Logger = slog.New(slog.NewTextHandler(&said, nil)) // of Run's goroutine, which waits
		ok(t, r, of("dv_1", register("1", 1, contact(a))))
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := strings.Count(said.String(), "cannot be saved"); n != 1 || r.Ready() == nil {
			t.Errorf("it says so %d times in a minute, and of itself %v", n, r.Ready())
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if err := r.Ready(); err != nil || !strings.Contains(said.String(), "saved again") {
			t.Errorf("when the disk works again: %v\n%s", err, said.String())
		}
		stop()
		r, stop = runs(t, path)
		defer stop()
		if got := r.Registered(); !slices.Equal(got, []string{"dv_1"}) {
			t.Errorf("%v", got)
		}
	})
}

func TestForeignFileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Path: path, Now: time.Now}); err == nil {
		t.Error("took a folder for the file")
	}
}

// A registered phone costs less than 2 kB.
func TestMemory(t *testing.T) {
	const phones = 4000 // fewer than may wait
	r, stop := runs(t, filepath.Join(t.TempDir(), "registrations"))
	defer stop()
	var answers sync.WaitGroup
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range phones {
		q := register(fmt.Sprintf("0123456789abcdef%d@192.0.2.1", i), 1,
			instance(fmt.Sprintf("sip:%d@192.0.2.1:5060;transport=tls;line=abcdef", i), "<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>", 1))
		q.UserAgent = "Yealink SIP-T46U 108.86.0.75"
		answers.Add(1)
		r.Register(of(fmt.Sprintf("dv_%026d", i), q), func(Result) { answers.Done() })
	}
	answers.Wait()
	runtime.GC()
	runtime.ReadMemStats(&after)
	if each := (after.HeapAlloc - before.HeapAlloc) / phones; each > 2000 {
		t.Errorf("%d bytes for each registered phone", each)
	}
	if len(r.Registered()) != phones {
		t.Error("not all are registered")
	}
}
