//go:build peers

package peers

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"strowger/pkg/rest"
)

// companyConfig is a phone company that has one account, which registers with a password; behind it is the WORLD. What numbers it
// refuses says their last digits.
const companyConfig = `#!KAMAILIO
debug=-1
log_stderror=yes
children=1
tcp_children=1
listen=udp:ADDRESS:5060
listen=tcp:ADDRESS:5060
loadmodule "kex.so"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "auth.so"
modparam("usrloc", "db_mode", 0)
modparam("registrar", "min_expires", 900)
modparam("registrar", "max_expires", 3600)
modparam("registrar", "default_expires", 900)

request_route {
	if (!mf_process_maxfwd_header("20")) { sl_send_reply("483", "Too Many Hops"); exit; }
	if (is_method("OPTIONS")) { sl_send_reply("200", "OK"); exit; }
	if (is_method("CANCEL")) { if (t_check_trans()) { t_relay(); } exit; }
	if (has_totag()) { t_relay(); exit; }
	if (is_method("REGISTER")) {
		if (!pv_www_authenticate("company.example", "secret words", "0")) { www_challenge("company.example", "1"); exit; }
		save("location");
		exit;
	}
	if ($si == "WORLD") { # the number that was called stays in To
		$ru = "sip:line1@company.example";
		if (!lookup("location")) { sl_send_reply("480", "Not Registered"); exit; }
		t_relay();
		exit;
	}
	if (!pv_proxy_authenticate("company.example", "secret words", "0")) { proxy_challenge("company.example", "1"); exit; }
	consume_credentials();
	if ($rU =~ "450$") { exit; } # silence
	if ($rU =~ "302$") { sl_send_reply("302", "Moved"); exit; }
	if ($rU =~ "404$") { sl_send_reply("404", "Not Found"); exit; }
	if ($rU =~ "408$") { sl_send_reply("408", "Timeout"); exit; }
	if ($rU =~ "486$") { sl_send_reply("486", "Busy Here"); exit; }
	if ($rU =~ "500$") { sl_send_reply("500", "Error"); exit; }
	if ($rU =~ "503$") { sl_send_reply("503", "Unavailable"); exit; }
	$du = "sip:WORLD:5060";
	t_relay();
}
`

// kamailio starts a phone company on a machine of its own, with the world behind it.
func kamailio(t *testing.T, h, world host) *process {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kamailio.cfg")
	text := strings.NewReplacer("ADDRESS", h.addr.String(), "WORLD", world.addr.String()).Replace(companyConfig)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, h, "kamailio", "-DD", "-E", "-m", "64", "-M", "8", "-f", file, "-Y", filepath.Dir(file))
	t.Cleanup(func() { // its other processes end with the first one only if that is asked to
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		_ = p.wait(t)
	})
	// Who registers before it listens comes again in half a minute at the earliest.
	eventually(t, "Kamailio listens", func() error {
		sockets, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/udp", p.cmd.Process.Pid))
		if err == nil && !bytes.Contains(sockets, fmt.Appendf(nil, ":%04X ", 5060)) {
			err = errors.New("nobody is at port 5060")
		}
		return err
	})
	return p
}

// testCompany has Kamailio be a phone company where a switch registers, over UDP and then over TCP, and a second one be behind it: calls go
// out with a password and come in to the contact; what the company says of itself leads to the second one, and what it says of who was
// called does not.
func testCompany(t *testing.T, d *deployment, o *office, a, b *phone, second line) {
	h, world := o.net.host(t), o.line(t, o.account(t))
	server := kamailio(t, h, world.host)
	trunk := rest.NewTrunk("Kamailio")
	trunk.Switch, trunk.Servers, trunk.Number, trunk.Domain = o.node.ID, []string{h.addr.String()}, "+4930100", "company.example"
	trunk.Username, trunk.Password, trunk.Register = "line1", "secret words", true
	trunk = create(t, d.api.Trunks(), trunk)
	var since time.Time
	registered := func() { // anew
		t.Helper()
		eventually(t, "the switch is registered", func() error {
			v, err := d.api.Trunks().Get(t.Context(), trunk.ID)
			switch {
			case err != nil:
			case len(v.Status) != 1 || v.Status[0].Registration != "registered" || !v.Status[0].Since.After(since):
				err = fmt.Errorf("the trunk is %+v", v.Status)
			default:
				since = *v.Status[0].Since
			}
			return err
		})
	}
	registered()

	answers := world.run(t, answerScenario, scenario{}, "-rtp_echo")
	a.do(t, "dial", "0030123777")
	a.await(t, "CALL_ESTABLISHED")
	a.hears(t, low)
	a.do(t, "hangup", "")
	a.await(t, "CALL_CLOSED")
	answers.good(t)

	brings := world.run(t, bringScenario, scenario{User: "030999000", Dialled: "+4930200"}, "-rsa", h.addr.String()+":5060")
	b.await(t, "CALL_INCOMING")
	b.do(t, "accept", "")
	brings.good(t)
	b.await(t, "CALL_CLOSED")

	a.refused(t, "0030123486", 486)
	a.refused(t, "0030123404", 404)
	over := func(number string) {
		t.Helper()
		last := second.run(t, refuseScenario, scenario{Code: 603, Reason: "Decline"})
		a.refused(t, number, 603)
		last.good(t)
	}
	for _, number := range []string{"0030123500", "0030123503", "0030123408", "0030123302", "0030123450"} {
		over(number)
	}
	if _, err := d.api.Trunks().Update(t.Context(), trunk.ID, 0, map[string]any{"transport": "tcp"}); err != nil {
		t.Fatal(err)
	}
	registered()
	server.stop(t)
	over("0030123777")
}
