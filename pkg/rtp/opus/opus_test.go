package opus

import "testing"

// packets: SILK of 20 ms, hybrid of 20 and 10 ms, CELT of 2.5 ms, two and three frames in one packet; then what is none.
var packets = map[string]int{
	"\x48\x01\x02": 960, "\x68\x00": 960, "\x60\x00": 480, "\x80\x00": 120, "\x49\x00\x00": 1920, "\x4b\x03\x00": 2880, "\xff\x06\x00": 5760,
	"": 0, "\xff": 0, "\xff\x3f": 0, "\x5b\x03": 0,
}

func TestTicks(t *testing.T) {
	for packet, want := range packets {
		if got := Ticks([]byte(packet)); got != want {
			t.Errorf("% x lasts %d, want %d", packet, got, want)
		}
	}
}

// Whatever comes, a decoder returns samples of the packet's duration or an error, and goes on afterwards.
func FuzzDecode(f *testing.F) {
	for packet := range packets {
		f.Add([]byte(packet), []byte("\x48\x01\x02"))
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		d, err := NewDecoder()
		if err != nil {
			t.Fatal(err)
		}
		for _, packet := range [][]byte{first, second} {
			if samples, err := d.Decode(packet); err == nil && len(samples) != Ticks(packet)/(Clock/Rate) {
				t.Fatalf("%d samples of % x", len(samples), packet)
			}
		}
	})
}
