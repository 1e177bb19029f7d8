package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/proof"
)

const (
	spliceAfter = 1500 * time.Millisecond // that the way to the node itself has for its handshake, before one by a bridge is tried too
	showWithin  = 4 * time.Second         // that a node has for its verdict while there are other ways; it may ask the cloud first
	maxBridges  = 2                       // that are tried
)

// way opens a connection to a node, which is to be shown the entry.
type way func(context.Context) (*connection, error)

// ways are how a node may be reached, the best first.
func (p *Phone) ways(node designation.Node) []way {
	all := []way{func(ctx context.Context) (*connection, error) { return p.direct(ctx, node) }}
	id, err := p.enrolled()
	if err != nil {
		return all
	}
	bridges := slices.Clone(id.Info.Bridges)
	rand.Shuffle(len(bridges), func(i, j int) { bridges[i], bridges[j] = bridges[j], bridges[i] })
	for _, b := range bridges[:min(len(bridges), maxBridges)] {
		all = append(all, func(ctx context.Context) (*connection, error) { return p.splice(ctx, node, b) })
	}
	return all
}

// dial opens a connection to a node and shows it the entry: on the first way that opens. Each way has a head start over the
// next. A refusal of the node's carries its code.
func (p *Phone) dial(ctx context.Context, e entry) (*connection, error) {
	return dialFirst(ctx, p.ways(e.node), showWithin, e)
}

// dialFirst does so. A way that opens but brings no verdict for as long as patience is given up for the next, if there is one.
func dialFirst(ctx context.Context, ways []way, patience time.Duration, e entry) (*connection, error) {
	ctx, cancel := context.WithTimeout(ctx, dialWithin)
	outcomes := make(chan attempt, len(ways))
	var work sync.WaitGroup
	defer func() { // the others give up
		cancel()
		work.Wait()
		for len(outcomes) > 0 {
			(<-outcomes).conn.close()
		}
	}()
	var failed []error
	next := time.NewTimer(0)
	defer next.Stop()
	for begun := 0; len(failed) < len(ways); {
		select {
		case <-next.C:
			if begun == len(ways) {
				continue
			}
			open := ways[begun]
			begun++
			work.Go(func() {
				c, err := open(ctx)
				outcomes <- attempt{c, err}
			})
			next.Reset(spliceAfter)
		case o := <-outcomes:
			err := o.err
			if err == nil {
				last := len(failed) == len(ways)-1
				if err = o.conn.enterWithin(ctx, map[bool]time.Duration{false: patience, true: dialWithin}[last], e); err == nil {
					return o.conn, nil
				}
				o.conn.close()
				if final := new(refusal); errors.As(err, &final) {
					return nil, err
				}
			}
			failed = append(failed, err)
			next.Reset(0)
		}
	}
	if len(failed) == 1 {
		return nil, failed[0]
	}
	return nil, errs.New(errs.Unreachable, "no way leads to the node: %w", errors.Join(failed...))
}

// enterWithin shows the entry, and waits so long for the verdict.
func (c *connection) enterWithin(ctx context.Context, patience time.Duration, e entry) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return c.enter(ctx, e)
}

// bridgeWay is a connection to a node by way of a bridge: a WebSocket, each of whose frames is a message of SIP.
type bridgeWay struct {
	phone *Phone
	at    string // its URL
	ws    *websocket.Conn
	end   context.CancelFunc // of what watches it
	once  sync.Once
}

// splice opens a connection to a bridge on the way to a node.
func (p *Phone) splice(ctx context.Context, node designation.Node, at designation.BridgeFace) (*connection, error) {
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: pinned(at.KeyHash), Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}}
	ws, resp, err := websocket.Dial(ctx, strings.TrimSuffix(at.URL, "/")+"/call/"+node.ID, &websocket.DialOptions{
		HTTPClient: client, Subprotocols: []string{"sip"}, // RFC 7118, 4.1
	})
	switch {
	case err != nil && resp != nil && resp.StatusCode >= http.StatusBadRequest:
		return nil, errs.New(errs.Unreachable, "the bridge at %s answered %s", at.URL, resp.Status)
	case err != nil:
		return nil, errs.New(errs.Unreachable, "the bridge at %s does not answer: %w", at.URL, err)
	}
	c := &connection{bridge: &bridgeWay{phone: p, at: at.URL, ws: ws, end: func() {}}}
	if len(node.Addresses) > 0 {
		c.remote, _ = netip.ParseAddrPort(node.Addresses[0]) // a name is of no machine's own address
	}
	return c, nil
}

// enterSpliced shows the entry to the node by way of the bridge.
func (c *connection) enterSpliced(ctx context.Context, e proof.Entry) error {
	b := c.bridge
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if err := b.ws.Write(ctx, websocket.MessageText, line); err != nil {
		return errs.New(errs.Unreachable, "show the session key to the bridge at %s: %w", b.at, err)
	}
	var v proof.Verdict
	_, answer, err := b.ws.Read(ctx)
	if err == nil {
		err = json.Unmarshal(answer, &v)
	}
	switch {
	case err != nil:
		return errs.New(errs.Unreachable, "the bridge at %s said nothing of the session key: %w", b.at, err)
	case v.Error != nil && slices.Contains([]errs.Code{errs.Unreachable, errs.NodeStopped, errs.Congested, errs.Upgrade}, v.Error.Code):
		return v.Error // of the bridge, perhaps
	case v.Error != nil:
		return &refusal{v.Error}
	case !v.OK:
		return errs.New(errs.Invalid, "the node said neither yes nor no to the session key, by the bridge at %s", b.at)
	}
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	b.end, c.verdict = end, v
	c.stream = spliced{websocket.NetConn(life, b.ws, websocket.MessageText), b}
	b.phone.work.Go(func() { b.watch(life) })
	return nil
}

// watch closes a connection whose bridge no longer answers. What comes meanwhile is read by SIP.
func (b *bridgeWay) watch(ctx context.Context) {
	tick := time.NewTicker(keepAlive)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		pong, cancel := context.WithTimeout(ctx, idle-keepAlive)
		err := b.ws.Ping(pong)
		cancel()
		if err != nil {
			_ = b.ws.CloseNow() // it is closed either way
			return
		}
	}
}

// close ends the connection beside the call: the bridge takes a round trip to say that it has all.
func (b *bridgeWay) close() {
	b.once.Do(func() {
		b.phone.work.Go(func() {
			_ = b.ws.Close(websocket.StatusNormalClosure, "") // it is closed either way
			b.end()
		})
	})
}

// spliced is the SIP stream of a connection by way of a bridge: each Write is a message, and a frame (RFC 7118, 5).
type spliced struct {
	net.Conn
	bridge *bridgeWay
}

func (spliced) LocalAddr() net.Addr  { return discard(0, 1) }
func (spliced) RemoteAddr() net.Addr { return discard(0, 2) }

// Close ends the connection. What was written still arrives.
func (s spliced) Close() error {
	s.bridge.close()
	return nil
}
