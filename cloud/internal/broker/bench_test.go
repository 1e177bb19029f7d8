package broker

import (
	"fmt"
	"log/slog"
	"runtime"
	"syscall"
	"testing"
	"time"

	"strowger/cloud/internal/directory"
	"strowger/cloud/internal/store"
	"strowger/pkg/designation"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/rest"
)

// BenchmarkAdmit admits calls between two sites, session key included.
func BenchmarkAdmit(b *testing.B) {
	for _, devices := range []int{1_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("devices=%d", devices), func(b *testing.B) {
			s := directory.NewSnapshot(bigRegistry(devices))
			w := &world{t: b, now: time.Now(), key: newKey()}
			br := New(Config{
				Snapshot: func(string) (*directory.Snapshot, error) { return s, nil }, Signer: w,
				Offer: func(string, string, fabric.Offer) {}, Now: w.clock, Logger: slog.New(slog.DiscardHandler),
			})
			br.leases["sw_1"] = store.Lease{SeenAt: w.now, Lease: fabric.Lease{
				Node: designation.Node{ID: "sw_1", KeyHash: "key", Boot: "bo_1", Addresses: []string{"192.0.2.1:7443"}},
			}}
			call := ident.New(ident.Call)
			b.ReportAllocs()
			runtime.GC() // what the registry left is not the admissions' cost
			began := processorTime(b)
			for i := 0; b.Loop(); i++ {
				q := fabric.Admit{
					Header: fabric.Header{ID: fmt.Sprint(i)}, Call: call, Media: []string{"audio"},
					Device: fmt.Sprint("dv_", i%(devices/2)*2), Dialled: fmt.Sprint("30", 100_001+i%(devices/2)*2),
				}
				if _, err := br.Admit(b.Context(), "org_1", "sw_0", q); err != nil {
					b.Fatal(err)
				}
				<-br.parties // in place of who writes them
			}
			b.ReportMetric(float64(processorTime(b)-began)/float64(b.N), "cpu-ns/op")
		})
	}
}

// processorTime is what the process has spent, with its garbage collector; where others use the machine, it tells more
// than the clock.
func processorTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// bigRegistry has even devices at sw_0 of site 20 and odd ones at sw_1 of site 30, with extension 100000 + their number.
func bigRegistry(devices int) store.Registry {
	g := store.Registry{Organization: rest.Organization{Meta: rest.Meta{ID: "org_1"}, Name: "Acme", Enabled: true, RingSeconds: 60}}
	for i, code := range []string{"20", "30"} {
		site := rest.Site{Meta: rest.Meta{ID: "st_" + code}, Name: code, Code: code}
		g.Sites = append(g.Sites, site)
		g.Switches = append(g.Switches, rest.Switch{Meta: rest.Meta{ID: fmt.Sprint("sw_", i)}, Site: site.ID, Name: code, State: "enrolled", KeyHash: "key"})
	}
	for i := range devices {
		user, site := fmt.Sprint("us_", i), g.Sites[i%2]
		digits := fmt.Sprint(100_000 + i)
		g.Users = append(g.Users, rest.User{Meta: rest.Meta{ID: user}, Name: user, Enabled: true, Calling: "internal"})
		g.Devices = append(g.Devices, rest.Device{
			Meta: rest.Meta{ID: fmt.Sprint("dv_", i)}, User: user, Kind: designation.DeskPhone, Name: "Desk", Switch: g.Switches[i%2].ID, Username: user, Enabled: true,
		})
		g.Numbers = append(g.Numbers, rest.Number{Meta: rest.Meta{ID: fmt.Sprint("nu_", i)}, Site: site.ID, Digits: digits, Dial: site.Code + digits, User: user})
	}
	return g
}
