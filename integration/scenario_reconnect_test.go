package integration

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"strowger/integration/phone"
	"strowger/pkg/sip"
)

// home is where phones are until they move.
const home, abroad = "127.0.0.1", "127.0.0.2"

// TestReconnect breaks a phone's connection in the middle of a call. The call goes on by the next one: after the phone has registered anew, after a
// request of its own, and what is due to it meanwhile waits for it.
func TestReconnect(t *testing.T) {
	t.Parallel()
	w := together(t)
	for _, transport := range []string{sip.TCP, sip.TLS} {
		for _, calls := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s %v", transport, calls), func(t *testing.T) {
				t.Parallel()
				ann := w.subscriber(t, 0, "Ann")
				near := w.phone(t, ann, w.over(t, 0, transport, 1))
				bob, far := w.person(t, 1, "Bob", says(2))
				var mine, theirs *phone.Call
				if calls {
					mine, theirs = connect(t, near, bob.device.Username, far)
				} else {
					theirs, mine = connect(t, far, ann.device.Username, near)
				}
				drop := func() {
					t.Helper()
					if err := near.Drop(home); err != nil {
						t.Fatal(err)
					}
				}
				drop()
				register(t, near)
				theirs.Hold()
				saw(t, mine, phone.Held)

				drop()
				if err := mine.Follow(soon(t)); err != nil { // a request of its own, by the new connection
					t.Fatal(err)
				}
				saw(t, mine, phone.OffHold)
				theirs.Resume()
				saw(t, mine, phone.Resumed)

				drop()
				before := len(mine.Events())
				theirs.Hold() // while it is away
				register(t, near)
				sawAfter(t, mine, before, phone.Held)
				theirs.Resume()
				hears(t, mine, 2)

				drop()
				theirs.HangUp()
				register(t, near)
				over(t, mine)
				over(t, theirs)
			})
		}
	}
}

// sawAfter waits for an event of a call after so many others.
func sawAfter(t *testing.T, c *phone.Call, before int, k phone.Kind) {
	t.Helper()
	until(t, func() string {
		for _, e := range c.Events()[before:] {
			if e.Kind == k {
				return ""
			}
		}
		return fmt.Sprintf("waiting for %s, saw %v", k, c.Events()[before:])
	})
}

// TestAddressChange has a phone go on with a call from another address: it shows its password, and its audio follows. Others who know the names of the
// call do not.
func TestAddressChange(t *testing.T) {
	t.Parallel()
	w := together(t)
	for _, c := range []struct {
		transport string
		security  phone.Security
	}{{sip.TCP, phone.Open}, {sip.TCP, phone.DTLS}, {sip.TLS, phone.SDES}} {
		for _, calls := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s %v %v", c.transport, c.security, calls), func(t *testing.T) {
				t.Parallel()
				ann := w.subscriber(t, 0, "Ann")
				near := w.phone(t, ann, w.securely(t, c.transport, c.security, 1))
				bob, far := w.person(t, 0, "Bob", says(2))
				var mine, theirs *phone.Call
				if calls {
					mine, theirs = connect(t, near, bob.number.Digits, far)
				} else {
					theirs, mine = connect(t, far, ann.number.Digits, near)
				}
				hears(t, theirs, 1)
				if err := near.Drop(abroad); err != nil {
					t.Fatal(err)
				}
				if err := mine.Follow(soon(t)); err != nil {
					t.Fatal(err)
				}
				saw(t, mine, phone.OffHold)
				flows(t, mine, theirs)
				register(t, near)
				theirs.Hold()
				saw(t, mine, phone.Held)
				theirs.Resume()
				saw(t, mine, phone.Resumed)
				hangUp(t, theirs, mine)
			})
		}
	}
}

// TestRegisterElsewhere has a phone register from another address in the middle of a call, and say nothing in it: its audio is heard from there.
func TestRegisterElsewhere(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann := w.subscriber(t, 0, "Ann")
	near := w.phone(t, ann, w.over(t, 0, sip.TCP, 1))
	bob, far := w.person(t, 0, "Bob", says(2))
	mine, theirs := connect(t, near, bob.number.Digits, far)
	if err := near.Drop(abroad); err != nil {
		t.Fatal(err)
	}
	register(t, near)
	if err := mine.Rehome(); err != nil {
		t.Fatal(err)
	}
	flows(t, mine, theirs)
	hangUp(t, theirs, mine)
}

// flows waits until new audio comes both ways.
func flows(t *testing.T, a, b *phone.Call) {
	t.Helper()
	for _, c := range []*phone.Call{a, b} {
		had := c.Quality().Received
		until(t, func() string {
			if n := c.Quality().Received - had; n < 25 {
				return fmt.Sprintf("%d packets came", n)
			}
			return ""
		})
	}
}

// TestStrangerInTheCall sends re-INVITE, UPDATE and BYE with the names of a call that goes on, from elsewhere and without the password.
func TestStrangerInTheCall(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann := w.subscriber(t, 0, "Ann")
	bob, far := w.person(t, 0, "Bob", says(2))
	for _, transport := range []string{sip.UDP, sip.TCP, sip.TLS} {
		t.Run(transport, func(t *testing.T) {
			near := w.phone(t, ann, w.over(t, 0, transport, 1))
			mine, theirs := connect(t, near, bob.number.Digits, far)
			for _, by := range []string{"udp", "tcp"} {
				for i, method := range []string{"INVITE", "UPDATE", "BYE"} {
					for j, from := range []string{"127.0.0.3", home} { // home: another host behind the same NAT
						code := say(t, by, from, w.Offices[0].SIP.String(), forged(mine, method, 1000+100*j+i))
						if want := map[bool]string{true: "403", false: "401"}[transport == sip.TLS]; code != want {
							t.Errorf("%s by %s from %s is answered with %s, want %s", method, by, from, code, want)
						}
					}
				}
			}
			if transport == sip.TCP { // while the phone's connection is gone
				if err := near.Drop(home); err != nil {
					t.Fatal(err)
				}
				for i, method := range []string{"INVITE", "UPDATE", "BYE"} {
					if code := say(t, "tcp", home, w.Offices[0].SIP.String(), forged(mine, method, 2000+i)); code != "401" {
						t.Errorf("%s from where the phone was is answered with %s", method, code)
					}
				}
				register(t, near)
			}
			flows(t, mine, theirs)
			mine.Hold() // the phone's own numbers go on
			saw(t, theirs, phone.Held)
			hangUp(t, mine, theirs)
			if err := near.Unregister(soon(t)); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// forged is a request within a call of a phone, as somebody writes it who has read its names and wants its audio.
func forged(c *phone.Call, method string, seq int) string {
	id, local, remote := c.Names()
	body := "v=0\r\no=- 9 9 IN IP4 127.0.0.3\r\ns=-\r\nc=IN IP4 127.0.0.3\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"
	kind := "Content-Type: application/sdp\r\n"
	if method == "BYE" {
		body, kind = "", ""
	}
	return fmt.Sprintf("%[1]s sip:switch@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/%%[1]s 127.0.0.3;rport;branch=z9hG4bK%[2]d%[1]s%[5]s%%[1]s\r\nMax-Forwards: 70\r\nFrom: <sip:a@127.0.0.1>;tag=%[3]s\r\n"+
		"To: <sip:b@127.0.0.1>;tag=%[4]s\r\nCall-ID: %[5]s\r\nCSeq: %[2]d %[1]s\r\nContact: <sip:thief@127.0.0.3>\r\n%[6]sContent-Length: %[7]d\r\n\r\n%[8]s",
		method, seq, local, remote, id, kind, len(body), body)
}

// say sends a message from an address, by a port of its own, and returns the code of the final answer.
func say(t *testing.T, network, from, to, message string) string {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(from)}}
	if network == "tcp" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	c, err := d.DialContext(soon(t), network, to)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := fmt.Fprintf(c, message, strings.ToUpper(network)); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	for b := make([]byte, 4096); ; {
		n, err := c.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		words := strings.Fields(string(b[:n]))
		if len(words) > 1 && words[0] == "SIP/2.0" && words[1] >= "200" {
			return words[1]
		}
	}
}
