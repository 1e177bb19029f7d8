package command

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"strowger/pkg/config"
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/ledger"
	"strowger/pkg/rest"
)

// TestOffice sets an office up as a person would.
func TestOffice(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.golden("office", s.transcript(
		"site list",
		"org add Acme",
		"site add Berlin --code 20",
		"site add Rome --code 30",
		"site list",
		"switch add berlin --site 20",
		"switch add rome --site Rome",
		"switch list --site 20",
		"user add Anna --number 1001 --site 20 --phone",
		"user add Bruno --number 1001 --site Rome --phone",
		"user add Lobby --no-internal",
		"user list",
		"user show 201001",
		"number add 900 --user Anna",
		"number list",
		"number list --user Lobby",
		"number show 301001",
		"device add --user 201001 --name hall",
		"device add --user Anna --name app --kind mobile",
		"device code app",
		"device list",
		"device show 201001-2",
		"device show app",
		"bridge add push",
		"bridge list",
		"bridge show push",
		"key add wallboard",
		"key list --role reader",
	))
}

// TestChanges edits and removes what an office has.
func TestChanges(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.ok("org", "add", "Acme")
	s.ok("site", "add", "Berlin", "--code", "20")
	s.ok("switch", "add", "berlin", "--site", "20")
	s.ok("user", "add", "Anna", "--number", "1001", "--site", "20", "--phone")
	s.golden("changes", s.transcript(
		"org set Acme --ring-seconds 30",
		"site set 20 --name 'Berlin Mitte'",
		"site set 20 --time-zone Berlin",
		"site set 20 --country US",
		"site set 20 --time-zone America/New_York",
		"switch set berlin --pool",
		"user set Anna --calling none --disable",
		"user set Anna --home-switch berlin --enable",
		"user set Anna --home-switch ''",
		"number set 1001 --digits 1002",
		"device set 201001 --delay 5",
		"device password 201001",
		"key set 'first admin' --name root",
		"user set Anna",
		"site remove 20",
		"user remove Anna",
		"user remove --all Anna",
		"switch renew berlin",
		"switch revoke berlin --reason stolen",
		"bridge add push",
		"bridge code push",
		"bridge revoke push --reason stolen",
		"bridge code push",
		"bridge remove push",
		"switch code berlin",
		"switch remove berlin",
		"site remove 20",
	))
}

// TestTrunks gives an office a line.
func TestTrunks(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.ok("org", "add", "Acme")
	s.ok("site", "add", "Berlin", "--code", "20")
	s.ok("switch", "add", "berlin", "--site", "20")
	s.golden("trunks", s.transcript(
		"trunk list",
		"trunk add Company --switch berlin",
		"trunk add Company --switch berlin --server sip:example.com",
		"trunk add Company --switch berlin --server sip.example.com --server 192.0.2.1:5080 --number +4930100",
		"trunk list",
		"trunk show Company",
		"trunk set Company --order 100",
		"trunk set Company --order 1 --number ''",
		"trunk set Company --probe 3s",
		"trunk set Company --transport sctp",
		"trunk set Company --transport tls --tls-ca /nowhere.pem",
		"trunk set Company --register",
		"trunk set Company --register --username line1 --password secret --domain example.com",
		"site set 20 --country de",
		"site set 20 --country DE --outside 0",
		"switch remove berlin",
		"trunk rates show Company 030123456",
		"trunk rates import Company testdata/bad-rates.csv",
		"trunk rates import Company testdata/rates.csv",
		"trunk rates show Company 030123456",
		"trunk rates show Company +33123456789",
		"trunk rates show Company +12125550123",
		"trunk rates show Company 0030123456",
		"trunk rates export Company",
		"trunk add Backup --switch berlin --server 192.0.2.2 --order 1",
		"user add Anna --number 1001 --site 20 --phone",
		"route add --prefix 044 --trunk Company",
		"route add --prefix +49 --trunk Backup,Company --days weekend",
		"route add --prefix 49 --trunk Backup,Company",
		"route add --prefix +49 --trunk Company",
		"route list",
		"route show 0030123456 --from Anna",
		"user set Anna --calling international",
		"route show 0030123456 --from Anna",
		"route show 000442079460123 --from Anna",
		"route show 112 --from Anna",
		"route show 1001 --from Anna",
		"trunk remove Backup",
		"route remove +49",
		"trunk remove Backup",
		"trunk rates remove Company",
		"trunk rates export Company",
		"trunk remove Company",
	))
}

// TestQueues has queues with members, and numbers that lead to them.
func TestQueues(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.ok("org", "add", "Acme")
	s.ok("site", "add", "Berlin", "--code", "20")
	s.ok("site", "add", "Rome", "--code", "30")
	s.ok("switch", "add", "berlin", "--site", "20")
	s.ok("switch", "add", "rome", "--site", "30")
	s.ok("user", "add", "Anna", "--number", "1001", "--site", "20", "--phone")
	s.ok("user", "add", "Bert", "--number", "1002", "--site", "20", "--phone")
	s.ok("user", "add", "Cara", "--number", "1001", "--site", "30", "--phone")
	s.golden("queues", s.transcript(
		"queue add Sales --switch berlin --members Anna,Bert --length 5 --late 1001",
		"number add +4930200 --service Sales",
		"number set 1002 --service Sales",
		"number set 201002 --user Bert",
		"number list --service Sales",
		"queue set Sales --members Bert,Anna --ring order --step 10s --closed --words 'back at 9' --after-hours Cara",
		"queue show Sales",
		"queue show",
		"queue set Sales --members Anna,Cara",
		"queue set Sales --late +4930200",
		"queue set Sales --ring random",
		"queue add Sales --switch berlin --members Anna",
		"queue show Support",
		"queue list --queue Sales",
		"number add 5 --service Sales --user Anna",
		"number set +4930200 --queue 5",
		"user remove Bert",
		"queue delete Sales",
		"number remove +4930200",
		"queue delete Sales",
	))
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.ok("org", "add", "Acme")
	s.ok("site", "add", "Berlin", "--code", "20")
	s.ok("site", "add", "Rome", "--code", "30")
	s.ok("user", "add", "Anna", "--number", "1001", "--site", "20")
	s.ok("user", "add", "Anna", "--number", "1001", "--site", "30")
	s.golden("mistakes", s.transcript(
		"site add Paris --code 20",
		"site show 40",
		"user show Anna",
		"user show 1001",
		"device add --user 201001",
		"user add Bert --number 1001 --site 20 --phone",
		"user add Bert --site 20",
		"switch list --state asleep",
		"call show ca_nothing",
		"call list --since yesterday",
		"key remove 'first admin'",
		"user show",
		"usr list",
		"--json site show 40",
	))
	// What failed half-way left nothing behind.
	if out := s.ok("user", "list"); strings.Contains(out, "Bert") {
		t.Errorf("half a user is left:\n%s", out)
	}
}

// TestCallsAndDoctor looks at a switch that reports a call.
func TestCallsAndDoctor(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.ok("org", "add", "Acme")
	s.ok("site", "add", "Berlin", "--code", "20")
	var sw added
	s.decode(&sw, "switch", "add", "berlin", "--site", "20")
	if out, _, code := s.run("doctor"); code != config.Failed || !strings.Contains(out, "was never enrolled") {
		t.Errorf("before enrolment the doctor said %d\n%s", code, out)
	}
	e := s.enrol(sw.Enrolment.Code)
	if out, _, code := s.run("doctor"); code != config.Failed || !strings.Contains(out, "never heard of") {
		t.Errorf("before the first lease the doctor said %d\n%s", code, out)
	}
	e.lease(t)
	var anna, bruno newUser
	s.decode(&anna, "user", "add", "Anna", "--number", "1001", "--site", "20", "--phone")
	s.decode(&bruno, "user", "add", "Bruno", "--number", "1002", "--site", "20", "--phone")
	if at := anna.Device.Server; len(at) == 0 || at[0] != "192.0.2.10:5060" {
		t.Errorf("the phone is told the server %q", at)
	}
	e.lease(t, anna.Device.ID)

	call, leg := ident.New(ident.Call), ident.New(ident.Leg)
	from := designation.Party{User: anna.User.ID, Device: anna.Device.ID, Number: "201001", Name: "Anna"}
	to := designation.Party{User: bruno.User.ID, Number: "201002", Name: "Bruno"}
	e.report(t, time.Now().Add(-time.Minute),
		ledger.Event{At: 0, Call: call, Kind: ledger.Attempt, From: &from, To: &designation.Party{Number: "1002"}},
		ledger.Event{At: 5, Call: call, Kind: ledger.Admitted, From: &from, To: &to, Anchor: e.Node},
		ledger.Event{At: 6, Call: call, Kind: ledger.Trying, Leg: leg, Device: bruno.Device.ID},
		ledger.Event{At: 80, Call: call, Kind: ledger.Ringing, Leg: leg},
		ledger.Event{At: 2000, Call: call, Kind: ledger.Answered, Leg: leg, Codec: "opus/48000/2"},
		ledger.Event{At: 12000, Call: call, Kind: ledger.Ended, By: "caller", Cause: &ledger.Cause{Code: "normal", SIP: 200, Q850: 16, Words: "Normal call clearing"}},
	)
	s.golden("calls", s.transcript("call list", "call list --number 201002 --since 1h --state ended", "call list --until 24h", "doctor", "device list")+
		strings.ReplaceAll(s.transcript("call show "+call), call, "ca_ID"))
	s.ok("switch", "revoke", "berlin")
	out, _, code := s.run("doctor")
	for _, want := range []string{"switch berlin: is revoked, and 2 phones belong to it", "site Berlin: has no switch"} {
		if code != config.Failed || !strings.Contains(out, want) {
			t.Errorf("after the revocation the doctor said %d\n%s", code, out)
		}
	}
}

// TestAnotherCloud has the doctor find a cloud that did not make the API key.
func TestAnotherCloud(t *testing.T) {
	t.Parallel()
	s, other := start(t), start(t)
	out, _, code := s.run("doctor", "--cloud", other.cloud.API, "--key", s.cloud.APIKey)
	if code != config.Failed || !strings.Contains(out, "this is not the cloud that gave out") || !strings.Contains(out, "log in at the cloud that answers there") {
		t.Errorf("the doctor said %d\n%s", code, out)
	}
}

// TestClocks is what the doctor finds of a clock that is off, in either direction.
func TestClocks(t *testing.T) {
	for apart, words := range map[time.Duration]string{
		2 * time.Second: "agree", -2 * time.Second: "agree", 3 * time.Minute: "3m0s apart", -3 * time.Minute: "3m0s apart",
	} {
		if f := clockFinding(apart); !strings.Contains(f.Found, words) || f.OK != (words == "agree") || !f.OK && !strings.Contains(f.Advice, "NTP") {
			t.Errorf("%v: %+v", apart, f)
		}
	}
}

// TestSilentSwitch is what the doctor finds of a switch that the cloud still counts as live.
func TestSilentSwitch(t *testing.T) {
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	for ago, ok := range map[time.Duration]bool{0: true, 20 * time.Second: true, 40 * time.Second: false} {
		seen := now.Add(-ago)
		f := switchFinding(rest.Switch{State: "enrolled", Live: true, SeenAt: &seen}, count{}, now)
		if f.OK != ok || !ok && !strings.Contains(f.Found, "last heard of 40s ago") {
			t.Errorf("%s silent: %+v", ago, f)
		}
	}
}

// decode runs a command line with --json and reads what it prints.
func (s *system) decode(v any, args ...string) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(s.ok(append([]string{"--json"}, args...)...)), v); err != nil {
		s.t.Fatal(err)
	}
}

// TestControlCharacters shows a call whose end a phone gave control sequences as the reason.
func TestControlCharacters(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.ok("org", "add", "Acme")
	s.ok("site", "add", "Berlin", "--code", "20")
	var sw added
	s.decode(&sw, "switch", "add", "berlin", "--site", "20")
	e := s.enrol(sw.Enrolment.Code)
	if err := e.fabric.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	call := ident.New(ident.Call)
	e.report(t, time.Now(), ledger.Event{Call: call, Kind: ledger.Refused,
		Cause: &ledger.Cause{Code: "busy", SIP: 486, Q850: 17, Words: "Busy\x1b]0;title\x07 \u009b2J"}})
	for _, args := range [][]string{{"call", "list"}, {"call", "show", call}, {"--json", "call", "show", call}} {
		out := s.ok(args...)
		if !strings.Contains(out, "Busy") || strings.ContainsAny(out, "\x1b\x07\u009b") {
			t.Errorf("%q shows %q", args, out)
		}
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	s := start(t)
	var org rest.Organization
	s.decode(&org, "org", "add", "Acme")
	var sites []rest.Site
	if s.decode(&sites, "site", "list"); sites == nil || len(sites) != 0 {
		t.Errorf("no sites: %v", sites)
	}
	var site rest.Site
	s.decode(&site, "site", "add", "Berlin", "--code", "20")
	if s.decode(&sites, "site", "list"); len(sites) != 1 || !reflect.DeepEqual(sites[0], site) || site.Organization != org.ID {
		t.Errorf("sites %+v, added %+v", sites, site)
	}
	_, stderr, code := s.run("--json", "site", "show", "99")
	var e errs.Error
	if err := json.Unmarshal([]byte(stderr), &e); err != nil || e.Code != errs.NotFound || code != config.Failed {
		t.Errorf("an error for programs: %q, %d", stderr, code)
	}
}

func TestOrganizations(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.ok("org", "add", "Acme")
	s.ok("org", "add", "Bolt")
	if said := s.refused("site", "add", "Berlin", "--code", "20"); !strings.Contains(said, "several organizations") {
		t.Errorf("said %q", said)
	}
	s.ok("-o", "Acme", "site", "add", "Berlin", "--code", "20")
	if out := s.ok("-o", "Bolt", "site", "list"); out != "there is no site\n" {
		t.Errorf("Bolt has %q", out)
	}
	var key rest.APIKey
	s.decode(&key, "-o", "Bolt", "key", "add", "bolt", "--role", "admin")
	bolt := []string{"--cloud", s.cloud.API, "--key", key.Secret}
	if out := s.ok(append(bolt, "org", "list")...); strings.Contains(out, "Acme") {
		t.Errorf("Bolt's key sees\n%s", out)
	}
}

func TestAccount(t *testing.T) {
	s := start(t)
	path := filepath.Join(s.data, accountFile)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the account: %v %v", info.Mode(), err)
	}
	if said := s.refused("--cloud", "https://other.example", "site", "list"); !strings.Contains(said, "STROWGER_API_KEY") {
		t.Errorf("the key went to another cloud: %q", said)
	}
	if said := s.refused("--cloud", "127.0.0.1", "site", "list"); !strings.Contains(said, "want https://") {
		t.Errorf("an address without https: %q", said)
	}
	if said := s.refused("--cloud", "https://127.0.0.1:1", "--key", s.cloud.APIKey, "user", "list"); !strings.Contains(said, "cannot reach") || !strings.Contains(said, whenAway) {
		t.Errorf("a cloud that is away: %q", said)
	}
	if said := s.refused("org", "add", " "); !strings.Contains(said, "name: has only spaces") {
		t.Errorf("a name of spaces: %q", said)
	}
	if said := s.refused("phone", "enrol", "https://127.0.0.1:9443/#code"); !strings.Contains(said, "is for a browser") {
		t.Errorf("a browser's link: %q", said)
	}
	for _, tt := range []struct{ url, key, want string }{
		{"http://127.0.0.1", s.cloud.APIKey, "want https"},
		{s.cloud.API, "sk_short", "not an API key"},
		{s.cloud.API, s.cloud.APIKey[:3] + flip(s.cloud.APIKey[3:4]) + s.cloud.APIKey[4:], ""},
		{s.cloud.API, s.cloud.APIKey[:57] + flip(s.cloud.APIKey[57:58]) + s.cloud.APIKey[58:], "not the cloud"},
		{"https://127.0.0.1:1", s.cloud.APIKey, "cannot reach"},
	} {
		if said := s.refused("login", tt.url, tt.key); !strings.Contains(said, tt.want) {
			t.Errorf("login %s: %q, want %q", tt.url, said, tt.want)
		}
	}
	s.ok("org", "list") // a login that failed changes nothing
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if said := s.refused("org", "list"); !strings.Contains(said, "strowger login") {
		t.Errorf("without an account: %q", said)
	}
	t.Setenv("STROWGER_CLOUD", s.cloud.API)
	t.Setenv("STROWGER_API_KEY", s.cloud.APIKey)
	s.ok("org", "list")
}

// flip is another letter of base32.
func flip(letter string) string {
	if letter == "a" {
		return "b"
	}
	return "a"
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{nil, config.Usage, "expected one of"},
		{[]string{"--help"}, config.OK, "Examples:"},
		{[]string{"user", "add", "--help"}, config.OK, "--phone"},
		{[]string{"--version"}, config.OK, "strowger "},
		{[]string{"site", "add"}, config.Usage, "site add --help"},
		{[]string{"user", "set", "x", "--enable", "--disable"}, config.Usage, "can't be used together"},
	} {
		var out, err bytes.Buffer
		if code := Main(t.Context(), tt.args, &out, &err); code != tt.code || !strings.Contains(out.String()+err.String(), tt.want) {
			t.Errorf("strowger %s: %d\n%s%s", strings.Join(tt.args, " "), code, out.String(), err.String())
		}
	}
}

// TestPolicies sets what becomes of calls to a user.
func TestPolicies(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.ok("org", "add", "Acme")
	s.ok("site", "add", "Berlin", "--code", "20")
	s.ok("switch", "add", "berlin", "--site", "20")
	s.ok("user", "add", "Anna", "--number", "1001", "--site", "20", "--phone")
	s.ok("user", "add", "Bert", "--number", "1002", "--site", "20", "--phone")
	s.ok("device", "add", "--user", "Anna", "--name", "app", "--kind", "mobile")
	s.golden("policies", s.transcript(
		"user ring Anna --device app --after 10s --for 25s",
		"user ring Anna --device 201001 --never",
		"user ring Anna --device app --never",
		"user ring Anna --device app --after 10s",
		"user dnd Anna --on --words 'in a meeting until 3' --except 5",
		"user set Bert --priority 5",
		"user dnd Anna",
		"user fallback Anna --to 1002 --busy 201002",
		"user fallback Anna --busy 1003",
		"user show Anna",
		"user show Bert",
		"user dnd Anna --off --words ''",
		"user dnd Anna",
		"user fallback Anna --to ''",
		"user ring Anna --device 201001 --after 0s --for 0s",
		"user ring Anna --device 201002 --never",
		"user ring Anna --never",
		"user ring Anna --for 2s",
		"user ring Anna --device app --after 61s",
		"user ring Anna --device app --after 1500ms",
		"user fallback Anna --to Bert",
		"user fallback Anna --no-answer Nobody",
		"user fallback Anna --to 1001",
		"user fallback Anna --busy Anna",
		"user dnd Anna --words writing",
		"user dnd Anna --off",
		"user dnd Anna --except 500",
		"user set Anna --priority 11 --calling moon",
		"user add Cora --number abc",
		"user add ''",
		"site add Rome --code 20x",
	))
}

func TestCallsUnderWay(t *testing.T) {
	t.Parallel()
	now := time.Now()
	answered := now.Add(-90 * time.Second)
	sent := []rest.CallDiversion{{From: "1002", To: designation.Party{Number: "1003", Name: "Cora"}}}
	to := designation.Party{Number: "1002", Name: "Bruno"}
	for _, c := range []struct {
		call        rest.Call
		seconds, to string
	}{
		{rest.Call{To: to, State: "ringing", Diversions: sent}, "-", "1002 Bruno"},
		{rest.Call{To: to, State: "answered", AnsweredAt: &answered}, "90.0", "1002 Bruno"},
		{rest.Call{To: to, State: "answered", AnsweredAt: &answered, Diversions: sent}, "90.0", "1002 Bruno (answered by 1003 Cora)"},
		{rest.Call{To: to, State: "ended", EndedAt: &now}, "0.0", "1002 Bruno"},
		{rest.Call{To: to, State: "ended", AnsweredAt: &answered, EndedAt: &now, Seconds: 90}, "90.0", "1002 Bruno"},
	} {
		for _, col := range callColumns(now) {
			if got := col.cell(c.call); col.head == "seconds" && got != c.seconds || col.head == "to" && got != c.to {
				t.Errorf("%s of a call that is %s: %q", col.head, c.call.State, got)
			}
		}
	}
}
