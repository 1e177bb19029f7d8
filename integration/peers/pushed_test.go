//go:build peers

package peers

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"time"

	"strowger/integration/standin"
	"strowger/integration/standin/fcm"
)

// project is of Firebase.
const project = "peers"

// pushes is a stand-in for Google's push service on a bridge's machine.
type pushes struct {
	server *fcm.Server
	args   []string // that tell the bridge of it
	came   chan standin.Message
}

// startPushes starts the service.
func startPushes(t *testing.T, bridge host) *pushes {
	t.Helper()
	p := &pushes{came: make(chan standin.Message, 16)}
	var err error
	bridge.inside(t, func() {
		p.server, err = fcm.New(fcm.Config{Project: project, Deliver: func(m standin.Message) { p.came <- m }, Now: time.Now})
	})
	if err != nil {
		t.Fatal(err)
	}
	file, err := p.server.File(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p.args = []string{"--fcm", file, "--fcm-server", p.server.Endpoint()}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.server.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return p
}

// testPushed has a desk phone call a SIPp that registered how it is woken (RFC 8599), and that is not there: a push comes, it registers anew, and the call that
// waited for that reaches it.
func testPushed(t *testing.T, d *deployment, pushed *pushes) {
	from := d.x.phone(t, d.x.account(t), handset{codec: pcma, tone: low})
	to := d.y.line(t, d.y.account(t))
	// One SIPp signs in and another answers: what comes between them comes again, since nobody says that nobody is there.
	to.host.filter(t, "table ip f {\n chain out {\n type filter hook output priority 0;\n icmp type destination-unreachable drop\n }\n}\n")
	token := pushed.server.Install()
	contact := scenario{Push: ";pn-provider=fcm;pn-param=" + project + ";pn-prid=" + url.PathEscape(token)}
	to.run(t, registerScenario, contact).good(t)
	toFrom := listen(t, from.host)
	from.do(t, "dial", to.dial)
	eventually(t, "a push", func() error {
		select {
		case m := <-pushed.came:
			if m.Token != token {
				t.Errorf("pushed to %q, want %q", m.Token, token)
			}
			return nil
		default:
			return errors.New("none came")
		}
	})
	to.run(t, registerScenario, contact).good(t)
	callee := to.run(t, answerScenario, scenario{}, "-rtp_echo")
	from.await(t, "CALL_ESTABLISHED")
	toFrom.expectTone(t, from.tone)
	from.do(t, "hangup", "")
	callee.good(t)
}
