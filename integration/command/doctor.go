package command

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"strowger/integration/stack"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// What the doctor finds worth a word.
const (
	silence = 25 * time.Second    // of a switch, which reports every 20 s; the cloud counts it as live for 50 s
	skew    = 5 * time.Second     // between two clocks; session keys allow 30 s
	renewal = 14 * 24 * time.Hour // certificates are renewed at 30 days left: less means that it does not work
)

// whenAway is what to do about a cloud that does not answer.
const whenAway = "is it running, and does the address lead to it? For the one of this machine: strowger up"

// finding is the outcome of one check.
type finding struct {
	Check  string `json:"check"`
	OK     bool   `json:"ok"`
	Found  string `json:"found"`
	Advice string `json:"advice,omitempty"`
}

type doctorCommand struct{}

func (*doctorCommand) unconnected() {}

// Run checks what can be seen through the API.
func (*doctorCommand) Run(e *env) error {
	findings := e.examine()
	sick := 0
	for _, f := range findings {
		if !f.OK {
			sick++
		}
	}
	err := e.show(findings, func() {
		for _, f := range findings {
			mark := "ok   "
			if !f.OK {
				mark = "WRONG"
			}
			e.say("%s  %s: %s\n", mark, f.Check, f.Found)
			if f.Advice != "" {
				e.say("       -> %s\n", f.Advice)
			}
		}
	})
	if err == nil && sick > 0 {
		return errs.New(errs.Conflict, "%d of %d checks found something wrong", sick, len(findings))
	}
	return err
}

// examine checks one thing after the other; what cannot be reached ends it.
func (e *env) examine() []finding {
	a, err := e.account()
	if err == nil {
		e.client, err = a.client()
	}
	if err != nil {
		return []finding{{Check: "account", Found: err.Error(), Advice: "strowger login URL KEY"}}
	}
	all := []finding{{Check: "account", OK: true, Found: a.Cloud}}
	cloud, date, err := e.ping()
	if err != nil {
		advice := whenAway
		if errs.CodeOf(err) == errs.Unauthenticated { // it answers, with another key
			advice = "log in at the cloud that answers there, with a key of its own: strowger login URL KEY"
		}
		return append(all, finding{Check: "cloud", Found: err.Error(), Advice: advice})
	}
	apart := e.now().Sub(date)
	all = append(all, finding{Check: "cloud", OK: true, Found: cloud}, clockFinding(apart))
	if err = e.connect(); err == nil {
		_, err = e.client.Organizations().Page(e.ctx, nil, 1, "")
	}
	if err != nil {
		return append(all, finding{Check: "API key", Found: err.Error(), Advice: "log in with a key that works: strowger login URL KEY"})
	}
	all = append(all, finding{Check: "API key", OK: true, Found: "works"})
	all = append(all, e.examineSwitches(e.now().Add(-apart))...)
	return append(append(all, e.examineBridges()...), e.examineTrunks()...)
}

// ping asks the cloud for something that needs no key, and for its clock.
func (e *env) ping() (found string, date time.Time, err error) {
	ctx, cancel := context.WithTimeout(e.ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(e.client.BaseURL, "/")+"/openapi.json", nil)
	if err != nil {
		return "", date, err
	}
	begin := e.now()
	resp, err := e.client.HTTP.Do(req)
	if err != nil {
		return "", date, err
	}
	defer func() { _ = resp.Body.Close() }() // only read from
	var doc struct {
		Info struct {
			Title, Version string
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&doc); err != nil || doc.Info.Title != "Strowger" {
		return "", date, fmt.Errorf("%s answers %s, but not as a cloud", e.client.BaseURL, resp.Status)
	}
	if date, err = http.ParseTime(resp.Header.Get("Date")); err != nil {
		return "", date, fmt.Errorf("%s does not tell the time: %w", e.client.BaseURL, err)
	}
	found = fmt.Sprintf("version %s answers in %d ms (%s)", doc.Info.Version, e.now().Sub(begin).Milliseconds(), tls.VersionName(resp.TLS.Version))
	return found, date, nil
}

func clockFinding(apart time.Duration) finding {
	f := finding{Check: "clock", OK: apart.Abs() <= skew, Found: "this machine and the cloud agree"}
	if !f.OK {
		f.Found = fmt.Sprintf("this machine and the cloud are %s apart", apart.Abs().Round(time.Second))
		f.Advice = "set both by NTP: session keys bear 30 s at most"
	}
	return f
}

// examineSwitches checks every switch that was not revoked, and that every site and every phone has one.
func (e *env) examineSwitches(now time.Time) []finding {
	phones, err := e.phones()
	if err != nil {
		return []finding{{Check: "switches", Found: err.Error()}} // the words say what to do
	}
	var all []finding
	serves := map[string]bool{} // sites with a switch that was not revoked
	for sw, err := range e.client.Switches().All(e.ctx, nil) {
		switch {
		case err != nil:
			return append(all, finding{Check: "switches", Found: err.Error()})
		case sw.State != "revoked":
			serves[sw.Site] = true
			all = append(all, switchFinding(sw, phones[sw.ID], now))
		case stack.Owns(e.Data, sw): // that of strowger up on this machine
			serves[sw.Site] = true
			all = append(all, finding{Check: "switch " + sw.Name, Found: fmt.Sprintf("is revoked, and %d phones belong to it", phones[sw.ID].all),
				Advice: "stop strowger up, and start it once with --replace-revoked; then restart desk phones, or have them register again"})
		case phones[sw.ID].all > 0:
			all = append(all, finding{Check: "switch " + sw.Name, Found: fmt.Sprintf("is revoked, and %d phones belong to it", phones[sw.ID].all),
				Advice: "give them another: strowger device set PHONE --switch SWITCH"})
		}
	}
	for site, err := range e.client.Sites().All(e.ctx, nil) {
		if err != nil {
			return append(all, finding{Check: "sites", Found: err.Error()})
		}
		if !serves[site.ID] {
			all = append(all, finding{Check: "site " + site.Name, Found: "has no switch", Advice: "strowger switch add NAME --site " + site.Code})
		}
	}
	if all == nil {
		all = append(all, finding{Check: "switches", Found: "there is none", Advice: "strowger switch add NAME --site SITE"})
	}
	return all
}

// examineBridges checks every bridge that was not revoked, and that there is one if there are apps.
func (e *env) examineBridges() []finding {
	var all []finding
	for b, err := range e.client.Bridges().All(e.ctx, nil) {
		if err != nil {
			return append(all, finding{Check: "bridges", Found: err.Error()})
		}
		f := finding{Check: "bridge " + b.Name, OK: true, Found: "is live"}
		switch {
		case b.State == "revoked":
			continue
		case b.State == "new":
			f = finding{Check: f.Check, Found: "was never enrolled", Advice: "strowger bridge code " + b.Name}
		case !b.Live && b.SeenAt == nil:
			f = finding{Check: f.Check, Found: "is enrolled and was never heard of",
				Advice: "start mobile-bridge on its machine and look at its log: it must reach the cloud's fabric port (4222/tcp)"}
		case !b.Live:
			f = finding{Check: f.Check, Found: "was last heard of at " + clock(b.SeenAt),
				Advice: "look at its log and its network: it must reach the cloud's fabric port (4222/tcp)"}
		}
		all = append(all, f)
	}
	if all != nil {
		return all
	}
	for d, err := range e.client.Devices().All(e.ctx, nil) {
		switch {
		case err != nil:
			return []finding{{Check: "bridges", Found: err.Error()}}
		case d.EnrolledAt != nil:
			return []finding{{Check: "bridges", Found: "there is none, and nobody can wake the app " + d.Name, Advice: "strowger bridge add"}}
		}
	}
	return nil
}

// count is how many of the phones of a switch are registered.
type count struct{ registered, all int }

func (e *env) phones() (map[string]count, error) {
	by := map[string]count{}
	for d, err := range e.client.Devices().All(e.ctx, rest.Filter{"kind": "deskphone"}) {
		if err != nil {
			return nil, err
		}
		c := by[d.Switch]
		c.all++
		if d.Registered {
			c.registered++
		}
		by[d.Switch] = c
	}
	return by, nil
}

func switchFinding(sw rest.Switch, phones count, now time.Time) finding {
	f := finding{Check: "switch " + sw.Name}
	switch {
	case sw.State == "new":
		f.Found = "was never enrolled"
		f.Advice = "strowger switch code " + sw.Name
	case !sw.Live && sw.SeenAt == nil:
		f.Found = "is enrolled and was never heard of"
		f.Advice = "start switchnode on its machine and look at its log: it must reach the cloud's fabric port (4222/tcp)"
	case !sw.Live:
		f.Found = "was last heard of at " + clock(sw.SeenAt)
		f.Advice = "look at its log and its network: it must reach the cloud's fabric port (4222/tcp)"
	case sw.SeenAt != nil && now.Sub(*sw.SeenAt) > silence:
		f.Found = "was last heard of " + now.Sub(*sw.SeenAt).Round(time.Second).String() + " ago, and reports every 20 s"
		f.Advice = "look whether it runs, and at its network: calls to it fail"
	case sw.NotAfter != nil && sw.NotAfter.Sub(now) < renewal:
		f.Found = "has a certificate until " + clock(sw.NotAfter) + ", and renewal does not work"
		f.Advice = "strowger switch renew " + sw.Name + " says why"
	case sw.DiskError != "":
		f.Found = "is live, but cannot write to its disk: " + sw.DiskError
		f.Advice = "make room there, or mend the disk; until then a restart loses registrations and records of calls"
	case sw.CopyError != "":
		f.Found = "is live, but cannot take the newest of what it must know of its site: " + sw.CopyError
		f.Advice = "until that is mended new phones and changes have no effect there; its log and the cloud's say more"
	default:
		f.OK, f.Found = true, fmt.Sprintf("is live, %d of %d phones registered", phones.registered, phones.all)
	}
	return f
}
