package integration

import (
	"slices"
	"strings"
	"testing"

	"strowger/integration/phone"
	"strowger/pkg/errs"
	"strowger/pkg/sip"
)

// securely is a phone at office 0 that says something, over a transport, encrypted in a way.
func (w *world) securely(t *testing.T, transport string, s phone.Security, seed uint64) func(*phone.Config) {
	t.Helper()
	over := w.over(t, 0, transport, seed)
	return func(c *phone.Config) {
		over(c)
		c.Security = s
	}
}

// TestSRTP has desk phones talk that encrypt their audio, in each way that phones have, with one that does not: through hold, and both ways.
func TestSRTP(t *testing.T) {
	t.Parallel()
	w := together(t)
	bob, plain := w.person(t, 1, "Bob", says(2))
	for _, c := range []struct {
		name, transport string
		security        phone.Security
		out, in         string // how the audio of its calls is encrypted, when it calls and when it is called
	}{
		{"SDES over TLS", sip.TLS, phone.SDES, "SDES", "SDES"},
		{"DTLS over UDP", sip.UDP, phone.DTLS, "DTLS", "DTLS"},
		{"DTLS over TCP", sip.TCP, phone.DTLS, "DTLS", "DTLS"},
		{"SAVP alone over TLS", sip.TLS, phone.Strict, "SDES", "SDES"},
		{"either over TLS", sip.TLS, phone.OSRTP, "SDES", "SDES"},
		{"either over UDP", sip.UDP, phone.OSRTP, "DTLS", "DTLS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ann := w.subscriber(t, 0, "Ann")
			secret := w.phone(t, ann, w.securely(t, c.transport, c.security, 1))
			out, in := connect(t, secret, bob.device.Username, plain)
			hears(t, in, 1)
			hears(t, out, 2)
			encrypts(t, out, c.out)
			out.Hold()
			saw(t, in, phone.Held)
			out.Resume()
			saw(t, in, phone.Resumed)
			hears(t, in, 1)
			in.Hold()
			saw(t, out, phone.Held)
			in.Resume()
			saw(t, out, phone.Resumed)
			hears(t, out, 2)
			encrypts(t, out, c.out)
			hangUp(t, out, in)

			out, in = connect(t, plain, ann.device.Username, secret)
			hears(t, in, 2)
			hears(t, out, 1)
			encrypts(t, in, c.in)
			hangUp(t, in, out)
			w.encrypted(t, ann, c.in)
		})
	}
}

// encrypted looks at what the record of the last call of somebody says of how its legs were encrypted: theirs in a way, the link always, the other
// phone's not at all.
func (w *world) encrypted(t *testing.T, s subscriber, how string) {
	t.Helper()
	var mine, others []string
	for _, l := range w.record(t, s.user, 2).Legs {
		switch {
		case l.Quality == nil:
		case l.Device == s.device.ID:
			mine = append(mine, l.Quality.Encryption)
		default:
			others = append(others, l.Quality.Encryption)
		}
	}
	want := map[string]string{"SDES": "SDES AES_CM_128_HMAC_SHA1_80", "DTLS": "DTLS-SRTP AES_CM_128_HMAC_SHA1_80"}[how]
	slices.Sort(others)
	if !slices.Equal(mine, []string{want}) || !slices.Equal(others, []string{"QUIC", "QUIC", "none"}) {
		t.Errorf("the record says %q of the phone's audio, want %q, and %q of the rest", mine, want, others)
	}
}

// encrypts says whether the audio of a call is encrypted as it should be.
func encrypts(t *testing.T, c *phone.Call, how string) {
	t.Helper()
	if got := c.Encryption(); got != how {
		t.Errorf("the audio is encrypted by %q, want %q", got, how)
	}
}

// TestDowngrade refuses, in words, plain audio of a phone whose audio has to be encrypted: when it calls, when it is called, and in the middle of a call.
func TestDowngrade(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, bob := w.subscriber(t, 0, "Ann"), w.subscriber(t, 0, "Bob")
	change(t, w.Client.Devices(), ann.device.ID, map[string]any{"srtp": "required"})
	w.settle(t)
	other := w.phone(t, bob, says(2))

	t.Run("calls", func(t *testing.T) {
		near := w.phone(t, ann, says(1))
		e := over(t, dial(t, near, bob.number.Digits))
		if e.Code != 488 || !strings.Contains(e.Words, "has to be encrypted") {
			t.Errorf("who calls in the clear hears %d %q", e.Code, e.Words)
		}
		if r := w.record(t, ann.user, 1); r.Cause == nil || r.Cause.Code != string(errs.Unencrypted) {
			t.Errorf("the record says %+v", r.Cause)
		}
		if e := over(t, dial(t, other, ann.number.Digits)); e.Code != 488 {
			t.Errorf("who calls a phone that does not encrypt hears %d %q", e.Code, e.Words)
		}
		if r := w.record(t, bob.user, 1); r.Cause == nil || r.Cause.SIP != 488 {
			t.Errorf("the record says %+v", r.Cause)
		}
		if err := near.Unregister(soon(t)); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("keys in the clear", func(t *testing.T) {
		near := w.phone(t, ann, w.securely(t, sip.UDP, phone.SDES, 1))
		e := over(t, dial(t, near, bob.number.Digits))
		if e.Code != 488 || !strings.Contains(e.Words, "readable") {
			t.Errorf("who sends keys in the clear hears %d %q", e.Code, e.Words)
		}
		if err := near.Unregister(soon(t)); err != nil {
			t.Fatal(err)
		}
	})
	for _, c := range []struct {
		transport string
		security  phone.Security
	}{{sip.TLS, phone.SDES}, {sip.UDP, phone.DTLS}} {
		t.Run("stripped over "+c.transport, func(t *testing.T) {
			near := w.phone(t, ann, w.securely(t, c.transport, c.security, 1))
			for _, calls := range []bool{true, false} {
				var mine, theirs *phone.Call
				if calls {
					mine, theirs = connect(t, near, bob.number.Digits, other)
				} else {
					theirs, mine = connect(t, other, ann.number.Digits, near)
				}
				mine.Strip()
				offerRefused(t, mine, 488)
				hears(t, theirs, 1)
				hears(t, mine, 2)
				if mine.Encryption() == "" {
					t.Error("the audio is not encrypted any more")
				}
				hangUp(t, mine, theirs)
			}
			if err := near.Unregister(soon(t)); err != nil {
				t.Fatal(err)
			}
		})
	}
	t.Run("off", func(t *testing.T) {
		change(t, w.Client.Devices(), ann.device.ID, map[string]any{"srtp": "off"})
		w.settle(t)
		near := w.phone(t, ann, w.securely(t, sip.UDP, phone.OSRTP, 1))
		out, in := connect(t, near, bob.number.Digits, other)
		encrypts(t, out, "")
		hears(t, in, 1)
		hangUp(t, out, in)
	})
}

// offerRefused waits until an offer of a phone was refused with a code.
func offerRefused(t *testing.T, c *phone.Call, code int) {
	t.Helper()
	until(t, func() string {
		for _, e := range c.Events() {
			if e.Kind == phone.Progress && e.Words == "offer refused" {
				if e.Code != code {
					t.Fatalf("the offer is refused with %d, want %d", e.Code, code)
				}
				return ""
			}
		}
		return "the offer is not refused"
	})
}
