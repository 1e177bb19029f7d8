//go:build peers

package peers

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strowger/pkg/rest"
)

// companyConfig is a phone company that has one account, which registers with a password; behind it is the WORLD. What numbers it
// refuses says their last digits.
const companyConfig = `#!KAMAILIO
debug=-1
log_stderror=yes
children=1
tcp_children=1
auto_aliases=no
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
loadmodule "xlog.so"
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
		xlog("L_ALERT", "registered over $proto\n");
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
	$ru = "sip:OUTSIDE@WORLD:5060";
	t_relay();
}
`

// kamailio starts a phone company on a machine of its own, with the world behind it.
func kamailio(t *testing.T, h, world host) *process {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kamailio.cfg")
	text := strings.NewReplacer("ADDRESS", h.addr.String(), "WORLD", world.addr.String(), "OUTSIDE", outside).Replace(companyConfig)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, h, "kamailio", "-DD", "-E", "-m", "64", "-M", "8", "-f", file, "-Y", filepath.Dir(file))
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

// company is Kamailio as a phone company where a switch registers with a password, over UDP or TCP. Behind it is one phone.
type company struct {
	*process
	trunk rest.Trunk
	world *phone
}

// outside is the number of the phone behind the company, as the company says it.
const outside = "+4930999000"

// company starts one, and has the switch of an office register there.
func (d *deployment) company(t *testing.T, o *office) *company {
	t.Helper()
	h := o.net.host(t)
	c := &company{world: o.baresip(t, account{dial: outside}, handset{codec: pcma, tone: high})}
	c.process = kamailio(t, h, c.world.host)
	c.world.answersFor(t, outside, h)
	trunk := rest.NewTrunk("Kamailio")
	trunk.Switch, trunk.Servers, trunk.Number, trunk.Domain = o.node.ID, []string{h.addr.String()}, "+4930100", "company.example"
	trunk.Username, trunk.Password, trunk.Register = "line1", "secret words", true
	c.trunk = create(t, d.api.Trunks(), trunk)
	c.registered(t, "udp")
	return c
}

// registered waits until the switch has registered over a transport.
func (c *company) registered(t *testing.T, transport string) {
	t.Helper()
	eventually(t, "the switch is registered over "+transport, func() error {
		if !strings.Contains(c.stderr.String(), "registered over "+transport+"\n") {
			return errors.New("the company has not seen it")
		}
		return nil
	})
}

// testCompany has calls go out with a password and come in to the contact: each side hears the other.
func testCompany(t *testing.T, c *company, a, b *phone) {
	a.do(t, "dial", "0030123777")
	c.world.await(t, "CALL_INCOMING")
	c.world.do(t, "accept", "")
	a.await(t, "CALL_ESTABLISHED")
	talk(t, a, c.world)
	endCall(t, a, c.world)

	c.world.do(t, "dial", "+4930200")
	b.await(t, "CALL_INCOMING")
	b.do(t, "accept", "")
	c.world.await(t, "CALL_ESTABLISHED")
	talk(t, b, c.world)
	endCall(t, c.world, b)
}

// testAppCalls has an app of somebody of the other office call by the company.
func testAppCalls(t *testing.T, d *deployment, c *company, from account) {
	d.startBridge(t)
	app := d.appOf(t, d.net.host(t), from.user, from.dial)
	tone := filepath.Join(app.dir, "tone.wav")
	if err := writeTone(tone, pcmu, low); err != nil {
		t.Fatal(err)
	}
	app.process = app.dials(t, "0030123777", tone)
	c.world.await(t, "CALL_INCOMING")
	c.world.do(t, "accept", "")
	c.world.hears(t, low)
	c.world.do(t, "hangup", "")
	c.world.await(t, "CALL_CLOSED")
	if err := app.wait(t); err != nil {
		t.Errorf("the app's call: %v", err)
	}
	r := d.record(t, app.account, outcome{"normal", 200, "callee"})
	if r.To.Number != "+4930123777" || r.Anchor != c.trunk.Switch || legOf(r, app.device).Device == "" {
		t.Errorf("call %s: to %+v, anchored at %s:\n%s", r.ID, r.To, r.Anchor, ladder(r))
	}
}

// testCompanyIsCalledBack has who calls somebody busy from outside press 1 in the queue: they are called back by the company.
func testCompanyIsCalledBack(t *testing.T, d *deployment, c *company, a, b *phone) {
	if _, err := d.api.Users().Update(t.Context(), b.user.ID, 0, map[string]any{"queue_length": 1}); err != nil {
		t.Fatal(err)
	}
	call(t, a, b, b.account.dial)
	c.world.do(t, "dial", "+4930200")
	c.world.await(t, "CALL_PROGRESS") // with music
	c.world.do(t, "sndcode", "1")
	if got := c.world.await(t, "CALL_CLOSED"); !strings.HasPrefix(got, "480 ") {
		t.Errorf("who chose to be called back hears %q", got)
	}
	endCall(t, a, b)
	c.world.await(t, "CALL_INCOMING")
	c.world.do(t, "accept", "")
	b.await(t, "CALL_INCOMING")
	b.do(t, "accept", "")
	b.hears(t, c.world.tone)
	listen(t, c.world.host).expectTone(t, b.tone) // after the tone of ringing, which is another source
	endCall(t, c.world, b)
}

// endCall has one phone end the call of two.
func endCall(t *testing.T, p, other *phone) {
	t.Helper()
	hangUp(t, p, other)
	p.await(t, "CALL_CLOSED")
}

// testFailover has the second company get the calls for which the first one says that it, and not who was called, is the reason; for
// which it says nothing; and those when it is not there.
func testFailover(t *testing.T, d *deployment, c *company, a *phone, second line) {
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
	if _, err := d.api.Trunks().Update(t.Context(), c.trunk.ID, 0, map[string]any{"transport": "tcp"}); err != nil {
		t.Fatal(err)
	}
	c.registered(t, "tcp")
	c.stop(t)
	over("0030123777")
}
