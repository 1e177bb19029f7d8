package fabric_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"go.uber.org/goleak"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	org  = "org_a"
	sw   = "sw_1"
	site = "st_1"
)

// wait bounds what must happen; no test asserts how long it takes.
const wait = time.Minute

// network is an embedded server with one cloud instance and one switch, which has the permissions of its kind.
type network struct {
	server *server.Server
	keys   map[string]nkeys.KeyPair
}

func newNetwork(t *testing.T) *network {
	t.Helper()
	n := &network{keys: make(map[string]nkeys.KeyPair)}
	p := fabric.SwitchPermissions(org, sw, site)
	o := &server.Options{DontListen: true, NoSigs: true, NoLog: true, Nkeys: []*server.NkeyUser{
		{Nkey: n.key(t, "cloud")},
		{Nkey: n.key(t, sw), Permissions: &server.Permissions{
			Publish:   &server.SubjectPermission{Allow: p.Publish},
			Subscribe: &server.SubjectPermission{Allow: p.Subscribe},
			Response:  &server.ResponsePermission{MaxMsgs: 1, Expires: time.Minute},
		}},
	}}
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	n.server = s
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return n
}

func (n *network) key(t *testing.T, name string) string {
	t.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	n.keys[name] = pair
	public, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return public
}

func (n *network) connect(t *testing.T, name string, change func(*fabric.Config)) *fabric.Client {
	t.Helper()
	cfg := fabric.Config{
		Org: org, Node: name, Name: name, Logger: slog.New(slog.DiscardHandler),
		InProcess: n.server, Key: n.keys[name], Cloud: name == "cloud",
	}
	if change != nil {
		change(&cfg)
	}
	c, err := fabric.Connect(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	ready(t, c)
	return c
}

func (n *network) both(t *testing.T) (cloud, node *fabric.Client) {
	t.Helper()
	return n.connect(t, "cloud", nil), n.connect(t, sw, nil)
}

func ready(t *testing.T, c *fabric.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	if err := c.Ready(ctx); err != nil {
		t.Fatal(err)
	}
}

// handle serves admissions at the cloud.
func handle(t *testing.T, cloud *fabric.Client, workers int,
	f func(context.Context, fabric.Subject, fabric.Admit) (fabric.Admitted, error)) (stop func()) {
	t.Helper()
	stop, err := fabric.Handle(t.Context(), cloud, fabric.SubjectAdmit(fabric.Any, fabric.Any), fabric.Workers, workers, f)
	if err != nil {
		t.Fatal(err)
	}
	return stop
}

func admit(ctx context.Context, c *fabric.Client, subject string, q fabric.Admit) (fabric.Admitted, error) {
	return fabric.Request[fabric.Admit, fabric.Admitted](ctx, c, subject, q)
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(wait)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within %v", what, wait)
		}
	}
}

func TestRequest(t *testing.T) {
	cloud, node := newNetwork(t).both(t)
	var headers []fabric.Header
	handle(t, cloud, 1, func(ctx context.Context, s fabric.Subject, q fabric.Admit) (fabric.Admitted, error) {
		headers = append(headers, q.Header)
		if _, ok := ctx.Deadline(); !ok {
			t.Error("a handler's context has no deadline")
		}
		if s != (fabric.Subject{Org: org, Family: "sw", ID: sw, Verb: "admit"}) {
			t.Errorf("subject %+v", s)
		}
		if q.Dialled != "301001" {
			return fabric.Admitted{}, errs.New(errs.Unknown, "nobody has the number %s", q.Dialled)
		}
		return fabric.Admitted{Crossing: "ca_2"}, nil
	})
	r, err := admit(t.Context(), node, fabric.SubjectAdmit(org, sw), fabric.Admit{Dialled: "301001"})
	if err != nil || r.Crossing != "ca_2" || r.Now.IsZero() {
		t.Errorf("answer %+v, %v", r, err)
	}
	_, err = admit(t.Context(), node, fabric.SubjectAdmit(org, sw), fabric.Admit{Dialled: "99", Header: fabric.Header{ID: "rq_again"}})
	if errs.CodeOf(err) != errs.Unknown || err.Error() != "nobody has the number 99" {
		t.Errorf("the cloud's refusal arrived as %v (%s)", err, errs.CodeOf(err))
	}
	if len(headers) != 2 {
		t.Fatalf("%d requests arrived, want 2", len(headers))
	}
	if h := headers[0]; h.Capability != fabric.Capability || h.ID == "" || !h.Deadline.IsZero() {
		t.Errorf("first header %+v: want the capability, an id, and no deadline before the cloud's time is known", h)
	}
	if h := headers[1]; h.ID != "rq_again" || h.Deadline.IsZero() {
		t.Errorf("second header %+v: want the id given, and a deadline", h)
	}
}

func TestDeniedSubjectIsForbidden(t *testing.T) {
	cloud, node := newNetwork(t).both(t)
	handle(t, cloud, 1, func(context.Context, fabric.Subject, fabric.Admit) (fabric.Admitted, error) {
		t.Error("a request on a denied subject arrived")
		return fabric.Admitted{}, nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	if _, err := admit(ctx, node, fabric.SubjectAdmit(org, "sw_2"), fabric.Admit{}); errs.CodeOf(err) != errs.Forbidden || ctx.Err() != nil {
		t.Errorf("admission of another switch: %v, want forbidden before the deadline", err)
	}
	if node.Counts().Denied != 1 {
		t.Errorf("counts %+v, want 1 denied", node.Counts())
	}
}

func TestDeniedSubscriptionIsReported(t *testing.T) {
	n := newNetwork(t)
	status := make(chan fabric.Status, 16)
	node := n.connect(t, sw, func(c *fabric.Config) { c.OnStatus = func(s fabric.Status) { status <- s } })
	if s := <-status; !s.Connected || s.Reason != nil {
		t.Fatalf("first status %+v, want connected", s)
	}
	if _, err := fabric.Subscribe(node, fabric.SubjectChanged(org, "sw_2"), func(fabric.Subject, fabric.Changed) {}); err != nil {
		t.Fatal(err)
	}
	if s := <-status; !s.Connected || errs.CodeOf(s.Reason) != errs.Forbidden {
		t.Errorf("status %+v, want that the subscription is forbidden", s)
	}
}

func TestCloudAway(t *testing.T) {
	n := newNetwork(t)
	_, node := n.both(t)
	if _, err := admit(t.Context(), node, fabric.SubjectAdmit(org, sw), fabric.Admit{}); errs.CodeOf(err) != errs.CloudAway {
		t.Errorf("with nobody to answer: %v, want cloud-away", err)
	}
	n.server.Shutdown()
	eventually(t, "the node notices that the server is gone", func() bool { return !node.Status().Connected })
	if _, err := admit(t.Context(), node, fabric.SubjectAdmit(org, sw), fabric.Admit{}); errs.CodeOf(err) != errs.CloudAway {
		t.Errorf("without a server: %v, want cloud-away", err)
	}
	if err := fabric.Publish(t.Context(), node, fabric.SubjectLease(org, sw), fabric.Lease{}); errs.CodeOf(err) != errs.CloudAway {
		t.Errorf("publish without a server: %v, want cloud-away", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := node.Ready(ctx); errs.CodeOf(err) != errs.CloudAway {
		t.Errorf("ready: %v, want cloud-away", err)
	}
}

func TestLostConnectionEndsWaitingRequests(t *testing.T) {
	n := newNetwork(t)
	cloud, node := n.both(t)
	arrived, release := make(chan struct{}), make(chan struct{})
	handle(t, cloud, 1, func(context.Context, fabric.Subject, fabric.Admit) (fabric.Admitted, error) {
		close(arrived)
		<-release
		return fabric.Admitted{}, nil
	})
	answer := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() {
		_, err := admit(ctx, node, fabric.SubjectAdmit(org, sw), fabric.Admit{})
		answer <- err
	}()
	<-arrived
	n.server.Shutdown()
	if err := <-answer; errs.CodeOf(err) != errs.CloudAway || ctx.Err() != nil {
		t.Errorf("a request whose connection was lost: %v, want cloud-away at once", err)
	}
	close(release)
}

func TestCanceledRequest(t *testing.T) {
	cloud, node := newNetwork(t).both(t)
	ctx, cancel := context.WithCancel(t.Context())
	handle(t, cloud, 1, func(context.Context, fabric.Subject, fabric.Admit) (fabric.Admitted, error) {
		cancel()
		return fabric.Admitted{}, errors.New("not reached by anyone")
	})
	_, err := admit(ctx, node, fabric.SubjectAdmit(org, sw), fabric.Admit{})
	if err == nil {
		t.Error("a canceled request succeeded")
	}
}

// TestLateRequestsAreDropped keeps the only worker busy until the request behind it is past its deadline.
func TestLateRequestsAreDropped(t *testing.T) {
	cloud, node := newNetwork(t).both(t)
	busy, release := make(chan struct{}), make(chan struct{})
	var handled []string
	handle(t, cloud, 1, func(_ context.Context, _ fabric.Subject, q fabric.Admit) (fabric.Admitted, error) {
		handled = append(handled, q.Call)
		if q.Call == "busy" {
			close(busy)
			<-release
		}
		return fabric.Admitted{}, nil
	})
	asked := time.Now()
	if _, err := admit(t.Context(), node, fabric.SubjectAdmit(org, sw), fabric.Admit{Call: "learns the time"}); err != nil {
		t.Fatal(err)
	}
	trip := time.Since(asked)
	first := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	go func() {
		_, err := admit(ctx, node, fabric.SubjectAdmit(org, sw), fabric.Admit{Call: "busy"})
		first <- err
	}()
	<-busy
	short, cancelShort := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancelShort()
	if _, err := admit(short, node, fabric.SubjectAdmit(org, sw), fabric.Admit{Call: "late"}); errs.CodeOf(err) != errs.CloudAway {
		t.Errorf("a request that nobody answered in time: %v, want cloud-away", err)
	}
	past := cloud.Now().Add(trip) // the node's idea of the cloud's time is better than that
	eventually(t, "the late request is past its deadline", func() bool { return cloud.Now().After(past) })
	close(release)
	if err := <-first; err != nil {
		t.Errorf("the request in front: %v", err)
	}
	eventually(t, "the late request is counted", func() bool { return cloud.Counts().Late == 1 })
	if strings.Join(handled, ", ") != "learns the time, busy" {
		t.Errorf("handled %q, want not the late one", handled)
	}
}

func TestOverflowIsCongested(t *testing.T) {
	cloud, node := newNetwork(t).both(t)
	release := make(chan struct{})
	handle(t, cloud, 1, func(context.Context, fabric.Subject, fabric.Admit) (fabric.Admitted, error) {
		<-release
		return fabric.Admitted{}, nil
	})
	// One in work, 16 waiting, and at least one too many.
	const sent = 18
	answers := make(chan error, sent)
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	for range sent {
		go func() {
			_, err := admit(ctx, node, fabric.SubjectAdmit(org, sw), fabric.Admit{})
			answers <- err
		}()
	}
	if err := <-answers; errs.CodeOf(err) != errs.Congested {
		t.Errorf("the first answer is %v, want congested", err)
	}
	close(release)
	for range sent - 1 {
		<-answers
	}
	if cloud.Counts().Overflow == 0 {
		t.Error("the overflow was not counted")
	}
}

func TestPublishAndSubscribe(t *testing.T) {
	cloud, node := newNetwork(t).both(t)
	got := make(chan fabric.Changed, 1)
	stop, err := fabric.Subscribe(node, fabric.SubjectChanged(org, sw), func(_ fabric.Subject, m fabric.Changed) { got <- m })
	if err != nil {
		t.Fatal(err)
	}
	offers := make(chan fabric.Offer, 1)
	if _, err := fabric.Handle(t.Context(), node, fabric.SubjectOffer(org, sw), "", 1,
		func(_ context.Context, _ fabric.Subject, q fabric.Offer) (fabric.Reply, error) {
			offers <- q
			return fabric.Reply{}, nil
		}); err != nil {
		t.Fatal(err)
	}
	if _, err := fabric.Request[fabric.Offer, fabric.Reply](t.Context(), cloud, fabric.SubjectOffer(org, sw), fabric.Offer{}); err != nil {
		t.Errorf("offer: %v", err)
	}
	<-offers
	if err := fabric.Publish(t.Context(), cloud, fabric.SubjectChanged(org, sw), fabric.Changed{Copy: true}); err != nil {
		t.Fatal(err)
	}
	if m := <-got; !m.Copy {
		t.Errorf("changed %+v", m)
	}
	if err := fabric.Publish(t.Context(), cloud, fabric.SubjectOffer(org, sw), fabric.Offer{}); err != nil {
		t.Fatal(err)
	}
	if q := <-offers; q.ID == "" || q.Deadline.IsZero() {
		t.Errorf("published offer with the header %+v, want it filled in", q.Header)
	}
	stop()
	stop()
}

// TestSubscriberHearsRequestsOfOthers listens to requests that another client answers, and falls behind: it answers none.
func TestSubscriberHearsRequestsOfOthers(t *testing.T) {
	n := newNetwork(t)
	cloud, node := n.both(t)
	second := n.connect(t, "cloud", func(c *fabric.Config) { c.Node = "second" })
	release, heard := make(chan struct{}), make(chan string, 1<<12)
	if _, err := fabric.Subscribe(second, fabric.SubjectLease(fabric.Any, fabric.Any), func(s fabric.Subject, _ fabric.Lease) {
		<-release
		heard <- s.ID
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := fabric.Handle(t.Context(), cloud, fabric.SubjectLease(fabric.Any, fabric.Any), fabric.Workers, 1,
		func(context.Context, fabric.Subject, fabric.Lease) (fabric.Reply, error) { return fabric.Reply{}, nil }); err != nil {
		t.Fatal(err)
	}
	for second.Counts().Overflow == 0 {
		if _, err := fabric.Request[fabric.Lease, fabric.Reply](t.Context(), node, fabric.SubjectLease(org, sw), fabric.Lease{}); err != nil {
			t.Fatal(err)
		}
	}
	close(release)
	if id := <-heard; id != sw {
		t.Errorf("heard of %q, want %q", id, sw)
	}
}

// TestInstanceHearsItself has two cloud instances tell each other: where its own message comes among those of the other says whose
// call was first, so each waits for its own as well.
func TestInstanceHearsItself(t *testing.T) {
	n := newNetwork(t)
	first := n.connect(t, "cloud", nil)
	second := n.connect(t, "cloud", func(c *fabric.Config) { c.Node = "second" })
	clients := []*fabric.Client{first, second}
	told := make([]chan string, len(clients))
	for i, c := range clients {
		told[i] = make(chan string, 2*len(clients))
		if _, err := fabric.Subscribe(c, fabric.SubjectAttempt(fabric.Any), func(_ fabric.Subject, m fabric.Attempt) { told[i] <- m.Call }); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"call of the first", "call of the second"}
	for i, c := range clients {
		if err := fabric.Publish(t.Context(), c, fabric.SubjectAttempt(org), fabric.Attempt{Call: want[i]}); err != nil {
			t.Fatal(err)
		}
	}
	for i, heard := range told {
		got := []string{<-heard, <-heard}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("instance %d heard of %q, want %q", i, got, want)
		}
	}
}

// raw connects as a node past the client.
func (n *network) raw(t *testing.T, node string) *nats.Conn {
	t.Helper()
	public, err := n.keys[node].PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := nats.Connect("", nats.InProcessServer(n.server), nats.Nkey(public, n.keys[node].Sign), nats.CustomInboxPrefix(fabric.Inbox(node)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// TestHostileMessages sends what no client of ours sends, past it.
func TestHostileMessages(t *testing.T) {
	n := newNetwork(t)
	cloud := n.connect(t, "cloud", nil)
	handle(t, cloud, 1, func(context.Context, fabric.Subject, fabric.Admit) (fabric.Admitted, error) {
		t.Error("a malformed request was handled")
		return fabric.Admitted{}, nil
	})
	conn := n.raw(t, sw)
	for name, data := range map[string][]byte{
		"no JSON":   []byte("INVITE sip:1001@example.com SIP/2.0\r\n\r\n"),
		"empty":     nil,
		"too large": []byte(`{"dialled":"` + strings.Repeat("0", fabric.MaxRequest) + `"}`),
	} {
		m, err := conn.Request(fabric.SubjectAdmit(org, sw), data, wait)
		if err != nil {
			t.Errorf("%s: %v, want an answer", name, err)
		} else if !strings.Contains(string(m.Data), `"code":"invalid"`) {
			t.Errorf("%s: answer %s, want invalid", name, m.Data)
		}
	}
	// The cloud may write everywhere, so it must not be told to answer into the subjects of others.
	before := cloud.Counts().Malformed
	if err := conn.PublishRequest(fabric.SubjectAdmit(org, sw), fabric.SubjectControl(org, "sw_2"), []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the confused deputy is counted", func() bool { return cloud.Counts().Malformed == before+1 })
}

// TestAnswersReachWhoMayAsk has a switch ask in the name of another for what does not name who asks.
func TestAnswersReachWhoMayAsk(t *testing.T) {
	n := newNetwork(t)
	cloud := n.connect(t, "cloud", func(c *fabric.Config) {
		c.MayAsk = func(s fabric.Subject, node string) bool { return s.ID == "st_1" && node == sw }
	})
	stop, err := fabric.Handle(t.Context(), cloud, fabric.SubjectCopy(fabric.Any, fabric.Any), fabric.Workers, 1,
		func(context.Context, fabric.Subject, fabric.CopyRequest) (fabric.CopyReply, error) {
			return fabric.CopyReply{}, errors.New("password of the database: secret")
		})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	client := n.connect(t, sw, nil)
	_, err = fabric.Request[fabric.CopyRequest, fabric.CopyReply](t.Context(), client, fabric.SubjectCopy(org, "st_1"), fabric.CopyRequest{})
	if errs.CodeOf(err) != errs.Internal || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "rq_") {
		t.Errorf("an error of the inside is told as %v", err)
	}
	conn := n.raw(t, sw)
	before := cloud.Counts().Malformed
	if err := conn.PublishRequest(fabric.SubjectCopy(org, "st_1"), fabric.Inbox("sw_2")+".x", []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "who may not ask is counted", func() bool { return cloud.Counts().Malformed == before+1 })
}
