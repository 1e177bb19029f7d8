package registrar

import (
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// FuzzOpen opens files of any bytes: what was read is what would be written.
func FuzzOpen(f *testing.F) {
	good, err := encode(map[string][]Binding{"dv_1": {{
		Contact: Contact{URI: "sip:1001@192.0.2.7:5060", Q: 1, Instance: "<urn:uuid:1>", RegID: 1}, Until: time.Unix(1_800_000_000, 0).UTC(),
		CallID: "x", CSeq: 7, Source: Source{Addr: netip.MustParseAddrPort("192.0.2.7:5060"), Transport: "udp"}, Path: []string{"<sip:p;lr>"},
	}}})
	if err != nil {
		f.Fatal(err)
	}
	gone, err := encode(map[string][]Binding{"dv_1": nil})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(append(good, gone...))
	f.Add(good[:len(good)-1])
	f.Add([]byte("registrations of another kind"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(dir, "registrations")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		_, all, err := open(path, slog.New(slog.DiscardHandler))
		if err != nil {
			return
		}
		written, err := encode(all)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if err := os.WriteFile(path, written, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, again, err := open(path, slog.New(slog.DiscardHandler)); err != nil || len(again) != len(all) {
			t.Fatalf("%d devices were read, %d after they were written: %v", len(all), len(again), err)
		}
	})
}
