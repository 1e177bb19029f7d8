package registrar

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"
	"time"

	"strowger/switchnode/internal/journal"
)

// FuzzRead reads files of any bytes: what was read is what would be written.
func FuzzRead(f *testing.F) {
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
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := read(b)
		if err != nil && !errors.Is(err, journal.ErrTorn) {
			return
		}
		written, err := encode(all)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, err := read(written)
		if err != nil || len(again) != len(all) {
			t.Fatalf("%d devices were read, %d after they were written: %v", len(all), len(again), err)
		}
	})
}

func read(b []byte) (map[string][]Binding, error) {
	all := map[string][]Binding{}
	err := journal.Read(bytes.NewReader(b), func(r record) { all[r.Device] = r.Bindings })
	return all, err
}
