package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/rest"
)

const (
	maxMembers = 30 // each may have more than one phone, all of which may ring at once
	maxStep    = 60 // seconds
)

func queues(s *Store) *Table[rest.Queue] {
	return &Table[rest.Queue]{
		s: s, noun: "queue", table: "queues", kind: ident.Queue, scope: "org",
		meta: func(v *rest.Queue) *rest.Meta { return &v.Meta },
		org:  func(v *rest.Queue) *string { return &v.Organization },
		columns: append([]column[rest.Queue]{
			{field: "name", name: "name", at: func(v *rest.Queue) any { return &v.Name }},
			{field: "switch", name: "switch", at: func(v *rest.Queue) any { return &v.Switch }},
			{field: "enabled", name: "enabled", at: func(v *rest.Queue) any { return &v.Enabled }},
			{field: "members", name: "members", at: func(v *rest.Queue) any { return texts{&v.Members} }},
			{field: "ring", name: "ring", at: func(v *rest.Queue) any { return (*string)(&v.Ring) }},
			{field: "step_seconds", name: "step_seconds", at: func(v *rest.Queue) any { return &v.StepSeconds }},
			{field: "hours", name: "hours", at: func(v *rest.Queue) any { return hours{&v.Hours} }},
		}, policyColumns(func(v *rest.Queue) *rest.Policy { return &v.Policy })...),
		check: func(ctx context.Context, tx *sql.Tx, v *rest.Queue) error {
			if err := checkQueueService(v); err != nil {
				return err
			}
			if err := checkHours(ctx, tx, v.Hours, v.Organization); err != nil {
				return err
			}
			if err := refers(ctx, tx, "switch", switchByID, v.Switch, v.Organization); err != nil {
				return err
			}
			for _, id := range v.Members {
				if err := checkMember(ctx, tx, v, id); err != nil {
					return err
				}
			}
			return taken(ctx, tx, "queue name "+v.Name, queueByName, v.ID, v.Organization, v.Name)
		},
		touched: func(c *Change, _, _ *rest.Queue) { c.Base = true },
		referrers: []referrer{
			{noun: "number", table: "numbers", column: "queue_id", label: "digits"},
		},
	}
}

// checkQueueService looks at a queue by itself.
func checkQueueService(v *rest.Queue) error {
	v.Ring = cmp.Or(v.Ring, designation.HuntAll)
	switch n := len(v.Members); {
	case v.Switch == "":
		return errs.New(errs.Invalid, "switch: callers wait at one; name it")
	case n > maxMembers || len(slices.Compact(slices.Sorted(slices.Values(v.Members)))) < n:
		return errs.New(errs.Invalid, "members: %d, want at most %d, each once", n, maxMembers)
	case !slices.Contains([]designation.Hunt{designation.HuntAll, designation.HuntOrder, designation.HuntIdle, designation.HuntRound}, v.Ring):
		return errs.New(errs.Invalid, "ring: %q is none of all, order, idle and round-robin", v.Ring)
	case v.StepSeconds < 1 || v.StepSeconds > maxStep:
		return errs.New(errs.Invalid, "step_seconds: %d is not between 1 and %d", v.StepSeconds, maxStep)
	case v.QueueLength < 1:
		return errs.New(errs.Invalid, "queue_length: %d, want 1 or more callers who may wait", v.QueueLength)
	case v.Priority != 0:
		return errs.New(errs.Invalid, "priority: is that of callers, and a queue calls nobody")
	}
	return cmp.Or(checkPolicy(&v.Policy), checkName(v.Name))
}

// homeOf is the name of a user, and the switch where they live: the one that an administrator set, else that of their first desk phone.
const homeOf = `SELECT u.name, COALESCE(u.home_switch, (SELECT d.switch FROM devices d
		WHERE d.user_id = u.id AND d.enabled AND d.switch IS NOT NULL ORDER BY d.id LIMIT 1), '')
	FROM users u WHERE u.id = $1 AND u.org = $2`

// checkMember refuses who lives at another switch than the queue: their phones ring there, and only it knows of their calls.
func checkMember(ctx context.Context, tx *sql.Tx, v *rest.Queue, id string) error {
	var name, home string
	err := tx.QueryRowContext(ctx, homeOf, id, v.Organization).Scan(&name, &home)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return errs.New(errs.Invalid, "members: there is no user %q in this organization", id)
	case err != nil:
		return fmt.Errorf("look for member %s: %w", id, err)
	case home != "" && home != v.Switch:
		return errs.New(errs.Invalid, "members: %s lives at another switch (%s); members have their desk phones at the switch of the queue (%s), or apps only", name, home, v.Switch)
	}
	return nil
}

// Unqueued says whether a user may be removed: errs.Conflict while a queue has them as a member.
func (s *Store) Unqueued(ctx context.Context, org, user string) error {
	all, err := s.Queues.find(ctx, s.read, org, nil, nil, 0)
	if err != nil {
		return err
	}
	for _, v := range all {
		if slices.Contains(v.Members, user) {
			return errs.New(errs.Conflict, "user %s is still a member of the queue %s (%s); take them out first", user, v.Name, v.ID)
		}
	}
	return nil
}
