package sitecopy

import (
	"strings"
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/sitecopy"
)

// Calls to a queue while the cloud is away ring the desk phones of its members, from phones and from another site.
func TestQueueWithoutTheCloud(t *testing.T) {
	w := newWorld(t)
	c := w.copies[w.paris]
	q := sitecopy.Queue{
		ID: "qu_a", Name: "Sales", Enabled: true, Switch: w.x.Node, Members: []string{"us_dan", "us_ada", "us_gone"}, Ring: designation.HuntIdle, Step: 5 * time.Second,
		Policy: &sitecopy.Policy{Queue: &designation.Queue{Length: 3, Wait: time.Minute}, Ring: 20 * time.Second},
	}
	c.Queues = []sitecopy.Queue{q, {ID: "qu_b"}}
	c.Numbers = append(c.Numbers, sitecopy.Number{ID: "nu_q", Digits: "+4930200", User: "qu_a"}, sitecopy.Number{ID: "nu_r", Digits: "+4930201", User: "qu_b"})
	s := w.fetched(w.x).Snapshot()
	members := func(r Route) string {
		var devices []string
		for _, b := range r.Branches {
			devices = append(devices, b.Device)
		}
		return strings.Join(devices, " ") + " of " + strings.Join(r.Queue.Members, " ")
	}
	r, err := s.Resolve("dv_dan", "+4930200", w.now)
	if err != nil || r.To.User != "qu_a" || r.To.Name != "Sales" || r.Ring != 20*time.Second || members(r) != "dv_ada of us_ada" {
		t.Errorf("a member calls: %v, %+v", err, r)
	}
	if r.Queue.Line != "qu_a" || r.Queue.Length != 3 || r.Queue.Ring != designation.HuntIdle || r.Queue.Step != 5*time.Second {
		t.Errorf("queue %+v", r.Queue)
	}
	if !s.Queues("us_ada") || s.Queues("us_bob") {
		t.Error("the switch minds the calls of others than the members")
	}
	if _, err := s.Resolve("dv_dan", "+4930201", w.now); errs.CodeOf(err) != errs.CloudAway {
		t.Errorf("a queue where nobody may wait: %v", err)
	}
	c.Users[0].Policy = &sitecopy.Policy{DND: true}
	s = w.fetched(w.x).Snapshot()
	if _, err := s.Resolve("dv_dan", "+4930200", w.now); errs.CodeOf(err) != errs.Offline {
		t.Errorf("nobody wants calls: %v", err)
	}
}
