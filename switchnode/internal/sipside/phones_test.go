package sipside

import (
	"strings"
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
)

var transports = []string{sip.UDP, sip.TCP, sip.TLS}

func header(res *sip.Response, name string) string {
	var all []string
	for _, h := range res.GetHeaders(name) {
		all = append(all, h.Value())
	}
	return strings.Join(all, ", ")
}

func TestRegister(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			o := newOffice(t)
			ann := o.phone("ann", transport)
			res := ann.register("ann", "Contact: "+ann.contact+`;q=0.5;+sip.instance="<urn:uuid:1>";reg-id=2`, "Expires: 120", "User-Agent: a phone", "Path: <sip:edge;lr>")
			if res.StatusCode != 200 || header(res, "Contact") != ann.contact+`;expires=120;q=0.5;+sip.instance="<urn:uuid:1>";reg-id=2` {
				t.Fatalf("%d %s, Contact: %s", res.StatusCode, res.Reason, header(res, "Contact"))
			}
			b := o.registrar.Lookup("dv_ann")
			if len(b) != 1 || b[0].Source.Transport != strings.ToLower(transport) || b[0].UserAgent != "a phone" || b[0].Path[0] != "<sip:edge;lr>" {
				t.Fatalf("bindings %+v", b)
			}
			if source := b[0].Source; (source.Connection == "") != (transport == sip.UDP) || !source.Addr.IsValid() {
				t.Errorf("source %+v", source)
			}
			if res := ann.register("ann", "Contact: "+ann.contact+";expires=0"); res.StatusCode != 200 || header(res, "Contact") != "" {
				t.Errorf("unregistered: %d, %s", res.StatusCode, header(res, "Contact"))
			}
		})
	}
}

// Each refusal has its own answer and words.
func TestRegisterRefused(t *testing.T) {
	o := newOffice(t)
	for name, c := range map[string]struct {
		user, secret, aor string
		headers           []string
		code              int
		words, refusal    string
	}{
		"no password":       {"ann", "", "ann", nil, 401, "Unauthorized", ""},
		"wrong password":    {"ann", "guess", "ann", nil, 403, "Wrong password", "unauthenticated"},
		"unknown user":      {"mallory", "x", "mallory", nil, 404, "No device has this user name", "not-found"},
		"disabled":          {"eve", "eve's", "eve", nil, 403, "Switched off by the administrator", "disabled"},
		"nobody":            {"ann", "ann's", "mallory", nil, 404, "No device has this user name", "not-found"},
		"somebody else":     {"ann", "ann's", "bob", nil, 403, "A phone may register only itself", "forbidden"},
		"too brief":         {"ann", "ann's", "ann", []string{"Contact: <sip:ann@192.0.2.1>;expires=10"}, 423, "Interval Too Brief", ""},
		"star with expiry":  {"ann", "ann's", "ann", []string{"Contact: *", "Expires: 60"}, 400, "Contact * Needs Expires 0", ""},
		"star in company":   {"ann", "ann's", "ann", []string{"Contact: *", "Contact: <sip:ann@192.0.2.1>", "Expires: 0"}, 400, "Contact * Must Be Alone", ""},
		"malformed contact": {"ann", "ann's", "ann", []string{"Contact: <mailto:ann@example.com>"}, 400, "Malformed Contact", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := o.phone(c.user, sip.UDP)
			p.secret = c.secret
			res := p.register(c.aor, c.headers...)
			if res.StatusCode != c.code || res.Reason != c.words || header(res, sip.HeaderRefusal) != c.refusal {
				t.Errorf("%d %q, %q; want %d %q, %q", res.StatusCode, res.Reason, header(res, sip.HeaderRefusal), c.code, c.words, c.refusal)
			}
			challenged := strings.Contains(header(res, "WWW-Authenticate"), `algorithm=SHA-256`)
			if challenged != (c.code == 401) {
				t.Errorf("WWW-Authenticate: %s", header(res, "WWW-Authenticate"))
			}
			if (header(res, "Min-Expires") == "60") != (c.code == 423) {
				t.Errorf("Min-Expires: %s", header(res, "Min-Expires"))
			}
		})
	}
	if all := o.registrar.Registered(); len(all) > 0 {
		t.Errorf("%q are registered", all)
	}
}

func TestRegisterStar(t *testing.T) {
	o := newOffice(t)
	ann := o.phone("ann", sip.UDP).registered()
	if res := ann.register("ann"); res.StatusCode != 200 || !strings.HasPrefix(header(res, "Contact"), ann.contact+";expires=") {
		t.Errorf("asked: %d, %s", res.StatusCode, header(res, "Contact"))
	}
	if res := ann.register("ann", "Contact: *", "Expires: 0"); res.StatusCode != 200 || header(res, "Contact") != "" {
		t.Errorf("removed: %d, %s", res.StatusCode, header(res, "Contact"))
	}
}

// RFC 3261, 10.3, 7: a REGISTER may bring several contacts in one header.
func TestRegisterSeveralContacts(t *testing.T) {
	o := newOffice(t)
	ann := o.phone("ann", sip.UDP)
	if res := ann.register("ann", "Contact: <sip:ann@192.0.2.1>;q=0.1, <sip:ann@192.0.2.2>"); res.StatusCode != 200 {
		t.Fatalf("%d %s", res.StatusCode, res.Reason)
	}
	b := o.registrar.Lookup("dv_ann")
	if len(b) != 2 || b[0].URI != "sip:ann@192.0.2.2" || b[1].Q != 0.1 {
		t.Errorf("bindings %+v", b)
	}
}

// A nonce that has grown old, or was used, is replaced without asking the user (RFC 7616, 3.3: stale).
func TestStaleNonce(t *testing.T) {
	o := newOffice(t)
	ann := o.phone("ann", sip.UDP)
	ann.secret = ""
	challenge := ann.register("ann")
	signed := sip.NewHeader("Authorization", answer(t, challenge, "ann", "REGISTER", "sip:127.0.0.1"))
	send := func() *sip.Response { return ann.register("ann", "Authorization: "+signed.Value()) }
	if res := send(); res.StatusCode != 200 {
		t.Fatalf("first use: %d %s", res.StatusCode, res.Reason)
	}
	if res := send(); res.StatusCode != 401 || !strings.Contains(header(res, "WWW-Authenticate"), "stale=true") {
		t.Errorf("second use: %d, %s", res.StatusCode, header(res, "WWW-Authenticate"))
	}
	challenge = ann.register("ann")
	signed = sip.NewHeader("Authorization", answer(t, challenge, "ann", "REGISTER", "sip:127.0.0.1"))
	o.late.Store(int64(time.Hour))
	if res := send(); res.StatusCode != 401 || !strings.Contains(header(res, "WWW-Authenticate"), "stale=true") {
		t.Errorf("after an hour: %d, %s", res.StatusCode, header(res, "WWW-Authenticate"))
	}
	if res := ann.register("ann", "Authorization: Digest username="); res.StatusCode != 401 && res.StatusCode != 400 {
		t.Errorf("malformed: %d", res.StatusCode)
	}
}

func TestInviteIsChallenged(t *testing.T) {
	o := newOffice(t)
	ann := o.phone("ann", sip.UDP)
	ann.secret = ""
	r := expect[sip.Refused](ann.dial("1002", speech))
	if r.Code != 401 || r.Refusal != "" || r.Cause != (sip.Cause{}) {
		t.Errorf("%+v", r)
	}
}

// Session keys are for links and apps. Here none is read, whatever else is shown with it.
func TestSessionKeyAtThePortForPhones(t *testing.T) {
	o := newOffice(t)
	o.begins(func(call.Incoming) error {
		t.Error("the call began")
		return nil
	})
	ann := o.phone("ann", sip.UDP)
	for _, scheme := range []string{"Bearer", "bearer"} {
		if res := ann.register("ann", "Authorization: "+scheme+" x.y.z"); res.StatusCode != 403 || res.GetHeader(sip.HeaderRefusal) == nil {
			t.Errorf("REGISTER: %s", res)
		}
	}
	if n := o.phones.SignIns()["session-key"]; n != 2 {
		t.Errorf("counted %d", n)
	}
}

func TestInviteRefused(t *testing.T) {
	o := newOffice(t)
	video := strings.Replace(speech, "audio", "video", 1)
	for name, c := range map[string]struct {
		user, secret, number, offer string
		begin                       error
		code                        int
		refusal, words              string
	}{
		"wrong password":  {"ann", "guess", "1002", speech, nil, 403, "unauthenticated", "Wrong password"},
		"unknown user":    {"mallory", "x", "1002", speech, nil, 404, "not-found", "No device has this user name"},
		"disabled":        {"eve", "eve's", "1002", speech, nil, 403, "disabled", "Switched off by the administrator"},
		"malformed offer": {"ann", "ann's", "1002", "v=0\r\nx", nil, 400, "invalid", ""},
		"no audio":        {"ann", "ann's", "1002", video, nil, 488, "no-common-codec", ""},
		"escaped wrongly": {"ann", "ann's", "10%", speech, nil, 400, "invalid", ""},
		"no text":         {"ann", "ann's", "10%00", speech, nil, 400, "invalid", ""},
		"stopping":        {"ann", "ann's", "1002", speech, errs.New(errs.NodeStopped, "this switch is shutting down"), 503, "node-stopped", "this switch is shutting down"},
		"congested":       {"ann", "ann's", "1002", speech, errs.New(errs.Congested, "full\r\nX: y"), 503, "congested", "full  X: y"},
	} {
		t.Run(name, func(t *testing.T) {
			o.begins(func(call.Incoming) error {
				if c.begin == nil {
					t.Error("the call began")
				}
				return c.begin
			})
			p := o.phone(c.user, sip.TCP)
			p.secret = c.secret
			r := expect[sip.Refused](p.dial(c.number, c.offer))
			if r.Code != c.code || r.Refusal != c.refusal || c.words != "" && r.Reason != c.words || r.Reason == "" {
				t.Errorf("%d %q, %q; want %d %q, %q", r.Code, r.Reason, r.Refusal, c.code, c.words, c.refusal)
			}
			if r.Cause.SIP != c.code || r.Cause.Q850 == 0 {
				t.Errorf("reason %+v", r.Cause)
			}
		})
	}
}

func TestCallBetweenPhones(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			o := newOffice(t)
			begun := make(chan call.Incoming, 1)
			ring := o.connect(func() []call.Target {
				return o.phones.Targets(designation.Branch{Device: "dv_bob", Number: "1002"}, time.Minute)
			})
			o.begins(func(in call.Incoming) error {
				begun <- in
				return ring(in)
			})
			bob := o.phone("bob", transport).registered()
			out := o.phone("ann", transport).dial("*43%23", speech)
			came, in := <-begun, <-bob.calls
			// Who calls comes from the account, never from From.
			if came.From.Number != "ann" || came.Device != "dv_ann" || came.Dialled != "*43#" || came.Hops != 42 || came.Breadth != 7 || came.Claims != nil {
				t.Errorf("came in as %+v", came)
			}
			if d := in.d; d.Hops() != 41 || d.Breadth() != 7 || d.Remote().User != "ann" || d.Request().To().Address.User != "*43#" || len(d.SDP()) == 0 {
				t.Errorf("bob got %s", in.d.Request())
			}
			in.do(func(d *sip.Dialog) { d.Progress(180, "Ringing") })
			if p := expect[sip.Progress](out); p.Code != 180 {
				t.Errorf("progress %+v", p)
			}
			in.do(func(d *sip.Dialog) { d.Answer([]byte(speech)) })
			expect[sip.Answered](out)
			expect[sip.Acked](in)
			out.do(func(d *sip.Dialog) { d.Bye(sip.Cause{}) })
			expect[sip.HungUp](in)
			expect[sip.Closed](out)
		})
	}
}

func TestTargets(t *testing.T) {
	o := newOffice(t)
	branch := designation.Branch{Device: "dv_ann"}
	if all := o.phones.Targets(branch, time.Minute); len(all) > 0 {
		t.Errorf("before: %v", all)
	}
	o.phone("ann", sip.UDP).registered()
	streamed := o.phone("ann", sip.TCP)
	streamed.seq = 100
	streamed.registered()
	if all := o.phones.Targets(branch, time.Minute); len(all) != 2 {
		t.Fatalf("two phones: %v", all)
	}
	// Nobody but the phone opens another connection: until then it cannot be rung.
	if err := streamed.stream.Close(); err != nil {
		t.Fatal(err)
	}
	late := time.After(time.Minute)
	for len(o.phones.Targets(branch, time.Minute)) != 1 {
		select {
		case <-time.After(time.Millisecond):
		case <-late:
			t.Fatalf("after the connection ended: %v", o.phones.Targets(branch, time.Minute))
		}
	}
}

// A phone that leaves the offer to the switch: the callee is offered all that we support, the caller what the callee took.
// That has keys as tones only: they are made for it. Our phone's ACK has no answer, and so the call ends.
func TestCallWithoutAnOffer(t *testing.T) {
	o := newOffice(t)
	ann, bob := o.phone("ann", sip.UDP), o.phone("bob", sip.TCP).registered()
	o.begins(o.connect(func() []call.Target { return o.phones.Targets(designation.Branch{Device: "dv_bob"}, time.Minute) }))
	caller := ann.dial("1002", "")
	callee := <-bob.calls
	callee.do(func(d *sip.Dialog) {
		if offer := string(d.SDP()); !strings.Contains(offer, "RTP/AVP 0 8 9 96 101") {
			t.Errorf("offered %q", offer)
		}
		d.Answer([]byte(speech))
	})
	if ok := expect[sip.Answered](caller); !strings.Contains(string(ok.SDP), "RTP/AVP 8 101\r\n") {
		t.Errorf("offered %q", ok.SDP)
	}
	if e := expect[sip.HungUp](caller); e.Cause.SIP != 488 {
		t.Errorf("hung up with %+v", e.Cause)
	}
	expect[sip.HungUp](callee)
}
