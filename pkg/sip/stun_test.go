package sip

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"
)

// ask is a Binding request with attributes.
func ask(attributes ...[]byte) []byte {
	b := append([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, "transaction1"...)
	for _, a := range attributes {
		b = append(b, a...)
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)-stunHeader))
	return b
}

func TestBinding(t *testing.T) {
	t.Parallel()
	// RFC 5769, 2.2 and 2.3: the addresses of the sample responses, with their transaction ID.
	sample := append([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae)
	for from, want := range map[string][]byte{
		"192.0.2.1:32853": {0, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43},
		"[2001:db8:1234:5678:11:2233:4455:6677]:32853": {0, 0x20, 0, 20, 0, 2, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25, 0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9},
	} {
		got := bound(sample, netip.MustParseAddrPort(from))
		if len(got) < stunHeader || !bytes.Equal(got[:2], []byte{1, 1}) || !bytes.Equal(got[4:stunHeader], sample[4:]) || !bytes.Equal(got[stunHeader:], want) {
			t.Errorf("who is seen at %s is told % x, want % x", from, got, want)
		}
	}
	from := netip.MustParseAddrPort("192.0.2.1:5060")
	software := attribute(nil, 0x8022, []byte("desk phone"))
	if got := bound(ask(software), from); len(got) == 0 || binary.BigEndian.Uint16(got) != stunSuccess {
		t.Errorf("with what need not be understood it is % x", got)
	}
	priority := attribute(nil, 0x0024, []byte{1, 2, 3, 4})
	want := append(attribute(nil, stunErrorCode, []byte{0, 0, 4, 20}), attribute(nil, stunUnknown, []byte{0, 0x24})...)
	if got := bound(ask(priority), from); len(got) < stunHeader || binary.BigEndian.Uint16(got) != stunFailure || !bytes.Equal(got[stunHeader:], want) {
		t.Errorf("what is not understood is answered with % x", got)
	}
	for name, b := range map[string][]byte{
		"an answer": append([]byte{1, 1}, ask()[2:]...), "an indication": append([]byte{0, 0x11}, ask()[2:]...), "cut off": ask(software)[:30],
		"too long": append(ask(), 1), "without a cookie": append(ask()[:4:4], make([]byte, 16)...), "with half an attribute": ask([]byte{0, 1, 0, 9, 1}),
	} {
		if got := bound(b, from); got != nil {
			t.Errorf("%s is answered with % x", name, got)
		}
	}
}

// TestBindingOverUDP asks an endpoint that speaks SIP at the same port.
func TestBindingOverUDP(t *testing.T) {
	t.Parallel()
	var at netip.AddrPort
	endpoint(t, handler{}, func(e *Endpoint) {
		var err error
		if at, err = e.ListenUDP("127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	})
	c, err := net.Dial("udp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(ask()); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	me := netip.MustParseAddrPort(c.LocalAddr().String())
	if want := bound(ask(), me); !bytes.Equal(b[:n], want) {
		t.Errorf("the answer is % x, want % x", b[:n], want)
	}
}

func FuzzBinding(f *testing.F) {
	f.Add(ask())
	f.Add(ask(attribute(nil, 0x8022, []byte("desk phone")), attribute(nil, 0x0024, []byte{1, 2, 3, 4})))
	f.Fuzz(func(t *testing.T, b []byte) {
		got := bound(b, netip.MustParseAddrPort("[2001:db8::1]:5060"))
		if got != nil && (len(got)%4 != 0 || len(got) != stunHeader+int(binary.BigEndian.Uint16(got[2:])) || len(got) > 80) {
			t.Errorf("the answer is % x", got)
		}
	})
}
