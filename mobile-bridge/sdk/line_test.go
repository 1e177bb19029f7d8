package sdk

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"strowger/pkg/channel"
	"strowger/pkg/designation"
	"strowger/pkg/enrol"
	"strowger/pkg/errs"
)

// memory is a Store.
type memory map[string][]byte

func (m memory) Load(name string) ([]byte, error)    { return m[name], nil }
func (m memory) Save(name string, data []byte) error { m[name] = data; return nil }

// pipes is a network within a process, so that a test's time is its own.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.done); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// bubble is a phone and a bridge in a time of their own.
type bubble struct {
	*hub
	phone *Phone
	net   *pipes

	mu    sync.Mutex
	dials []time.Time
	away  bool                  // nobody answers
	heard func(carrier) carrier // nil: as it is
}

// inBubble runs a test with a phone that knows a bridge, and is asleep.
func inBubble(t *testing.T, f func(*testing.T, *bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{hub: newHub(t), net: &pipes{conns: make(chan net.Conn), done: make(chan struct{})}}
		who, err := json.Marshal(identity{Info: enrol.DeviceInfo{Org: "org_a", Device: "dev_a", Bridges: []designation.BridgeFace{{ID: "br_1"}}}})
		if err != nil {
			t.Fatal(err)
		}
		if b.phone, err = NewPhone(memory{storeIdentity: who}, newRecorder(t)); err != nil {
			t.Fatal(err)
		}
		b.phone.line.dial = b.dial
		b.phone.asked = time.Now().Add(24 * time.Hour) // there is no cloud
		server := &http.Server{Handler: b.hub}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = server.Serve(b.net) })
		running.Go(func() { _ = b.Run(ctx) })
		f(t, b)
		b.phone.Close()
		cancel()
		b.Close()
		_ = server.Close()
		running.Wait()
	})
}

// dial opens a connection to the bridge.
func (b *bubble) dial(ctx context.Context, _ designation.BridgeFace) (carrier, error) {
	b.mu.Lock()
	b.dials = append(b.dials, time.Now())
	away, heard := b.away, b.heard
	b.mu.Unlock()
	if away {
		return nil, errs.New(errs.Unreachable, "nobody answers")
	}
	open := func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		b.opened(func() { _ = far.Close() })
		b.net.conns <- far
		return near, nil
	}
	client := &http.Client{Transport: &http.Transport{DialContext: open, DisableKeepAlives: true}}
	ws, _, err := websocket.Dial(ctx, "http://bridge"+channel.Path, &websocket.DialOptions{HTTPClient: client, Subprotocols: []string{channel.Subprotocol}})
	if err != nil {
		return nil, err
	}
	if heard != nil {
		return heard(socket{ws}), nil
	}
	return socket{ws}, nil
}

// dialled returns when the phone dialled since the last time.
func (b *bubble) dialled() []time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.dials
	b.dials = nil
	return all
}

// TestNothingIsLost cuts the connection at the moment at which the phone asks and is told: each question is asked once, in order, and
// answered; each frame of the bridge's is taken.
func TestNothingIsLost(t *testing.T) {
	for seed := range uint64(10) {
		inBubble(t, func(t *testing.T, b *bubble) {
			chance := rand.New(rand.NewPCG(seed, 0))
			if err := b.phone.Connect(); err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // until it has its channel
			const n = 30
			for i := range n {
				var work sync.WaitGroup
				for range chance.IntN(3) {
					work.Go(b.cut)
				}
				work.Go(func() {
					if got := asks(t, b.phone, i); got != i {
						t.Errorf("seed %d: question %d is answered %d", seed, i, got)
					}
				})
				work.Go(func() {
					if err := b.Send(t.Context(), "dev_a", channel.TypeCancel, channel.Cancel{}); err != nil {
						t.Errorf("seed %d: frame %d: %v", seed, i, err)
					}
				})
				work.Wait()
				<-time.After(steady + time.Second) // the next loss is the first again
			}
			if len(b.asked) != n || !slices.IsSorted(b.asked) || b.asked[n-1] != n || b.Counters().Open != 1 {
				t.Errorf("seed %d: asked %v, %+v", seed, b.asked, b.Counters())
			}
		})
	}
}

// listener remembers why bridges refused a phone.
type listener struct {
	mu  sync.Mutex
	all []string
}

func (l *listener) Refused(code, _ string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, code)
}

func (l *listener) told() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.all)
}

// TestRetries dials a bridge that is away after longer and longer waits, one that refuses the phone every minute, and says so each
// time.
func TestRetries(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		b.away = true
		told := &listener{}
		b.phone.SetChannelListener(told)
		if err := b.phone.Connect(); err != nil {
			t.Fatal(err)
		}
		<-time.After(10 * time.Minute)
		all, most := b.dialled(), firstRetry
		for i := range all[1:] {
			if wait := all[i+1].Sub(all[i]); wait < most/2 || wait > most {
				t.Errorf("wait %d is %v, want %v to %v", i, wait, most/2, most)
			}
			most = min(2*most, lastRetry)
		}
		refuse := func(err error) {
			b.hub.mu.Lock()
			defer b.hub.mu.Unlock()
			b.refuse = err
		}
		refuse(errs.New(errs.Revoked, "removed"))
		b.mu.Lock()
		b.away = false
		b.mu.Unlock()
		<-time.After(lastRetry)
		b.dialled()
		before := len(told.told())
		<-time.After(10 * lastRetry)
		if n := len(b.dialled()); n < 10 || n > 20 || len(told.told())-before != n || slices.ContainsFunc(told.told(), func(c string) bool { return c != string(errs.Revoked) }) {
			t.Errorf("asked %d times in ten minutes, told %v", n, told.told())
		}
		refuse(nil)
		<-time.After(lastRetry)
		if !b.phone.Awake() {
			t.Error("the phone is not awake when it may be")
		}
	})
}

// deaf is a connection on which nothing comes any more once deafness is closed.
type deaf struct {
	carrier
	deafness chan struct{}
}

func (d deaf) Read(ctx context.Context) ([]byte, error) {
	for {
		frame, err := d.carrier.Read(ctx)
		select {
		case <-d.deafness:
			if err != nil {
				return nil, err
			}
		default:
			return frame, err
		}
	}
}

// TestSilentBridge finds out by a ping that nothing comes, and goes on by another connection.
func TestSilentBridge(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		deafness := make(chan struct{})
		b.heard = func(c carrier) carrier { return deaf{c, deafness} }
		if err := b.phone.Connect(); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute)
		if n := len(b.dialled()); n != 1 || !b.phone.Awake() {
			t.Fatalf("dialled %d times", n)
		}
		b.mu.Lock()
		b.heard = nil
		b.mu.Unlock()
		close(deafness)
		if n := asks(t, b.phone, 5); n != 5 || b.Counters().Resumed != 1 || len(b.asked) != 1 {
			t.Errorf("answered %d, %+v", n, b.Counters())
		}
	})
}

// TestSleep: a phone that goes to sleep or is closed has the bridge hear that at once, a deaf one is closed all the same.
func TestSleep(t *testing.T) {
	for name, sleep := range map[string]func(*Phone){"asleep": (*Phone).Disconnect, "closed": (*Phone).Close} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bubble) {
				if err := b.phone.Connect(); err != nil {
					t.Fatal(err)
				}
				<-b.bound
				synctest.Wait()
				begun := time.Now()
				sleep(b.phone)
				<-b.unbound
				if took := time.Since(begun); took > 0 {
					t.Errorf("the bridge heard it after %v", took)
				}
			})
		})
	}
	inBubble(t, func(t *testing.T, b *bubble) {
		deafness := make(chan struct{})
		b.heard = func(c carrier) carrier { return deaf{c, deafness} }
		if err := b.phone.Connect(); err != nil {
			t.Fatal(err)
		}
		<-b.bound
		synctest.Wait()
		close(deafness)
		begun := time.Now()
		b.phone.Close()
		if took := time.Since(begun); took > goodbye {
			t.Errorf("closing took %v", took)
		}
		if err := b.phone.Connect(); errs.CodeOf(err) != errs.NodeStopped {
			t.Errorf("connected after the end: %v", err)
		}
	})
}

// TestReleaseAfterClose has a phone be closed while its channel is let go and wanted again: who wanted it lets go after that.
func TestReleaseAfterClose(t *testing.T) {
	p := &Phone{life: newLife()}
	l := &line{phone: p, wanted: 1, running: true, idle: make(chan struct{}), again: make(chan struct{})}
	l.release()
	l.want()
	p.life.end()
	if !l.stop() {
		t.Fatal("the channel of a closed phone goes on")
	}
	l.release()
}
