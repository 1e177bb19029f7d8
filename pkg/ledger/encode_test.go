package ledger

import (
	"encoding/json"
	"math"
	"math/rand"
	"reflect"
	"testing"
	"testing/quick"
)

// An event that every reader understands, and those of Go alike: AppendJSON writes what json.Marshal writes.
func TestAppendJSON(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	for n := range 2_000 {
		v, ok := quick.Value(reflect.TypeFor[Event](), r)
		if !ok {
			t.Fatal("no value for an event")
		}
		e := v.Interface().(Event)
		if r.Intn(2) == 0 {
			e.Text, e.Call, e.Leg, e.Codec = `INVITE sip:1@<a>&"b\`, "plain", "", "opus/48000/2"
		}
		want, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.AppendJSON(nil)
		if err != nil || string(got) != string(want) {
			t.Fatalf("event %d: %v\n got %s\nwant %s", n, err, got, want)
		}
	}
}

// A field that is added to an event without AppendJSON would be lost.
func TestAppendJSONKnowsEveryField(t *testing.T) {
	fill := func(v reflect.Value) {
		switch v.Kind() {
		case reflect.String:
			v.SetString("x")
		case reflect.Bool:
			v.SetBool(true)
		case reflect.Int, reflect.Int64:
			v.SetInt(1)
		case reflect.Uint64:
			v.SetUint(1)
		case reflect.Float64:
			v.SetFloat(1.5)
		case reflect.Pointer:
			v.Set(reflect.New(v.Type().Elem()))
		default:
			t.Fatalf("a field of kind %s", v.Kind())
		}
	}
	var e Event
	v := reflect.ValueOf(&e).Elem()
	for i := range v.NumField() {
		fill(v.Field(i))
		if p := v.Field(i); p.Kind() == reflect.Pointer {
			for j := range p.Elem().NumField() {
				fill(p.Elem().Field(j))
			}
		}
	}
	want, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := e.AppendJSON(nil); err != nil || string(got) != string(want) {
		t.Fatalf("%v\n got %s\nwant %s", err, got, want)
	}
}

func TestAppendJSONRefusesWhatIsNoNumber(t *testing.T) {
	e := Event{Quality: &QualityFigures{RoundTrip: math.NaN()}}
	if b, err := e.AppendJSON(nil); err == nil {
		t.Errorf("wrote %s", b)
	}
}
