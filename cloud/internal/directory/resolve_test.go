package directory

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

func TestResolve(t *testing.T) {
	s := NewSnapshot(twoOffices())
	for _, c := range []struct {
		name, sw, device, dialled string
		diversion                 []string
		want                      string // callee's number, home and devices; or code
		words                     string
	}{
		{"other site by code", "sw_20", "dv_alice", "301001", nil, "301001 sw_30 dv_bob1,dv_bob2", ""},
		{"with separators", "sw_20", "dv_alice", " (30) 10-0.1", nil, "301001 sw_30 dv_bob1,dv_bob2", ""},
		{"extension of the own site", "sw_20", "dv_bob3", "1001", nil, "201001 sw_20 dv_alice", ""},
		{"own site by code", "sw_20", "dv_bob3", "201001", nil, "201001 sw_20 dv_alice", ""},
		{"own number", "sw_20", "dv_alice", "1001", nil, "busy", "only phone"},
		{"own number, other phones", "sw_30", "dv_bob1", "1001", nil, "301001 sw_30 dv_bob2", ""},
		{"second switch of own site", "sw_30", "dv_bob1", "1002", nil, "301002 sw_31 dv_carol", ""},
		{"extension hides system number", "sw_20", "dv_bob3", "777", nil, "20777 sw_20 dv_alice", ""},
		{"system number elsewhere", "sw_31", "dv_carol", "777", nil, "777 sw_30 dv_bob1,dv_bob2", ""},
		{"may receive", "sw_20", "dv_alice", "1006", nil, "201006 sw_20 dv_fred", ""},
		{"extension of another site", "sw_20", "dv_alice", "1002", nil, "unknown-number", `"1002"`},
		{"nothing dialled", "sw_20", "dv_alice", "-", nil, "unknown-number", ""},
		{"letters", "sw_20", "dv_alice", "bob", nil, "unknown-number", "bob"},
		{"too long", "sw_20", "dv_alice", strings.Repeat("1", 65), nil, "unknown-number", "65 characters"},
		{"not the asking switch's device", "sw_30", "dv_alice", "1001", nil, "forbidden", "dv_alice"},
		{"unknown device", "sw_20", "dv_x", "1001", nil, "forbidden", "dv_x"},
		{"no home switch", "", "dv_erik", "1001", nil, "forbidden", ""},
		{"disabled caller", "sw_20", "dv_dora", "1001", nil, "disabled", "calling user dora"},
		{"disabled phone", "sw_30", "dv_gina", "1001", nil, "disabled", "phone Desk dv_gina"},
		{"may only receive", "sw_20", "dv_fred", "1001", nil, "forbidden", "only receive"},
		{"disabled callee", "sw_20", "dv_alice", "1004", nil, "disabled", "dora"},
		{"only a disabled phone", "sw_20", "dv_alice", "301007", nil, "disabled", "every phone of gina"},
		{"only an app", "sw_20", "dv_alice", "555", nil, "offline", "has not enrolled"},
		{"no phone at the home switch", "sw_20", "dv_alice", "888", nil, "offline", "edge sw_30"},
		{"no phone at all", "sw_20", "dv_alice", "999", nil, "offline", "no phone"},
		{"been there", "sw_20", "dv_alice", "1006", []string{"999", "201006"}, "loop", "201006"},
		{"been elsewhere", "sw_20", "dv_alice", "1006", []string{"999"}, "201006 sw_20 dv_fred", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := s.Resolve(c.sw, c.device, c.dialled, c.diversion)
			got := string(errs.CodeOf(err))
			if err == nil {
				var devices []string
				for _, b := range r.Phones {
					devices = append(devices, b.Device)
				}
				got = r.To.Number + " " + r.Home + " " + strings.Join(devices, ",")
			} else if !strings.Contains(err.Error(), c.words) {
				t.Errorf("error %q does not say %q", err, c.words)
			}
			if got != c.want {
				t.Errorf("got %s (%v), want %s", got, err, c.want)
			}
		})
	}
}

func TestRouteSaysWhoCallsWhom(t *testing.T) {
	s := NewSnapshot(twoOffices())
	r, err := s.Resolve("sw_20", "dv_bob3", "301001", nil)
	if err != nil {
		t.Fatal(err)
	}
	// Bob has no extension in Paris: he shows his first number.
	if want := (designation.Party{User: "us_bob", Device: "dv_bob3", Number: "301001", Name: "bob", Site: "st_20"}); r.From != want {
		t.Errorf("from %+v", r.From)
	}
	if want := (designation.Party{User: "us_bob", Number: "301001", Name: "bob", Site: "st_30"}); r.To != want {
		t.Errorf("to %+v", r.To)
	}
	want := designation.Branch{Device: "dv_bob2", User: "us_bob", Kind: designation.DeskPhone, Name: "bob", Number: "301001", Delay: 10 * time.Second}
	if !reflect.DeepEqual(r.Phones[1], want) {
		t.Errorf("branch %+v", r.Phones[1])
	}
	again, err := s.Confirm("sw_20", r.From, r.To)
	if err != nil || again.From != r.From || again.To != r.To || again.Home != r.Home {
		t.Errorf("confirmed %+v, %v", again, err)
	}
	to := r.To
	to.User = "us_alice"
	if _, err := s.Confirm("sw_20", r.From, to); errs.CodeOf(err) != errs.Unknown {
		t.Errorf("confirmed a number of another user: %v", err)
	}
	offline := designation.Party{Number: r.To.Number, Site: r.To.Site}
	if again, err := s.Confirm("sw_20", r.From, offline); err != nil || again.To != r.To {
		t.Errorf("a callee that the caller's switch knows by number only: %+v, %v", again.To, err)
	}
	if _, err := s.Confirm("sw_30", r.From, r.To); errs.CodeOf(err) != errs.Forbidden {
		t.Errorf("confirmed a device of another switch: %v", err)
	}
	// A caller without any number shows none.
	g := twoOffices()
	g.Numbers = g.Numbers[1:2]
	if r, err = NewSnapshot(g).Resolve("sw_20", "dv_alice", "301001", nil); err != nil || r.From.Number != "" {
		t.Errorf("from %+v, %v", r.From, err)
	}
}

func TestDisabledOrganizationCallsNobody(t *testing.T) {
	g := twoOffices()
	g.Organization.Enabled = false
	if _, err := NewSnapshot(g).Resolve("sw_20", "dv_alice", "1001", nil); errs.CodeOf(err) != errs.Disabled {
		t.Errorf("got %v", err)
	}
}

// Whatever is dialled, the answer is a route or one of the codes that a caller can hear.
func FuzzResolve(f *testing.F) {
	s := NewSnapshot(twoOffices())
	for _, d := range []string{"1001", "301001", "+49 (30) 1001", "*21#", "bob", "\x00", "é"} {
		f.Add(d)
	}
	f.Fuzz(func(t *testing.T, dialled string) {
		r, err := s.Resolve("sw_20", "dv_alice", dialled, nil)
		switch errs.CodeOf(err) {
		case "":
			if r.Home == "" || len(r.Phones) == 0 || s.numbers.get(r.To.Number) == nil {
				t.Errorf("%q leads to %+v", dialled, r)
			}
		case errs.Unknown, errs.Disabled, errs.Offline, errs.Busy:
		default:
			t.Errorf("%q: %v", dialled, err)
		}
	})
}

// Who has an app only dials as from the site of their extension, and so do calls that are sent on.
func TestAppWithoutHomeSwitch(t *testing.T) {
	g := twoOffices()
	g.Devices[6].Thumbprint, g.Devices[6].EnrolledAt = "key", new(time.Time)
	dials := func(want string) *Snapshot {
		t.Helper()
		s := NewSnapshot(g)
		r, err := s.ResolveApp("dv_erik", "key", "1001")
		if want == "" && errs.CodeOf(err) != errs.Unknown || want != "" && (err != nil || r.To.User != want) {
			t.Fatalf("%v, to %q, want %q", err, r.To.User, want)
		}
		return s
	}
	dials("")
	g.Numbers = append(g.Numbers, rest.Number{Meta: rest.Meta{ID: "nu_z"}, Site: "st_30", Digits: "1008", Dial: "301008", User: "us_erik"})
	s := dials("us_bob")
	r, err := s.ResolveApp("dv_erik", "key", "1001")
	if err != nil || r.From.Number != "301008" || r.From.Site != "st_30" {
		t.Errorf("%v, from %+v", err, r.From)
	}
	if again, err := s.Confirm("", r.From, r.To); err != nil || again.From != r.From {
		t.Errorf("%v, confirmed from %+v", err, again.From)
	}
	sent, err := s.Divert(Route{To: designation.Party{User: "us_erik", Number: "301008"}}, "1001", nil)
	if err != nil || sent.To.User != "us_bob" {
		t.Errorf("%v, sent on to %+v", err, sent.To)
	}
	g.Users[4].HomeSwitch = "sw_20"
	dials("us_alice")
}
