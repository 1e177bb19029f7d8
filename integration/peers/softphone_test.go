//go:build peers

package peers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	cdpnetwork "github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"strowger/integration/standin"
	"strowger/integration/standin/webpush"
	"strowger/pkg/designation"
	"strowger/pkg/pushseal"
	"strowger/pkg/rest"
)

// softphone is a user whose only phone is a browser.
type softphone struct {
	*browser
	account

	mu     sync.Mutex
	pushed []byte // the last push, as the bridge sealed it
}

// wideMono is what Chromium takes for a microphone.
var wideMono = codec{rate: 48000, channels: 1}

// webBridge is a bridge that serves the softphone: where, and the hash of its key.
type webBridge struct{ origin, pin string }

func (d *deployment) webBridge(t *testing.T, args ...string) webBridge {
	t.Helper()
	machine := d.net.host(t)
	cert, key, pin := webCertificate(t, machine)
	at := netip.AddrPortFrom(machine.addr, 8443).String()
	d.startBridgeAt(t, machine, append(args, "--listen", at, "--url", "https://"+at, "--tls-cert", cert, "--tls-key", key)...)
	return webBridge{"https://" + at, pin}
}

// softphone gives a user a browser, whose microphone hears a tone, and what stands in for its push service.
func (d *deployment) softphone(t *testing.T, bridge webBridge, name, number string, tone float64) (s *softphone, code string) {
	t.Helper()
	user := create(t, d.api.Users(), rest.NewUser(name))
	device := create(t, d.api.Devices(), rest.Device{User: user.ID, Kind: designation.Web, Name: "Browser", Enabled: true})
	dial := create(t, d.api.Numbers(), rest.Number{Digits: number, User: user.ID}).Dial
	enrolment, err := d.api.DeviceCode(t.Context(), device.ID)
	if err != nil {
		t.Fatal(err)
	}
	s = &softphone{account: account{user: user, device: device.ID, dial: dial}}
	service, err := webpush.New(webpush.Config{
		Listen: fmt.Sprintf("10.99.%d.254:0", d.net.number), Deliver: func(m standin.Message) { s.woken(t, m.Payload) }, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	_, subscription, err := service.Subscribe("")
	if err != nil {
		t.Fatal(err)
	}
	microphone := filepath.Join(t.TempDir(), "microphone.wav")
	if err := writeTone(microphone, wideMono, tone); err != nil {
		t.Fatal(err)
	}
	s.browser = chromium(t, d.net.host(t), bridge.origin, bridge.pin, microphone, quote(subscription))
	s.run(t, "allow notifications", chromedp.ActionFunc(func(ctx context.Context) error {
		allow := cdpbrowser.SetPermission(&cdpbrowser.PermissionDescriptor{Name: "notifications"}, cdpbrowser.PermissionSettingGranted).WithOrigin(s.origin)
		return allow.Do(cdp.WithExecutor(ctx, chromedp.FromContext(ctx).Browser))
	}))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- service.Run(ctx) }()
	t.Cleanup(func() { // before the browser goes
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s, enrolment.Code
}

// woken hands a push on to the browser, and keeps it.
func (s *softphone) woken(t *testing.T, sealed []byte) {
	s.mu.Lock()
	s.pushed = sealed
	s.mu.Unlock()
	if err := s.deliver(sealed); err != nil {
		t.Errorf("deliver a push: %v", err)
	}
}

// TestSoftphone has desk phones and a user who has nothing but a browser call each other.
func TestSoftphone(t *testing.T) {
	d := deploy(t, 5, longRing)
	wide, narrow := d.x.phone(t, d.x.account(t), handset{codec: opus, tone: low}), d.x.phone(t, d.x.account(t), handset{codec: pcmu, tone: low})
	nobody := d.x.account(t) // whose phone is not there
	s, code := d.softphone(t, d.webBridge(t), "Finn Bell", "70011", high)
	t.Run("enrols by its link", func(t *testing.T) { testSoftphoneEnrols(t, s, code) })
	if t.Failed() {
		return
	}
	t.Run("woken while no page is open", func(t *testing.T) { testSoftphoneWoken(t, d, s, wide) })
	t.Run("what nobody signed does not ring", func(t *testing.T) { testSoftphoneForged(t, s) })
	t.Run("declines", func(t *testing.T) { testSoftphoneDeclines(t, d, s, narrow) })
	t.Run("is told who hung up", func(t *testing.T) { testSoftphoneMisses(t, s, narrow) })
	t.Run("calls a desk phone", func(t *testing.T) { testSoftphoneCalls(t, d, s, wide) })
	t.Run("is told why there is no call", func(t *testing.T) { testSoftphoneRefused(t, s, nobody) })
	t.Run("is told where its call goes", func(t *testing.T) { testSoftphoneForwarded(t, d, s, nobody, narrow) })
	t.Run("waits for who is on the phone", func(t *testing.T) {
		testSoftphoneWaits(t, d, s, narrow, d.x.phone(t, d.x.account(t), handset{codec: pcmu, tone: low}))
	})
	t.Run("transfers its calls", func(t *testing.T) {
		testSoftphoneTransfers(t, s, nobody, narrow, d.x.phone(t, d.x.account(t), handset{codec: pcmu, tone: 620}))
	})
	t.Run("hears its messages", func(t *testing.T) { testSoftphoneMessages(t, d, s, narrow) })
	t.Run("says what becomes of its calls", func(t *testing.T) { testSoftphoneWishes(t, d, s, nobody) })
	t.Run("comes back when it is enabled again", func(t *testing.T) { testSoftphoneSwitchedOff(t, d, s) })
	if err := s.faults(); err != nil {
		t.Error(err)
	}
}

// testSoftphoneSwitchedOff disables the softphone, and enables it again: nobody has to load its page for that.
func testSoftphoneSwitchedOff(t *testing.T, d *deployment, s *softphone) {
	s.open(t, "/")
	s.shows(t, "Reachable")
	// It asks again after 15 to 45 s; what else waits for more than 10 s is its ping, every 25 s.
	eval[int](t, s.browser, `(() => {
		const real = window.setTimeout;
		window.setTimeout = (f, ms, ...more) => real(f, ms > 10000 && ms !== 25000 ? 200 : ms, ...more);
		return 0;
	})()`)
	for _, on := range []bool{false, true} {
		if _, err := d.api.Devices().Update(t.Context(), s.device, 0, map[string]any{"enabled": on}); err != nil {
			t.Fatal(err)
		}
		s.shows(t, map[bool]string{false: "Switched off", true: "Reachable"}[on])
	}
}

func testSoftphoneEnrols(t *testing.T, s *softphone, code string) {
	lack := &cdpnetwork.BlockPattern{URLPattern: s.origin + "/js/seal.js", Block: true}
	s.run(t, "have a module fail", cdpnetwork.Enable(), cdpnetwork.SetBlockedURLs().WithURLPatterns([]*cdpnetwork.BlockPattern{lack}))
	s.open(t, "/")
	s.shows(t, "The phone does not start")
	s.run(t, "have it load", cdpnetwork.SetBlockedURLs(), cdpnetwork.Disable())
	s.open(t, "/")
	s.shows(t, "Make this browser your phone")
	s.accessible(t, "welcome")
	s.open(t, "/#"+strings.Replace(code, code[:1], map[bool]string{true: "2", false: "3"}[code[0] != '2'], 1))
	s.shows(t, "its check sum does not match")
	s.open(t, "/#"+code)
	s.shows(t, "Reachable")
	s.shows(t, s.user.Name)
	s.becomes(t, "the code is gone from the address", `location.hash === ""`)
	exportable := eval[bool](t, s.browser, `import("/js/store.js").then((s) => s.load("keys")).then((k) => k.signing.privateKey.extractable)`)
	if exportable {
		t.Error("the signing key can be taken out of the browser")
	}
	for _, tab := range []string{"Recent", "Contacts", "Voicemail", "Settings"} {
		s.presses(t, tab)
		s.accessible(t, tab)
	}
	s.presses(t, "Ring when this page is closed")
	s.shows(t, "even when this page is closed")
}

// testSoftphoneWoken calls the softphone while no page of it is open: its service worker rings. The user answers, which opens
// a page, and the call goes on there.
func testSoftphoneWoken(t *testing.T, d *deployment, s *softphone, desk *phone) {
	s.open(t, "")
	desk.do(t, "dial", s.dial)
	desk.isTold(t, wakingAnswer, ringingAnswer)
	s.open(t, "/bridge.json") // of the same origin, without the phone
	var notice struct{ Title, Leg string }
	const shown = `navigator.serviceWorker.getRegistration().then((r) => r.getNotifications()).then(([n]) => { window.notice = n && { Title: n.title, Leg: n.data.leg }; return n; })`
	s.becomes(t, "a notification is shown", shown) // another state of the call may put another in its place
	notice = eval[struct{ Title, Leg string }](t, s.browser, "window.notice")
	if notice.Title != desk.account.user.Name {
		t.Errorf("the notification is of %q, want %q", notice.Title, desk.account.user.Name)
	}
	s.open(t, "/#answer="+notice.Leg) // as a click on Answer does
	desk.await(t, "CALL_ESTABLISHED")
	s.becomes(t, "the call is up", `document.querySelector("[role=timer]")`)
	s.accessible(t, "call")
	desk.hears(t, high)
	s.hears(t, low)
	s.presses(t, "Hold")
	s.shows(t, "On hold")
	s.presses(t, "Hold")
	s.becomes(t, "the call goes on", `document.querySelector("[role=timer]")`)
	s.hears(t, low)
	s.presses(t, "Hang up")
	desk.await(t, "CALL_CLOSED")
	s.shows(t, "Call ended")
	d.conversation(t, desk.account, s.account, opus.record, outcome{"normal", 200, "callee"})
}

// testSoftphoneForged gives the softphone what a push service, a bridge, or whoever knows its sealing key can make.
func testSoftphoneForged(t *testing.T, s *softphone) {
	s.mu.Lock()
	real := s.pushed
	s.mu.Unlock()
	opened := eval[string](t, s.browser, payload(real)+`.then(async (payload) => {
		const [seal, { whoAmI }] = await Promise.all([import("/js/seal.js"), import("/js/identity.js")]);
		const me = await whoAmI();
		return JSON.stringify(await seal.open(me.secret, me.org, me.device, payload));
	})`)
	var wake pushseal.Wake
	if err := json.Unmarshal([]byte(opened), &wake); err != nil {
		t.Fatal(err)
	}
	public := eval[string](t, s.browser, `import("/js/store.js").then((s) => s.load("keys")).then((k) => k.seal.public)`)
	org := s.user.Organization
	seal := func(change func(*pushseal.Wake), org, device string) []byte {
		forged := wake
		change(&forged)
		sealed, err := pushseal.Seal(public, org, device, forged)
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	same := func(*pushseal.Wake) {}
	elsewhere := func(w *pushseal.Wake) { w.Node.Addresses = []string{"10.99.5.254:7443"} }
	unsigned := func(w *pushseal.Wake) { w.Key = w.Key[:len(w.Key)-8] + "AAAAAAAA" }
	cut := seal(same, org, s.device)
	cut[len(cut)-1] ^= 1
	for _, c := range []struct {
		name, want string
		sealed     []byte
	}{
		{"the switch is another one", "wrong-node", seal(elsewhere, org, s.device)},
		{"media by another certificate", "wrong-node", seal(func(w *pushseal.Wake) { w.Node.DTLS = "sha-256 00:11" }, org, s.device)},
		{"not signed", "bad-signature", seal(unsigned, org, s.device)},
		{"no key", "key-malformed", seal(func(w *pushseal.Wake) { w.Key = "" }, org, s.device)},
		{"for another device", "invalid", seal(same, org, "dv_other")},
		{"for another organization", "invalid", seal(same, "org_other", s.device)},
		{"changed on the way", "invalid", cut},
		{"noise", "invalid", []byte(strings.Repeat("x", 2000))},
	} {
		got := eval[string](t, s.browser, payload(c.sealed)+`.then(async (payload) => (await import("/js/wake.js")).believe(payload)).then(() => "believed", (e) => e.code)`)
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		if err := s.deliver(c.sealed); err != nil {
			t.Error(err)
		}
	}
	if err := s.deliver(real); err != nil { // of a call that is over
		t.Error(err)
	}
	// What rings next is the next call, and nothing did before.
	if rings := eval[int](t, s.browser, `document.querySelectorAll("[role=alertdialog]").length`); rings != 0 {
		t.Errorf("%d calls are shown", rings)
	}
}

// payload is a promise of bytes.
func payload(b []byte) string {
	text, err := json.Marshal(b)
	if err != nil {
		panic(err) // bytes always marshal
	}
	return `import("/js/bytes.js").then((b) => b.fromBase64(` + string(text) + `))`
}

func testSoftphoneDeclines(t *testing.T, d *deployment, s *softphone, desk *phone) {
	desk.do(t, "dial", s.dial)
	s.rings(t)
	s.shows(t, desk.account.user.Name)
	s.accessible(t, "incoming call")
	for verstat, want := range map[string]string{ // of a call from outside; this one is none, and shows nothing
		"TN-Validation-Passed": "✓ Number verified", "TN-Validation-Failed": "⚠ Number not verified: it may be somebody else's", "No-TN-Validation": "", "": "",
	} {
		if got := eval[string](t, s.browser, `import("/js/ui/text.js").then((m) => m.vouched({verstat: "`+verstat+`"}))`); got != want {
			t.Errorf("a caller with verstat %q is shown as %q, want %q", verstat, got, want)
		}
	}
	s.becomes(t, "the answer button has the focus", `document.activeElement.id === "answer"`)
	s.presses(t, "Decline")
	s.shows(t, "You declined")
	s.presses(t, "Close")
	if got := desk.await(t, "CALL_CLOSED"); !strings.HasPrefix(got, "603 ") && !strings.HasPrefix(got, "486 ") {
		t.Errorf("the caller is told %q", got)
	}
	if c := d.record(t, desk.account, outcome{"declined", 603, "callee"}); c.AnsweredAt != nil {
		t.Errorf("call %s was answered", c.ID)
	}
}

func testSoftphoneMisses(t *testing.T, s *softphone, desk *phone) {
	desk.do(t, "dial", s.dial)
	s.rings(t)
	desk.do(t, "hangup", "")
	s.shows(t, "The caller hung up")
	s.presses(t, "Close")
	s.presses(t, "Recent")
	s.presses(t, "Missed")
	s.shows(t, desk.account.user.Name)
	if n := eval[int](t, s.browser, `document.querySelectorAll(".item.missed").length`); n != 1 {
		t.Errorf("%d missed calls, want 1", n)
	}
}

// testSoftphoneCalls has the softphone dial a desk phone by its keypad.
func testSoftphoneCalls(t *testing.T, d *deployment, s *softphone, desk *phone) {
	s.shows(t, "Reachable")
	for _, key := range desk.account.dial {
		s.presses(t, string(key))
	}
	s.presses(t, "Call")
	desk.await(t, "CALL_INCOMING")
	s.shows(t, "Ringing")
	s.shows(t, desk.account.user.Name)
	desk.do(t, "accept", "")
	desk.await(t, "CALL_ESTABLISHED")
	s.becomes(t, "the call is up", `document.querySelector("[role=timer]")`)
	desk.hears(t, high)
	s.hears(t, low)
	s.presses(t, "Mute")
	desk.hearsNothing(t)
	s.presses(t, "Mute")
	desk.hears(t, high)
	desk.do(t, "hangup", "")
	s.shows(t, "Call ended")
	s.presses(t, "Close")
	d.conversation(t, s.account, desk.account, opus.record, outcome{"normal", 200, "callee"})
}

// testSoftphoneRefused has the softphone dial who cannot be reached: it is told so, and not that its connection is lost, even if
// the connection ends behind the refusal at once.
func testSoftphoneRefused(t *testing.T, s *softphone, nobody account) {
	order := eval[string](t, s.browser, `import("/js/socket.js").then(({ SipSocket }) => new Promise((resolve) => {
		const seen = [];
		const socket = new SipSocket({ serve() { this.onmessage("refused"); this.onclose(); } });
		Object.assign(socket, {
			onconnect() {}, ondata(message) { seen.push(message); },
			onlost() { seen.push("lost"); setTimeout(() => resolve(seen.join()), 0); },
		});
		socket.connect();
	}))`)
	if order != "refused,lost" {
		t.Errorf("of a refusal and the end of its connection the softphone sees %s", order)
	}
	s.shows(t, "Reachable")
	for _, key := range nobody.dial {
		s.presses(t, string(key))
	}
	s.presses(t, "Call")
	s.shows(t, "None of their phones can be reached now")
}

// testSoftphoneForwarded has the softphone dial who cannot be reached, and has chosen another phone for that.
func testSoftphoneForwarded(t *testing.T, d *deployment, s *softphone, nobody account, desk *phone) {
	user, err := d.api.Users().Get(t.Context(), nobody.user.ID)
	if err == nil {
		_, err = d.api.Users().Update(t.Context(), user.ID, user.Version, map[string]any{"fallback_unreachable": desk.account.dial})
	}
	if err != nil {
		t.Fatal(err)
	}
	s.shows(t, "Reachable")
	for _, key := range nobody.dial {
		s.presses(t, string(key))
	}
	s.presses(t, "Call")
	desk.await(t, "CALL_INCOMING")
	s.shows(t, "Forwarded to "+desk.account.user.Name+", "+desk.account.dial)
	s.shows(t, "Ringing")
	s.presses(t, "Cancel")
	desk.await(t, "CALL_CLOSED")
}

// hearsNothing waits until the phone has heard silence for a while.
func (p *phone) hearsNothing(t *testing.T) {
	t.Helper()
	eventually(t, p.control.name+" hears nothing", func() error {
		p.mustRun(t)
		samples, err := p.recording()
		if err != nil || len(samples) < p.codec.rate {
			return errors.Join(err, errors.New("nothing is recorded"))
		}
		for _, v := range samples[len(samples)-p.codec.rate/4:] {
			if v > 300 || v < -300 {
				return fmt.Errorf("a sample of %d", v)
			}
		}
		return nil
	})
}

// accessible checks what a screen reader needs of a screen: one main part, and a name for all that can be used.
func (s *softphone) accessible(t *testing.T, screen string) {
	t.Helper()
	var nodes []*accessibility.Node
	s.run(t, "read the accessibility tree", chromedp.ActionFunc(func(ctx context.Context) (err error) {
		nodes, err = accessibility.GetFullAXTree().Do(ctx)
		return err
	}))
	text := func(v *accessibility.Value) string {
		if v == nil {
			return ""
		}
		return strings.Trim(string(v.Value), `"`)
	}
	counts := map[string]int{}
	for _, n := range nodes {
		role := text(n.Role)
		if n.Ignored {
			continue
		}
		counts[role]++
		switch role {
		case "button", "textbox", "searchbox", "combobox", "slider", "link", "navigation", "alertdialog", "group", "image", "img":
			if text(n.Name) == "" {
				t.Errorf("%s: a %s has no name (node %d)", screen, role, n.BackendDOMNodeID)
			}
		}
	}
	if counts["main"] != 1 || counts["button"] == 0 || counts["heading"] == 0 {
		t.Errorf("%s: %v", screen, counts)
	}
}
