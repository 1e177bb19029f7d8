package srtp

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// agreed is two sides whose keys are agreed on.
func agreed(t *testing.T) (a, b *Agreement) {
	t.Helper()
	a, b = &Agreement{}, &Agreement{}
	answer, err := b.Answer(a.Offer())
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Answered([]string{answer}); err != nil {
		t.Fatal(err)
	}
	return a, b
}

// TestAgreement has two sides agree on keys, and go on with them from either side.
func TestAgreement(t *testing.T) {
	a, b := agreed(t)
	for _, again := range [][2]*Agreement{{a, b}, {b, a}} {
		from, to := again[0], again[1]
		mine, theirs := to.Keys()
		answer, err := to.Answer(from.Offer())
		if err != nil || from.Answered([]string{answer}) != nil {
			t.Fatal(err)
		}
		if m, th := to.Keys(); m != mine || th != theirs {
			t.Error("the keys change in mid-call")
		}
	}
	am, at := a.Keys()
	bm, bt := b.Keys()
	if am != bt || bm != at || am == bm || am.suite != suite80 {
		t.Error("the two have other keys")
	}
	if c, _ := agreed(t); c.mine.key == a.mine.key {
		t.Error("two calls have the same key")
	}
	if all := a.Offer(); len(all) != 1 {
		t.Errorf("offers %d keys in mid-call", len(all))
	}
	if err := a.Answered(a.Offer()); err == nil {
		t.Error("takes its own key back")
	}
	if s := fmt.Sprintf("%v %+v %#v %s", am, am, am, am.LogValue()); strings.Contains(s, fmt.Sprint(am.secret[:3])) || !strings.Contains(s, "(a key for") {
		t.Errorf("a key is shown: %s", s)
	}
}

// TestAnswer takes the first of the lines of an offer that it knows, RFC 4568's own among them.
func TestAnswer(t *testing.T) {
	const key = "inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"
	for offer, tag := range map[string]string{
		"1 AES_CM_128_HMAC_SHA1_80 " + key + "|2^20|1:32":           "", // MKI
		"1 AES_CM_128_HMAC_SHA1_80 " + key + "|2^20":                "1 ",
		"7 AES_CM_128_HMAC_SHA1_32 " + key + " WSH=128":             "7 ",
		"1 AES_CM_128_HMAC_SHA1_80 " + key + " UNENCRYPTED_SRTP":    "",
		"1 F8_128_HMAC_SHA1_80 " + key:                              "",
		"x AES_CM_128_HMAC_SHA1_80 " + key:                          "",
		"1 AES_CM_128_HMAC_SHA1_80 " + key[:20]:                     "",
		"1 AES_CM_128_HMAC_SHA1_80 " + key + ";" + key:              "",
		"1 AES_CM_128_HMAC_SHA1_80 " + strings.TrimPrefix(key, "i"): "",
		"1 AES_CM_128_HMAC_SHA1_80":                                 "",
	} {
		var a Agreement
		answer, err := a.Answer([]string{offer})
		if (err == nil) != (tag != "") || !strings.HasPrefix(answer, tag) || a.Agreed() != (tag != "") {
			t.Errorf("%s: %q, %v", offer, answer, err)
		}
	}
	var a Agreement
	lines := a.Offer()
	if err := a.Answered([]string{strings.Replace(lines[0], "1 ", "2 ", 1)}); err == nil || a.Agreed() {
		t.Error("takes an answer whose tag is that of another suite")
	}
	if err := a.Answered(nil); err == nil {
		t.Error("takes an answer without a key")
	}
}

// TestPackets sends audio and reports: what comes again, is changed or has another key is refused.
func TestPackets(t *testing.T) {
	a, b := agreed(t)
	mine, _ := a.Keys()
	_, theirs := b.Keys()
	seal, err := NewSealer(mine)
	if err != nil {
		t.Fatal(err)
	}
	open, err := NewOpener(theirs)
	if err != nil {
		t.Fatal(err)
	}
	packet := append([]byte{0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1}, "speech"...)
	for n := range uint16(300) { // past the window
		binary.BigEndian.PutUint16(packet[2:], 65400+n) // and past the end of the numbers
		sealed, err := seal.RTP(packet)
		if err != nil || bytes.Contains(sealed, []byte("speech")) {
			t.Fatalf("sealed %q, %v", sealed, err)
		}
		again, spoilt := bytes.Clone(sealed), bytes.Clone(sealed)
		spoilt[13] ^= 1
		if _, err := open.RTP(spoilt); err == nil {
			t.Fatal("takes a packet that was changed")
		}
		if plain, err := open.RTP(sealed); err != nil || !bytes.Equal(plain, packet) {
			t.Fatalf("%d opened %q, %v", n, plain, err)
		}
		if _, err := open.RTP(again); err == nil {
			t.Fatal("takes a packet twice")
		}
	}
	if _, err := open.RTP(bytes.Clone(packet)); err == nil {
		t.Error("takes a packet in the clear")
	}
	report := []byte{0x80, 201, 0, 1, 0, 0, 0, 1}
	sealed, err := seal.RTCP(report)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := open.RTCP(sealed); err != nil || !bytes.Equal(plain, report) {
		t.Errorf("report %q, %v", plain, err)
	}
	if _, err := open.RTCP(sealed); err == nil {
		t.Error("takes a report twice")
	}
	if _, err := seal.RTCP(report[:4]); err == nil {
		t.Error("a report without a source")
	}
	for n := range uint32(maxSources + 1) {
		binary.BigEndian.PutUint32(packet[8:], n+2)
		_, err = seal.RTP(packet)
	}
	if err == nil {
		t.Error("any number of sources")
	}
}

// FuzzAnswer reads lines of keys.
func FuzzAnswer(f *testing.F) {
	f.Add("1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20|1:32")
	f.Add("2 AES_CM_128_HMAC_SHA1_32 inline:NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj WSH=64")
	f.Fuzz(func(t *testing.T, text string) {
		l, ok := read(text)
		if !ok {
			return
		}
		if again, ok := read(l.write()); !ok || again != l {
			t.Errorf("%q became %q", text, l.write())
		}
	})
}

// FuzzOpen decrypts what anybody sends.
func FuzzOpen(f *testing.F) {
	f.Add([]byte{0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{0x90, 201, 0, 1, 0, 0, 0, 1})
	open, err := NewOpener(newKey(suite80))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, packet []byte) {
		if _, err := open.RTP(bytes.Clone(packet)); err == nil {
			t.Error("authentic")
		}
		if _, err := open.RTCP(packet); err == nil {
			t.Error("authentic")
		}
	})
}
