package cloud_test

import (
	"testing"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/rest"
	"strowger/pkg/schedule"
	"strowger/pkg/wish"
)

// A phone changes the wishes of its user, by the switch where it lives and by no other.
func TestPhoneChangesWishes(t *testing.T) {
	i := start(t)
	site := must(i.client.Sites().Create(t.Context(), rest.Site{Name: "Berlin", Code: "20"}))(t)
	var nodes []node
	var ids []string
	for _, name := range []string{"x", "y"} {
		sw := must(i.client.Switches().Create(t.Context(), rest.Switch{Name: name, Site: site.ID}))(t)
		nodes = append(nodes, i.join(must(i.client.EnrolmentCode(t.Context(), sw.ID))(t)))
		ids = append(ids, sw.ID)
	}
	user := func(name, digits string) rest.User {
		u := must(i.client.Users().Create(t.Context(), rest.NewUser(name)))(t)
		must(i.client.Numbers().Create(t.Context(), rest.Number{Site: site.ID, Digits: digits, User: u.ID}))(t)
		return u
	}
	anna, _ := user("Anna", "1001"), user("Ben", "1002")
	phone := must(i.client.Devices().Create(t.Context(), rest.Device{User: anna.ID, Kind: designation.DeskPhone, Name: "desk", Switch: ids[0], Enabled: true}))(t)
	ask := func(n node, set wish.Change) (fabric.Wished, error) {
		return fabric.Request[fabric.Wish, fabric.Wished](t.Context(), n.fabric, fabric.SubjectWish(i.org.ID, n.id.Node), fabric.Wish{Device: phone.ID, Set: set})
	}
	set := wish.Change{DND: new(true), ForwardBusy: new("1002"), Block: []string{"+49 30 123*", wish.Withheld}, SpeedDial: map[string]string{"07": "1002"}}
	for range 2 { // the answer may have been lost
		r := must(ask(nodes[0], set))(t)
		if !r.DND || r.ForwardBusy != "1002" || len(r.Blocked) != 2 || r.Blocked[0] != "+4930123*" || r.SpeedDial["07"] != "1002" {
			t.Errorf("the phone was told %+v", r.State)
		}
	}
	r := must(ask(nodes[0], wish.Change{DND: new(false), Unblock: []string{wish.Withheld}, SpeedDial: map[string]string{"07": ""}}))(t)
	if r.DND || len(r.Blocked) != 1 || len(r.SpeedDial) != 0 {
		t.Errorf("the phone was told %+v", r.State)
	}
	if u := must(i.client.Users().Get(t.Context(), anna.ID))(t); u.DND || u.ForwardBusy != "1002" || len(u.Blocked) != 1 {
		t.Errorf("the API says %+v", u)
	}
	office := must(i.client.Schedules().Create(t.Context(), rest.Schedule{
		Name: "Office", Site: site.ID, Weekly: []schedule.Opening{{Hours: "09:00-17:00"}}, Users: []string{anna.ID},
	}))(t)
	r = must(ask(nodes[0], wish.Change{Override: &wish.Override{State: schedule.Closed}}))(t)
	if len(r.Schedules) != 1 || r.Schedules[0].ID != office.ID || r.Schedules[0].Open || r.Schedules[0].Override != schedule.Closed {
		t.Errorf("the phone was told %+v", r.Schedules)
	}
	_, err := ask(nodes[0], wish.Change{Override: &wish.Override{Schedule: "Another", State: schedule.Open}})
	wantCode(t, err, errs.Forbidden)
	_, err = ask(nodes[1], wish.Change{DND: new(true)})
	wantCode(t, err, errs.Forbidden)
	_, err = ask(nodes[0], wish.Change{ForwardAlways: new("9999")})
	wantCode(t, err, errs.Unknown)
	for _, bad := range []wish.Change{
		{ForwardAlways: new("1001")}, {ForwardSeconds: new(2)}, {Block: []string{""}}, {Block: []string{"anna"}}, {SpeedDial: map[string]string{"7": "1002"}},
	} {
		_, err := ask(nodes[0], bad)
		wantCode(t, err, errs.Invalid)
	}
}
