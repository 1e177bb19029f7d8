package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// editor turns bodies into objects of one kind. Create and update are one thing: a body merged (RFC 7396) onto an object,
// which is the defaults or what is stored.
type editor[T any] struct {
	registry huma.Registry
	input    *huma.Schema // what a request may set
	readOnly []string
	required []string       // members without a default that a create must give
	defaults map[string]any // members of the object that a create starts from
}

// newEditor derives from the object's schema what a request may set and adds the schemas of both bodies to the registry
// as <name>Input and <name>Patch.
func newEditor[T any](registry huma.Registry, name string, defaults T) (*editor[T], error) {
	full := registry.SchemaFromRef(registry.Schema(reflect.TypeFor[T](), true, name).Ref)
	e := &editor[T]{registry: registry, input: &huma.Schema{
		Type: huma.TypeObject, Properties: map[string]*huma.Schema{}, AdditionalProperties: false, Description: full.Description,
	}}
	var err error
	if e.defaults, err = members(defaults); err != nil {
		return nil, err
	}
	for _, k := range slices.Sorted(maps.Keys(full.Properties)) {
		p := full.Properties[k]
		if p.ReadOnly {
			e.readOnly = append(e.readOnly, k)
			continue
		}
		e.input.Properties[k] = p
		// A number or a boolean always has a default, if only its zero; an empty text, or none, is no default.
		if d := e.defaults[k]; slices.Contains(full.Required, k) && (d == nil || d == "") {
			e.required = append(e.required, k)
		}
	}
	patch := *e.input
	e.input.Required = e.required
	e.input.PrecomputeMessages()
	registry.Map()[name+"Input"], registry.Map()[name+"Patch"] = e.input, &patch
	return e, nil
}

// members is an object as JSON members.
func members(v any) (map[string]any, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("decode %T: %w", v, err)
	}
	return m, nil
}

// create makes an object of a body and the defaults.
func (e *editor[T]) create(body []byte) (T, error) {
	change, err := decodeObject(body)
	if err != nil {
		var none T
		return none, err
	}
	var missing []rest.FieldWord
	for _, k := range e.required {
		if change[k] == nil {
			missing = append(missing, rest.FieldWord{Field: k, Words: "is required"})
		}
	}
	if missing != nil {
		var none T
		return none, invalid(missing...)
	}
	return e.merge(maps.Clone(e.defaults), change)
}

// update makes an object of a body and the stored one.
func (e *editor[T]) update(stored T, body []byte) (T, error) {
	change, err := decodeObject(body)
	if err != nil {
		return stored, err
	}
	base, err := members(stored)
	if err != nil {
		return stored, err
	}
	return e.merge(base, change)
}

// decodeObject reads a body, which must be one JSON object and nothing else.
func decodeObject(body []byte) (map[string]any, error) {
	var m map[string]any
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, newProblem(http.StatusBadRequest, errs.Invalid, "the body is not a JSON object: "+err.Error())
	}
	if m == nil {
		return nil, newProblem(http.StatusBadRequest, errs.Invalid, "the body is null, want a JSON object")
	}
	return m, nil
}

// merge puts the members of a change onto those of an object and checks the result.
func (e *editor[T]) merge(object, change map[string]any) (v T, err error) {
	if wrong := e.refuse(object, change); wrong != nil {
		return v, invalid(wrong...)
	}
	for k, c := range change {
		switch {
		case slices.Contains(e.readOnly, k): // the same as it was
		case c == nil || c == "" && !slices.Contains(e.required, k):
			// RFC 7396, 2: null removes a member; so does empty text where it may be left out.
			delete(object, k)
			if d, ok := e.defaults[k]; ok {
				object[k] = d
			}
		default:
			object[k] = c
		}
	}
	if wrong := e.validate(object); wrong != nil {
		return v, invalid(wrong...)
	}
	b, err := json.Marshal(object)
	if err != nil {
		return v, fmt.Errorf("encode merged object: %w", err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return v, newProblem(http.StatusBadRequest, errs.Invalid, err.Error())
	}
	return v, nil
}

// refuse names the members that do not exist, and the read-only ones that the change would alter; to send them back as
// they were read is fine.
func (e *editor[T]) refuse(object, change map[string]any) (wrong []rest.FieldWord) {
	for _, k := range slices.Sorted(maps.Keys(change)) {
		switch _, writable := e.input.Properties[k]; {
		case writable:
		case !slices.Contains(e.readOnly, k):
			wrong = append(wrong, rest.FieldWord{Field: k, Words: "there is no such field; there are " +
				strings.Join(slices.Sorted(maps.Keys(e.input.Properties)), ", ")})
		case !reflect.DeepEqual(object[k], change[k]):
			wrong = append(wrong, rest.FieldWord{Field: k, Words: "is read-only"})
		}
	}
	return wrong
}

// validate checks the members that a request may set against their schema.
func (e *editor[T]) validate(object map[string]any) []rest.FieldWord {
	settable := maps.Clone(object)
	for _, k := range e.readOnly {
		delete(settable, k)
	}
	var res huma.ValidateResult
	huma.Validate(e.registry, e.input, huma.NewPathBuffer(nil, 0), huma.ModeWriteToServer, settable, &res)
	var details []*huma.ErrorDetail
	for _, err := range res.Errors {
		var d *huma.ErrorDetail
		if !errors.As(err, &d) {
			d = &huma.ErrorDetail{Message: err.Error()}
		}
		details = append(details, d)
	}
	if details == nil {
		return nil
	}
	return fieldWords(details)
}
