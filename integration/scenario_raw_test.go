package integration

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"testing"

	"strowger/integration/phone"
	"strowger/pkg/sip"
)

// raw is a SIP endpoint below a phone: for calls that no phone would make.
type raw struct{ *sip.Endpoint }

// newRaw makes an endpoint; listen may bind its sockets before it runs, until the test ends.
func newRaw(t *testing.T, listen func(*sip.Endpoint) error) raw {
	t.Helper()
	r := raw{sip.NewEndpoint(sip.Config{Name: "test", AdvertiseHost: "127.0.0.1", Handler: nobody{}, Logger: slog.New(slog.DiscardHandler)})}
	if listen != nil {
		if err := listen(r.Endpoint); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := r.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	<-r.Running()
	return r
}

// nobody takes no requests.
type nobody struct{}

func (nobody) Invite(d *sip.Dialog) { d.Refuse(480, "Nobody", sip.Cause{}) }

func (nobody) Register(_ *sip.Request, _ sip.Peer, respond sip.Respond) { respond(405, "Nobody") }

// attempt is one INVITE.
type attempt struct {
	dialog *sip.Dialog
	inputs chan sip.Input
}

// invite sends an INVITE.
func (r raw) invite(p sip.InviteParams, offer []byte) attempt {
	a := attempt{inputs: make(chan sip.Input, 64)}
	p.Owner = func(_ *sip.Dialog, in sip.Input) bool {
		select {
		case a.inputs <- in:
			return true
		default:
			return false
		}
	}
	a.dialog = r.NewDialog(p)
	a.dialog.Invite(offer)
	return a
}

// until waits for an event of the kind that the caller names.
func awaited[E sip.Event](t *testing.T, a attempt) (wanted E) {
	t.Helper()
	ctx := soon(t)
	for {
		select {
		case in := <-a.inputs:
			for _, ev := range a.dialog.Handle(in) {
				if e, ok := ev.(E); ok {
					return e
				}
				if _, ok := ev.(sip.Closed); ok {
					t.Fatalf("the dialog closed without %T", wanted)
				}
				t.Logf("%T %+v", ev, ev)
			}
		case <-ctx.Done():
			t.Fatalf("no %T", wanted)
		}
	}
}

// TestMaxForwards sends calls that have no hop left (RFC 3261, 16.3; RFC 7332).
func TestMaxForwards(t *testing.T) {
	t.Parallel()
	w := together(t)
	ann, _ := w.person(t, 0, "Ann", nil)
	bob, _ := w.person(t, 1, "Bob", func(c *phone.Config) { c.Policy = phone.Answer })
	r := newRaw(t, func(e *sip.Endpoint) error {
		_, err := e.ListenUDP("127.0.0.1:0")
		return err
	})
	offer := []byte("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n")
	dial := func(hops int) attempt {
		return r.invite(sip.InviteParams{
			To:   sip.URI{Scheme: "sip", User: bob.number.Dial, Host: "127.0.0.1"},
			Peer: sip.Peer{Transport: sip.UDP, Addr: netip.AddrPort(w.Offices[0].SIP)}, Hops: hops,
			Credentials: &sip.Credentials{User: ann.device.Username, Password: ann.device.Password},
		}, offer)
	}
	for hops := 1; hops <= 2; hops++ { // the first switch takes one, the second another
		if e := awaited[sip.Refused](t, dial(hops)); e.Code != 483 || e.Refusal != "hops-used" || e.Cause.Q850 != 25 {
			t.Errorf("with %d hops: %+v, want 483", hops, e)
		}
	}
	a := dial(3)
	awaited[sip.Answered](t, a)
	a.dialog.Bye(sip.Cause{})
	awaited[sip.Closed](t, a)
}
