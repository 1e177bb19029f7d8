//go:build peers

package peers

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strowger/pkg/rest"
)

// onlyLine gives an office one line of one channel to SIPp, and starts a call that takes it.
func (d *deployment) onlyLine(t *testing.T, o *office) (company *sipp, taken *phone) {
	t.Helper()
	site := map[string]any{"country": "DE", "outside": "0", "location": "Hauptstrasse 1", "emergency_contacts": []string{"Eve"}}
	if _, err := d.api.Sites().Update(t.Context(), o.site.ID, 0, site); err != nil {
		t.Fatal(err)
	}
	line := o.line(t, account{office: o, dial: "the company"})
	company = line.run(t, answerScenario, scenario{}, "-rtp_echo", "-m", "2")
	trunk := rest.NewTrunk("Only")
	trunk.Switch, trunk.Servers, trunk.Number = o.node.ID, []string{line.host.addr.String()}, "+4930100"
	trunk.Channels, trunk.ProbeSeconds = 1, 0
	create(t, d.api.Trunks(), trunk)
	caller := o.account(t)
	if _, err := d.api.Users().Update(t.Context(), caller.user.ID, 0, map[string]any{"calling": "national"}); err != nil {
		t.Fatal(err)
	}
	d.settle(t, o, "1900")
	taken = o.phone(t, caller, handset{codec: pcma, tone: low})
	taken.do(t, "dial", "0030123456")
	taken.await(t, "CALL_ESTABLISHED")
	taken.hears(t, low)
	return company, taken
}

// testEmergency has somebody call for help whose office has one line, which a call has taken: that makes way.
func testEmergency(t *testing.T, company *sipp, taken, help *phone) {
	taken.hears(t, low)
	help.do(t, "dial", "112")
	taken.await(t, "CALL_CLOSED")
	help.await(t, "CALL_ESTABLISHED")
	help.hears(t, help.tone)
	help.do(t, "hangup", "")
	help.await(t, "CALL_CLOSED")
	company.went(t, 2)
	b, err := os.ReadFile(filepath.Join(company.dir, "messages.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"INVITE sip:112@", "Reason: preemption", "<ca:LOC>Hauptstrasse 1</ca:LOC>"} { // RFC 4411, 5
		if !strings.Contains(string(b), want) {
			t.Errorf("the company sees no %q:\n%s", want, tail(string(b)))
		}
	}
}

// alerted waits until the emergency call of an account is told of.
func (d *deployment) alerted(t *testing.T, who account) {
	t.Helper()
	eventually(t, "an emergency call is told of", func() error {
		page, err := d.api.Alerts().Page(t.Context(), rest.Filter{}, 10, "")
		if err != nil {
			return err
		}
		for _, a := range page.Items {
			if a.Kind == "emergency" && a.Subject == who.user.ID && len(a.Contacts) == 1 && a.Contacts[0] == "Eve" {
				return nil
			}
		}
		return fmt.Errorf("only %+v", page.Items)
	})
}
