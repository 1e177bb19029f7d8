package webside

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"strowger/pkg/errs"
	"strowger/pkg/proof"
	"strowger/pkg/pushseal"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
)

// splicer is a bridge between an app and the switch, which may lie.
type splicer struct {
	up, down func(message string) string // what becomes of SIP; nil: nothing
	entry    []byte                      // that the app showed
}

// splice returns the app's end of a connection through the bridge to the switch.
func (b *splicer) splice(o *office) net.Conn {
	o.t.Helper()
	app, near := net.Pipe()
	far, sw := net.Pipe()
	var work sync.WaitGroup
	work.Go(func() { o.web.TakeSpliced(sw, "192.0.2.9:4711") })
	carry := func(from, to net.Conn, line func([]byte), meddle func(string) string) {
		defer to.Close()
		defer from.Close()
		var buf []byte
		read := make([]byte, 4<<10)
		for first := true; ; {
			n, err := 0, error(nil)
			if first {
				n = 1 + bytes.IndexByte(buf, '\n')
			} else if n, err = sip.First(buf); err != nil {
				return
			}
			if n == 0 {
				if n, err = from.Read(read); err != nil {
					return
				}
				buf = append(buf, read[:n]...)
				continue
			}
			m := bytes.Clone(buf[:n])
			buf = buf[n:]
			switch {
			case first:
				line(m)
			case meddle != nil:
				var err error
				if m, err = sip.Whole([]byte(meddle(string(m)))); err != nil {
					return
				}
			}
			first = false
			if _, err := to.Write(m); err != nil {
				return
			}
		}
	}
	work.Go(func() { carry(near, far, func(m []byte) { b.entry = m }, b.up) })
	work.Go(func() { carry(far, near, func([]byte) {}, b.down) })
	o.t.Cleanup(func() {
		_ = app.Close()
		_ = sw.Close()
		work.Wait()
	})
	return app
}

// shows shows an entry line on a connection and returns the verdict.
func (o *office) shows(c net.Conn, line []byte) (v proof.Verdict) {
	o.t.Helper()
	if _, err := c.Write(append(bytes.TrimSpace(line), '\n')); err != nil {
		o.t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		o.t.Fatal(err)
	}
	if err := proof.ReadLine(c, proof.MaxVerdict, &v); err != nil {
		o.t.Fatal(err)
	}
	return v
}

// comesBy brings an app to its call by way of a bridge.
func (a *app) comesBy(o *office, b *splicer, d *device, w pushseal.Wake, fingerprint string) {
	a.t.Helper()
	c := b.splice(o)
	if v := o.shows(c, lineOf(a.t, proof.Entry{Key: w.Key, Proof: d.proves(a.t, w, fingerprint, nil)})); !v.OK {
		a.t.Fatalf("not let in: %v", v.Error)
	}
	if _, err := a.sip.ServeStream(a.t.Context(), spliced{c, streamAddr(1), streamAddr(2)}); err != nil {
		a.t.Fatal(err)
	}
	select {
	case a.dialog = <-a.invited:
	case <-time.After(patience):
		a.t.Fatal("the app is not called")
	}
}

// An app whose UDP is blocked comes by way of a bridge, and its media by TCP.
func TestUDPBlocked(t *testing.T) {
	o, d := newOffice(t), newDevice(t)
	p := o.plan(d)
	s := o.call(p, speech)
	w := o.woken(d)
	hears[call.Wake](s)
	a, fingerprint := newAppOn(t, webrtc.NetworkTypeTCP4)
	a.comesBy(o, &splicer{}, d, w, fingerprint)
	if n := o.web.Counters().Spliced; n != 1 {
		t.Errorf("%d apps are spliced, want 1", n)
	}
	a.rings()
	hears[call.Ring](s)
	a.answers()
	hears[call.Accept](s)
	talk(t, s, a)
	s.caller.hangUp()
	sees[sip.HungUp](a)
	s.ends(p.Branches[0].App.Leg)
	eventually(t, "the app has left", func() bool { return o.web.Counters().Spliced == 0 })
}

// What an app connected by TCP in case its UDP is blocked is closed once its media have a way by UDP: it would take a place, and memory,
// until the call ends.
func TestSpareTCP(t *testing.T) {
	o, d := newOffice(t), newDevice(t)
	p := o.plan(d)
	s := o.call(p, speech)
	w := o.woken(d)
	hears[call.Wake](s)
	a, fingerprint := newApp(t)
	a.comes(d, w, fingerprint)
	c, err := net.Dial("tcp", o.rtc.tcp.at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(binding(attribute(string(a.dialog.SDP()), "ice-ufrag") + ":app")); err != nil {
		t.Fatal(err)
	}
	a.rings()
	hears[call.Ring](s)
	a.answers()
	hears[call.Accept](s)
	talk(t, s, a)
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, c); err != nil {
		t.Errorf("the connection is still there: %v", err)
	}
	talk(t, s, a)
}

// binding is the check of an ICE agent, as it goes over TCP.
func binding(username string) []byte {
	padded := (len(username) + 3) / 4 * 4
	b := binary.BigEndian.AppendUint16(nil, uint16(20+4+padded))
	b = append(b, 0, 1)
	b = binary.BigEndian.AppendUint16(b, uint16(4+padded))
	b = binary.BigEndian.AppendUint32(b, 0x2112a442)
	b = append(b, "transaction."...)
	b = append(b, 0, 6)
	b = binary.BigEndian.AppendUint16(b, uint16(len(username)))
	return append(append(b, username...), make([]byte, padded-len(username))...)
}

// A bridge that puts its own certificate into the app's answer gets no media: the proof names the app's.
func TestLyingBridgeSwapsTheAppsCertificate(t *testing.T) {
	o, d := newOffice(t), newDevice(t)
	p := o.plan(d)
	s := o.call(p, speech)
	w := o.woken(d)
	hears[call.Wake](s)
	_, mine := newApp(t)
	b := &splicer{up: func(m string) string { return swapFingerprint(m, mine) }}
	a, fingerprint := newApp(t)
	a.comesBy(o, b, d, w, fingerprint)
	a.rings()
	hears[call.Ring](s)
	a.answers()
	if no := hears[call.Refuse](s); no.Cause.Code != string(errs.WrongPresenter) {
		t.Errorf("the caller hears %+v", no)
	}
	if got := s.ends(p.Branches[0].App.Leg); !strings.HasPrefix(got[len(got)-1], "leg-ended") {
		t.Errorf("ledger: %q", got)
	}
}

// swapFingerprint is a message whose description names another certificate. The length is left for the stream to be found.
func swapFingerprint(m, to string) string {
	head, body, _ := strings.Cut(m, "\r\n\r\n")
	var b strings.Builder
	for l := range strings.Lines(body) {
		if strings.HasPrefix(l, "a=fingerprint:") {
			l = "a=fingerprint:" + to + "\r\n"
		}
		b.WriteString(l)
	}
	var lines []string
	for _, l := range strings.Split(head, "\r\n") {
		if name, _, _ := strings.Cut(l, ":"); !strings.EqualFold(name, "Content-Length") {
			lines = append(lines, l)
		}
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n" + b.String()
}

// A bridge that keeps the entry of an app cannot use it: a proof is good for once, and for no other switch, key or device.
func TestLyingBridgeReplaysAnEntry(t *testing.T) {
	o, d := newOffice(t), newDevice(t)
	p := o.plan(d)
	s := o.call(p, speech)
	w := o.woken(d)
	hears[call.Wake](s)
	b := &splicer{}
	a, fingerprint := newApp(t)
	a.comesBy(o, b, d, w, fingerprint)
	if v := o.shows((&splicer{}).splice(o), b.entry); v.OK || v.Error.Code != errs.Replayed {
		t.Errorf("an entry that was shown before is answered %+v", v)
	}
	if v := o.knockWith(bytes.TrimSpace(b.entry)); v.OK || v.Error.Code != errs.Replayed {
		t.Errorf("and on a connection of the bridge's own %+v", v)
	}
	thief := newDevice(t)
	stolen := lineOf(t, proof.Entry{Key: w.Key, Proof: thief.proves(t, w, fingerprint, nil)})
	if v := o.shows((&splicer{}).splice(o), stolen); v.OK || v.Error.Code != errs.WrongPresenter {
		t.Errorf("the key with a proof of the bridge's own is answered %+v", v)
	}
	a.rings() // the app's own connection is as it was
	hears[call.Ring](s)
	a.answers()
	hears[call.Accept](s)
	s.caller.hangUp()
	sees[sip.HungUp](a)
	s.ends(p.Branches[0].App.Leg)
}

// Behind a NAT the candidates for TCP name what apps are told, as that for UDP does; and all of them its address, where phones are
// told another.
func TestCandidatesNameTheHost(t *testing.T) {
	const lines = "a=candidate:1 1 udp 2130706431 203.0.113.5 7444 typ host ufrag x\r\na=candidate:2 1 tcp 1671430143 %s 7444 typ host tcptype passive ufrag x\r\n"
	r := &RTC{host: netip.MustParseAddr("203.0.113.5"), tcp: oneTCPPort{at: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 5), Port: 7444}}}
	if got, want := r.told(fmt.Sprintf(lines, "10.0.0.5")), fmt.Sprintf(lines, "203.0.113.5"); got != want {
		t.Errorf("told %q, want %q", got, want)
	}
	r.host, r.public = netip.MustParseAddr("10.0.0.5"), netip.MustParseAddr("203.0.113.5")
	const both = "v=0\r\na=candidate:1 1 udp 2130706431 10.0.0.5 7444 typ host ufrag x\r\na=candidate:11 1 udp 2130706175 203.0.113.5 7444 typ host ufrag x\r\n" +
		"a=candidate:2 1 tcp 1671430143 10.0.0.5 7444 typ host tcptype passive ufrag x\r\na=candidate:21 1 tcp 1671429887 203.0.113.5 7444 typ host tcptype passive ufrag x\r\n"
	if got := r.told("v=0\r\n" + strings.Replace(fmt.Sprintf(lines, "10.0.0.5"), "203.0.113.5", "10.0.0.5", 1)); got != both {
		t.Errorf("told %q, want %q", got, both)
	}
}
