package journal

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// read returns the whole records of b, how far they reach, and how the reading ended.
func read(b []byte) (records []string, end int64, err error) {
	r := NewReader(bytes.NewReader(b))
	for {
		p, err := r.Next()
		if err != nil {
			return records, r.End(), err
		}
		records = append(records, string(p))
	}
}

func TestEveryCutLeavesWholeRecords(t *testing.T) {
	first := Append(nil, []byte("one"))
	all := Append(first, bytes.Repeat([]byte("2"), MaxRecord))
	for cut := range len(all) + 1 {
		if cut > 100 && cut < len(all)-100 {
			continue
		}
		records, end, err := read(all[:cut])
		want, whole := 0, int64(0)
		if cut >= len(first) {
			want, whole = 1, int64(len(first))
		}
		if cut == len(all) {
			want, whole = 2, int64(len(all))
		}
		clean := cut == 0 || cut == len(first) || cut == len(all)
		if len(records) != want || end != whole || clean != errors.Is(err, io.EOF) || clean == errors.Is(err, ErrTorn) {
			t.Fatalf("cut at %d: %d records to %d, %v", cut, len(records), end, err)
		}
	}
}

func TestEveryChangedBitIsFound(t *testing.T) {
	all := Append(Append(nil, []byte("one")), []byte("two"))
	for bit := range 8 * len(all) {
		changed := bytes.Clone(all)
		changed[bit/8] ^= 1 << (bit % 8)
		if records, _, err := read(changed); !errors.Is(err, ErrTorn) || len(records) > 1 {
			t.Errorf("bit %d changed: %q, %v", bit, records, err)
		}
	}
}

func TestZerosAreNoRecord(t *testing.T) {
	if records, _, err := read(make([]byte, 64)); len(records) != 0 || !errors.Is(err, ErrTorn) {
		t.Errorf("%q, %v", records, err)
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte{})
	f.Add(Append(nil, []byte("one")))
	f.Add(Append(Append(nil, []byte("one")), []byte(`{"at":1,"call":"ca_x","kind":"attempt"}`)))
	f.Add(make([]byte, 16))
	f.Fuzz(func(t *testing.T, b []byte) {
		records, end, _ := read(b)
		var again []byte
		for _, r := range records {
			again = Append(again, []byte(r))
		}
		if !bytes.Equal(again, b[:end]) {
			t.Errorf("read %q to %d, which writes as %x", records, end, again)
		}
	})
}
