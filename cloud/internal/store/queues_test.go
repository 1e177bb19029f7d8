package store

import (
	"context"
	"reflect"
	"testing"

	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

func TestQueues(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		o := newOffice(ctx, t, s)
		roamer := rest.User{Name: "Roamer", Enabled: true} // has no desk phone
		must(t, s.Users.Create(ctx, o.org.ID, &roamer))
		good := func() rest.Queue {
			v := rest.NewQueue("Sales")
			v.Switch, v.Members, v.QueueLanguage = o.switches[0].ID, []string{roamer.ID, o.users[0].ID}, "zh"
			return v
		}
		v := good()
		must(t, s.Queues.Create(ctx, o.org.ID, &v))
		got, err := s.Queues.Get(ctx, o.org.ID, v.ID)
		must(t, err)
		if !reflect.DeepEqual(got, v) || len(v.Members) != 2 {
			t.Errorf("created %+v, read %+v", v, got)
		}
		for field, spoil := range map[string]func(*rest.Queue){
			"name":                    func(v *rest.Queue) { v.Name = "" },
			"switch":                  func(v *rest.Queue) { v.Switch = "sw_x" },
			"lives at another switch": func(v *rest.Queue) { v.Members = append(v.Members, o.users[1].ID) },
			"no user":                 func(v *rest.Queue) { v.Members = []string{"us_x"} },
			"each once":               func(v *rest.Queue) { v.Members = []string{roamer.ID, roamer.ID} },
			"ring":                    func(v *rest.Queue) { v.Ring = "random" },
			"step_seconds":            func(v *rest.Queue) { v.StepSeconds = 0 },
			"queue_length":            func(v *rest.Queue) { v.QueueLength = 0 },
			"priority":                func(v *rest.Queue) { v.Priority = 1 },
			"queue_language":          func(v *rest.Queue) { v.QueueLanguage = "xx" },
		} {
			v := good()
			v.Name = "Another"
			spoil(&v)
			refused(t, s.Queues.Create(ctx, o.org.ID, &v), errs.Invalid, field)
		}
		v = good()
		refused(t, s.Queues.Create(ctx, o.org.ID, &v), errs.Conflict, "Sales")

		n := rest.Number{Digits: "+4930200", Queue: got.ID}
		must(t, s.Numbers.Create(ctx, o.org.ID, &n))
		refused(t, s.Numbers.Create(ctx, o.org.ID, &rest.Number{Digits: "+4930200", User: roamer.ID}), errs.Conflict, "queue Sales")
		refused(t, s.Numbers.Create(ctx, o.org.ID, &rest.Number{Digits: "5", User: roamer.ID, Queue: got.ID}), errs.Invalid, "one of them")
		refused(t, s.Numbers.Create(ctx, o.org.ID, &rest.Number{Digits: "5"}), errs.Invalid, "one of them")
		refused(t, s.Numbers.Create(ctx, o.org.ID, &rest.Number{Digits: "5", Queue: got.ID, QueueLength: 1}), errs.Invalid, "queue_length")
		refused(t, s.Numbers.Create(ctx, o.org.ID, &rest.Number{Digits: "5", Queue: "qu_x"}), errs.Invalid, "queue")
		refused(t, s.Queues.Delete(ctx, o.org.ID, got.ID), errs.Conflict, "+4930200")
		refused(t, s.Unqueued(ctx, o.org.ID, roamer.ID), errs.Conflict, "Sales")
		must(t, s.Unqueued(ctx, o.org.ID, o.users[1].ID))
		g, err := s.Office(ctx, o.org.ID, o.sites[0].ID)
		must(t, err)
		if len(g.Queues) != 1 || len(g.Numbers) != 2 || g.Numbers[1].Queue != got.ID {
			t.Errorf("the office has the queues %+v and the numbers %+v", g.Queues, g.Numbers)
		}
		must(t, s.Numbers.Delete(ctx, o.org.ID, n.ID))
		must(t, s.Queues.Delete(ctx, o.org.ID, got.ID))
	})
}
