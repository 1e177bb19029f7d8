package integration

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"strowger/integration/phone"
	"strowger/pkg/ledger"
	"strowger/pkg/sdp"
	"strowger/pkg/sip"
)

// TestTransports has phones of every transport call each other, and speak both ways.
func TestTransports(t *testing.T) {
	t.Parallel()
	w := together(t)
	for _, transport := range []string{sip.UDP, sip.TCP, sip.TLS} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			caller, from := w.person(t, 0, "Ann", w.over(t, 0, transport, 1))
			callee, to := w.person(t, 1, "Bob", w.over(t, 1, transport, 2))
			talk(t, from, callee.number.Dial, to)
			checkRecord(t, w.record(t, caller.user, 2), caller, callee, callee.number.Dial)
		})
	}
	t.Run("mixed", func(t *testing.T) {
		t.Parallel()
		_, from := w.person(t, 0, "Ann", w.over(t, 0, sip.UDP, 1))
		callee, to := w.person(t, 0, "Bob", w.over(t, 0, sip.TLS, 2))
		talk(t, from, callee.number.Digits, to)
	})
}

// over makes a phone use a transport. Over TLS it verifies the switch's certificate for phones, as one that was given it as
// a trusted root does.
func (w *world) over(t *testing.T, office int, transport string, seed uint64) func(*phone.Config) {
	t.Helper()
	pem, err := os.ReadFile(filepath.Join(w.folder(office), "phones.crt"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatal("phones.crt has no certificate")
	}
	return func(c *phone.Config) {
		c.Transport, c.Say = transport, speech(seed)
		if transport != sip.TLS {
			return
		}
		c.Server = w.Offices[office].SIPS.String()
		c.TLS = &tls.Config{RootCAs: roots, ServerName: w.Offices[office].SIPS.Addr().String()}
	}
}

// TestHoldAndResume holds a call from each side, and finds it in the ledger.
func TestHoldAndResume(t *testing.T) {
	t.Parallel()
	w := together(t)
	caller, from := w.person(t, 0, "Ann", nil)
	callee, to := w.person(t, 1, "Bob", nil)
	out, in := connect(t, from, callee.number.Dial, to)
	for _, c := range []struct{ holder, held *phone.Call }{{out, in}, {in, out}} {
		c.holder.Hold()
		saw(t, c.holder, phone.OnHold)
		saw(t, c.held, phone.Held)
		c.holder.Resume()
		saw(t, c.holder, phone.OffHold)
		saw(t, c.held, phone.Resumed)
	}
	press(t, out, in, "1") // the media flows again, both ways
	press(t, in, out, "2")
	hangUp(t, in, out)
	r := w.record(t, caller.user, 2)
	if r.EndedBy != "callee" || r.Cause.Code != "normal" {
		t.Errorf("ended by %q, cause %+v", r.EndedBy, r.Cause)
	}
	seen := map[ledger.Kind]int{}
	for _, e := range r.Ladder {
		seen[e.Kind]++
	}
	if seen[ledger.Held] != 4 || seen[ledger.Resumed] != 4 { // two holds, at two switches
		t.Errorf("the ledger has %d holds and %d resumes, want 4 and 4", seen[ledger.Held], seen[ledger.Resumed])
	}
}

// TestCodecChange changes the codec in the call, from either side.
func TestCodecChange(t *testing.T) {
	t.Parallel()
	w := together(t)
	_, from := w.person(t, 0, "Ann", nil)
	callee, to := w.person(t, 1, "Bob", nil)
	out, in := connect(t, from, callee.number.Dial, to)
	pcmu, pcma, events := phone.DefaultCodecs()[0], phone.DefaultCodecs()[1], phone.DefaultCodecs()[2]
	for _, c := range []struct {
		by   *phone.Call
		name string
		want []sdp.Codec
	}{{out, "PCMA", []sdp.Codec{pcma, events}}, {in, "PCMU", []sdp.Codec{pcmu, events}}} {
		c.by.Change(c.want)
		until(t, func() string {
			if out.Codec() != c.name || in.Codec() != c.name {
				return "the caller sends " + out.Codec() + ", the callee " + in.Codec() + ", want " + c.name
			}
			return ""
		})
	}
	press(t, out, in, "7")
	press(t, in, out, "8")
	hangUp(t, out, in)
}

// TestCodecChangeThatFails offers a codec that the other side lacks: the call goes on as it was.
func TestCodecChangeThatFails(t *testing.T) {
	t.Parallel()
	w := together(t)
	_, from := w.person(t, 0, "Ann", nil)
	callee, to := w.person(t, 0, "Bob", nil)
	out, in := connect(t, from, callee.number.Digits, to)
	out.Change([]sdp.Codec{{Name: "opus", Clock: 48000, Channels: 2}})
	until(t, func() string {
		for _, e := range out.Events() {
			if e.Kind == phone.Progress && e.Code == 488 {
				return ""
			}
		}
		return "the offer was not refused with 488"
	})
	if out.Codec() != "PCMU" || in.Codec() != "PCMU" {
		t.Errorf("the caller sends %s, the callee %s, want PCMU", out.Codec(), in.Codec())
	}
	hangUp(t, out, in)
}

// TestGlare has both sides hold at once: who is told 491 tries again (RFC 3261, 14.1).
func TestGlare(t *testing.T) {
	t.Parallel()
	w := together(t)
	for office, where := range []string{"inside", "between"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			_, from := w.person(t, 0, "Ann", nil)
			callee, to := w.person(t, office, "Bob", nil)
			out, in := connect(t, from, callee.number.Dial, to)
			out.Hold()
			in.Hold()
			saw(t, out, phone.OnHold)
			saw(t, in, phone.OnHold)
			out.Resume()
			in.Resume()
			saw(t, out, phone.OffHold)
			saw(t, in, phone.OffHold)
			hangUp(t, out, in)
		})
	}
}

// TestDigits presses keys on both sides, as telephone events (RFC 4733) and by INFO.
func TestDigits(t *testing.T) {
	t.Parallel()
	w := together(t)
	for name, info := range map[string]bool{"telephone events": false, "INFO": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			way := func(c *phone.Config) { c.InfoDTMF = info }
			_, from := w.person(t, 0, "Ann", way)
			callee, to := w.person(t, 1, "Bob", way)
			out, in := connect(t, from, callee.number.Dial, to)
			press(t, out, in, "159*")
			press(t, in, out, "D20#")
			hangUp(t, out, in)
		})
	}
}

// press presses keys at one end of a call and waits for them at the other.
func press(t *testing.T, from, to *phone.Call, keys string) {
	t.Helper()
	send := func() time.Time {
		for i := range len(keys) {
			from.SendDTMF(keys[i])
		}
		return time.Now()
	}
	begun := send()
	last := begun
	until(t, func() string {
		heard := ""
		for _, e := range to.Events() {
			if e.Kind == phone.Digit {
				heard += e.Words
			}
		}
		switch {
		case heard == keys, last != begun && strings.HasSuffix(heard, keys):
			return ""
		case time.Since(last) > patience/10 && late.busy(begun):
			last = send() // a link drops what a busy machine lets grow old
		}
		return "pressed " + keys + ", heard " + heard
	})
}

// TestHangUp ends calls from either side.
func TestHangUp(t *testing.T) {
	t.Parallel()
	w := together(t)
	for _, who := range []string{"caller", "callee"} {
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			caller, from := w.person(t, 0, "Ann", nil)
			callee, to := w.person(t, 1, "Bob", nil)
			out, in := connect(t, from, callee.number.Dial, to)
			if who == "caller" {
				hangUp(t, out, in)
			} else {
				hangUp(t, in, out)
			}
			if r := w.record(t, caller.user, 2); r.EndedBy != who || r.Cause.SIP != 200 || r.Cause.Q850 != 16 {
				t.Errorf("ended by %q, cause %+v", r.EndedBy, r.Cause)
			}
		})
	}
}
