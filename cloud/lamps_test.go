package cloud_test

import (
	"slices"
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/rest"
)

// A switch asks for lamps in the name of its own users, and tells of its own, nobody else's.
func TestLampsOfOwnUsers(t *testing.T) {
	i := start(t)
	site := must(i.client.Sites().Create(t.Context(), rest.Site{Name: "Berlin", Code: "20"}))(t)
	var nodes []node
	var users, ids []string
	var heard []chan fabric.Lamps
	for n, name := range []string{"x", "y"} {
		sw := must(i.client.Switches().Create(t.Context(), rest.Switch{Name: name, Site: site.ID}))(t)
		at := i.join(must(i.client.EnrolmentCode(t.Context(), sw.ID))(t))
		u := must(i.client.Users().Create(t.Context(), rest.NewUser(name)))(t)
		must(i.client.Numbers().Create(t.Context(), rest.Number{Site: site.ID, Digits: []string{"1001", "1002"}[n], User: u.ID}))(t)
		must(i.client.Devices().Create(t.Context(), rest.Device{User: u.ID, Kind: designation.DeskPhone, Name: "desk", Switch: sw.ID, Enabled: true}))(t)
		came := make(chan fabric.Lamps, 16)
		must(fabric.Subscribe(at.fabric, fabric.SubjectLamps(i.org.ID, sw.ID), func(_ fabric.Subject, m fabric.Lamps) { came <- m }))(t)
		nodes, users, ids, heard = append(nodes, at), append(users, u.ID), append(ids, sw.ID), append(heard, came)
	}
	say := func(m fabric.Lamps) {
		t.Helper()
		if err := fabric.Publish(t.Context(), nodes[0].fabric, fabric.SubjectLamp(i.org.ID, ids[0]), m); err != nil {
			t.Fatal(err)
		}
	}
	hear := func(at int) fabric.Lamps {
		t.Helper()
		select {
		case m := <-heard[at]:
			return m
		case <-time.After(20 * time.Second):
			t.Fatal("nothing comes")
			return fabric.Lamps{}
		}
	}
	say(fabric.Lamps{Boot: "bt_x", Turn: 1, Asks: []fabric.LampAsk{{Number: "201002", By: []string{users[1]}}}})
	if m := hear(0); len(m.Tells) != 1 || errs.CodeOf(m.Tells[0].Error) != errs.Forbidden || m.Turn != 1 {
		t.Errorf("in the name of another switch's user: %+v", m)
	}
	say(fabric.Lamps{Boot: "bt_x", Turn: 2, Asks: []fabric.LampAsk{{Number: "201002", By: users}}})
	if m := hear(1); len(m.Asks) != 1 || !slices.Equal(m.Asks[0].By, users[:1]) || m.From != ids[0] {
		t.Errorf("in the name of a user of its own, too: %+v", m)
	}
	say(fabric.Lamps{Boot: "bt_x", To: ids[1], Tells: []fabric.LampTell{{Number: "201002", Version: 1}, {Number: "201001", Version: 2}}})
	if m := hear(1); len(m.Tells) != 1 || m.Tells[0].Number != "201001" {
		t.Errorf("of another switch's user: %+v", m.Tells)
	}
	say(fabric.Lamps{Boot: "bt_x", Asks: make([]fabric.LampAsk, fabric.MaxLamps+1)})
	say(fabric.Lamps{Boot: "bt_x", To: ids[1], Tells: []fabric.LampTell{{Number: "201001", Version: 3}}})
	if m := hear(1); len(m.Tells) != 1 || len(heard[0]) > 0 {
		t.Errorf("too many at once: %+v", m)
	}
}
