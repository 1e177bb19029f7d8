package media

import (
	"testing"

	"strowger/pkg/rtp"
	"strowger/pkg/srtp"
)

// TestSecrets relays between a leg that is encrypted and one that is not: nothing passes before there are keys, and nothing of anybody
// without them.
func TestSecrets(t *testing.T) {
	c := newCall(t)
	c.pb.Encrypt()
	c.b.say(0, "in the clear")
	pollDrops(t, c.pb, Unauthentic, 1)
	c.a.say(0, "too early")
	pollDrops(t, c.pa, Unsent, 1)

	var ours, theirs srtp.Agreement
	answer, err := theirs.Answer(ours.Offer())
	if err != nil || ours.Answered([]string{answer}) != nil {
		t.Fatal(err)
	}
	if err := c.pb.Keys(ours.Keys()); err != nil {
		t.Fatal(err)
	}
	mine, others := theirs.Keys()
	seal, err := srtp.NewSealer(mine)
	if err != nil {
		t.Fatal(err)
	}
	open, err := srtp.NewOpener(others)
	if err != nil {
		t.Fatal(err)
	}
	says := func(words string) []byte {
		t.Helper()
		c.b.h.Sequence++
		sealed, err := seal.RTP(c.b.h.Append(nil, []byte(words)))
		if err != nil {
			t.Fatal(err)
		}
		c.b.write(media, sealed)
		return sealed
	}
	hears := func(words string) {
		t.Helper()
		plain, err := open.RTP(c.b.read(media))
		if err != nil {
			t.Fatal(err)
		}
		if _, payload, err := rtp.Parse(plain); err != nil || string(payload) != words {
			t.Errorf("heard %q, %v", payload, err)
		}
	}
	old := says("hello")
	c.a.hears(0, "hello")
	c.b.write(media, old)
	pollDrops(t, c.pb, Unauthentic, 2)
	c.a.say(0, "who is there")
	hears("who is there")
	if err := c.pb.Keys(ours.Keys()); err != nil { // once more, as after a hold
		t.Fatal(err)
	}
	c.b.write(media, old)
	pollDrops(t, c.pb, Unauthentic, 3)
	says("me")
	c.a.hears(0, "me")
	report, err := seal.RTCP([]byte{0x80, 201, 0, 1, 0, 0, 0x20, 0})
	if err != nil {
		t.Fatal(err)
	}
	c.b.write(control, report)
	if got := c.a.read(control); len(got) != 8 {
		t.Errorf("a report of %d bytes", len(got))
	}
	c.pb.Plain()
	c.a.say(0, "in the clear")
	c.b.hears(0, "in the clear")
}
