package sipside

import (
	"bufio"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"

	"strowger/pkg/sip"
)

// signIn registers a contact with a password and returns the answer's code.
func (p *phone) signIn(password string) int {
	p.t.Helper()
	p.secret = password
	return int(p.register(p.user, "Contact: "+p.contact).StatusCode)
}

func TestGuessesAreHeldUp(t *testing.T) {
	o := newOffice(t)
	anns := o.phone("ann", sip.UDP).registered()
	thief, elsewhere := o.phone("ann", sip.TCP), o.phoneAt("127.0.0.2", "ann", sip.UDP)
	for i := range accountBurst {
		if code := thief.signIn("guess"); code != 403 {
			t.Fatalf("guess %d is answered %d, want 403", i, code)
		}
	}
	for _, password := range []string{"guess", "ann's"} { // a right guess does not show
		if code := thief.signIn(password); code != 503 {
			t.Errorf("one more, %q, is answered %d, want 503", password, code)
		}
	}
	if wait := header(thief.register("ann"), "Retry-After"); wait == "" {
		t.Error("nothing says when to try again")
	}
	if code := anns.signIn("ann's"); code != 200 {
		t.Errorf("the phone that is registered from there gets %d", code)
	}
	if code := elsewhere.signIn("ann's"); code != 200 {
		t.Errorf("the real phone at another address gets %d", code)
	}
	if code := o.phone("bob", sip.UDP).signIn("bob's"); code != 200 {
		t.Errorf("another account at the same address gets %d", code)
	}
	o.late.Add(int64(accountRefill + time.Second))
	if code := thief.signIn("ann's"); code != 200 {
		t.Errorf("later it is answered %d, want 200", code)
	}
	if n := o.phones.SignIns(); n["wrong-password"] != accountBurst || n["held"] != 3 {
		t.Errorf("counted %v", n)
	}
}

// Who tries many accounts is held up at all of them; the phones at other addresses are not. What does not exist is not
// guessed at.
func TestGuessesAtManyAccountsAreHeldUp(t *testing.T) {
	o := newOffice(t)
	thief := o.phone("", sip.UDP)
	for i := range sourceBurst {
		for user, want := range map[string]int{fmt.Sprintf("desk%d", i): 403, fmt.Sprintf("nobody%d", i): 404} {
			thief.user = user
			if code := thief.signIn("guess"); code != want {
				t.Fatalf("guess %d at %s is answered %d, want %d", i, user, code, want)
			}
		}
	}
	thief.user = "bob"
	if code := thief.signIn("bob's"); code != 503 {
		t.Errorf("the next account is answered %d, want 503", code)
	}
	if code := o.phoneAt("127.0.0.2", "bob", sip.UDP).signIn("bob's"); code != 200 {
		t.Errorf("the phone at another address gets %d", code)
	}
}

// 500 phones behind one address, as after a power cut, register all at once; none is held up as a flood, and nobody takes them for a
// scanner.
func TestOfficeBehindOneAddress(t *testing.T) {
	const phones = 500
	o := newOfficeWith(t, Strangers{Rate: 200, Points: 100, First: time.Minute})
	var wg sync.WaitGroup
	results := make(chan error, phones)
	for i := range phones {
		wg.Go(func() { results <- o.registerOnce(t, fmt.Sprintf("desk%d", i)) })
	}
	wg.Wait()
	close(results)
	for err := range results {
		if err != nil {
			t.Error(err)
		}
	}
	if n := len(o.registrar.Registered()); n != phones || o.phones.Drops()["rate"] != 0 {
		t.Errorf("%d of %d phones are registered, dropped %v", n, phones, o.phones.Drops())
	}
	if all := o.phones.Barred(); len(all) != 0 {
		t.Errorf("shut out: %+v", all)
	}
}

// registerOnce registers a phone that is no more than a socket: without a password, then with it. What the kernel drops of
// so many at once is sent again, as RFC 3261, 17.1.2.2 has it.
func (o *office) registerOnce(t *testing.T, user string) error {
	c, err := net.Dial("udp", o.udp.String())
	if err != nil {
		return err
	}
	defer c.Close()
	uri := "sip:" + o.udp.String()
	ask := func(seq int, extra string) (code int, h textproto.MIMEHeader, err error) {
		request := fmt.Sprintf("REGISTER %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%[3]s%[4]d;rport\r\nMax-Forwards: 70\r\n"+
			"From: <sip:%[3]s@office>;tag=1\r\nTo: <sip:%[3]s@office>\r\nCall-ID: %[3]s\r\nCSeq: %[4]d REGISTER\r\n"+
			"Contact: <sip:%[3]s@%[2]s>\r\n%[5]sContent-Length: 0\r\n\r\n", uri, c.LocalAddr(), user, seq, extra)
		for wait := 500 * time.Millisecond; wait < 10*time.Second; wait *= 2 {
			if _, err := c.Write([]byte(request)); err != nil {
				return 0, nil, err
			}
			if err := c.SetReadDeadline(time.Now().Add(wait)); err != nil {
				return 0, nil, err
			}
			answer := make([]byte, 4096)
			n, err := c.Read(answer)
			if err != nil {
				continue
			}
			first, rest, _ := strings.Cut(string(answer[:n]), "\r\n")
			if _, err := fmt.Sscanf(first, "SIP/2.0 %d", &code); err != nil {
				return 0, nil, err
			}
			h, err = textproto.NewReader(bufio.NewReader(strings.NewReader(rest))).ReadMIMEHeader()
			if err != nil || h.Get("CSeq") == fmt.Sprintf("%d REGISTER", seq) { // else it answers a copy of the request before
				return code, h, err
			}
		}
		return 0, nil, fmt.Errorf("%s: no answer", user)
	}
	code, h, err := ask(1, "")
	if err != nil || code != 401 {
		return fmt.Errorf("%s: answered %d first, %w", user, code, err)
	}
	_, nonce, _ := strings.Cut(h.Get("WWW-Authenticate"), `nonce="`)
	nonce, _, _ = strings.Cut(nonce, `"`)
	code, _, err = ask(2, "Authorization: "+credentialsOf(user, nonce, "REGISTER", uri)+"\r\n")
	if err != nil || code != 200 {
		return fmt.Errorf("%s: answered %d, %w", user, code, err)
	}
	return nil
}
