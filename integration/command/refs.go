package command

import "strowger/pkg/rest"

// lookup turns what a person calls an object into its id.
type lookup func(e *env, ref string) (id string, err error)

func idOf[T any](n noun[T]) lookup {
	return func(e *env, ref string) (string, error) {
		v, err := n.find(e, ref)
		return n.meta(v).ID, err
	}
}

// filterBy adds a filter by the object that ref means, unless ref is empty.
func (e *env) filterBy(f rest.Filter, field, ref string, find lookup) error {
	if ref == "" {
		return nil
	}
	id, err := find(e, ref)
	if err == nil {
		f[field] = id
	}
	return err
}

// putRef adds a field that refers to the object that ref means, unless it was not given; empty removes the reference.
func (e *env) putRef(c change, field string, ref *string, find lookup) error {
	switch {
	case ref == nil:
		return nil
	case *ref == "":
		c[field] = nil
		return nil
	}
	id, err := find(e, *ref)
	if err == nil {
		c[field] = id
	}
	return err
}
