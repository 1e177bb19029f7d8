package integration

import (
	"fmt"
	"testing"

	"strowger/integration/phone"
	"strowger/integration/stack"
	"strowger/pkg/sip"
)

// TestBehindNAT has a phone call and be called that says everywhere to be at an address of its own network: its SIP and its audio go to where they come
// from, and it is asked something now and then, while no other phone is.
func TestBehindNAT(t *testing.T) {
	t.Parallel()
	const office = 2
	w := alone(t, stack.Site{Name: "Office 40", Code: "40"})
	change(t, w.Client.Sites(), w.Offices[office].Site.ID, map[string]any{"keep_alive_seconds": 10})
	bob, far := w.person(t, office, "Bob", says(2))
	ann := w.subscriber(t, office, "Ann")
	near := w.phone(t, ann, func(c *phone.Config) {
		says(1)(c)
		c.Inside = "192.168.77.7"
	})
	cable := w.phone(t, w.subscriber(t, office, "Cable"), w.over(t, office, sip.TCP, 3))
	out, in := connect(t, near, bob.number.Digits, far)
	hears(t, in, 1)
	hears(t, out, 2)
	hangUp(t, in, out) // the BYE finds the phone
	out, in = connect(t, far, ann.number.Digits, near)
	hears(t, in, 2)
	hears(t, out, 1)
	hangUp(t, out, in)
	until(t, func() string {
		if n := near.Probed(); n < 1 {
			return fmt.Sprintf("the phone behind a NAT was asked %d times", n)
		}
		return ""
	})
	if far.Probed()+cable.Probed() > 0 {
		t.Errorf("phones without a NAT were asked %d and %d times", far.Probed(), cable.Probed())
	}
}
