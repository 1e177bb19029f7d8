package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v4"

	"strowger/mobile-bridge/sdk"
)

// upWithin is how long a WebRTC connection may take to come up.
const upWithin = 10 * time.Second

// answerer is a server that answers WebRTC offers.
type answerer interface {
	// offer returns the answer to an offer, and what ends the connection.
	offer(ctx context.Context, sdp string) (answer string, end func() error, err error)
}

// dialled is a WebRTC connection of the load, with a microphone that says nothing.
type dialled struct {
	pc  *webrtc.PeerConnection
	end func() error
}

// dialWebRTC brings one up.
func dialWebRTC(ctx context.Context, to answerer) (d dialled, err error) {
	ctx, cancel := context.WithTimeout(ctx, upWithin)
	defer cancel()
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	if d.pc, err = webrtc.NewAPI(webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{}); err != nil {
		return d, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	up := make(chan error, 4)
	d.pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		switch s {
		case webrtc.PeerConnectionStateConnected:
			up <- nil
		case webrtc.PeerConnectionStateFailed:
			up <- errors.New("no WebRTC connection to the server")
		}
	})
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "audio", "bench")
	if err == nil {
		_, err = d.pc.AddTrack(track)
	}
	if err != nil {
		return d, err
	}
	offer, err := d.pc.CreateOffer(nil)
	gathered := webrtc.GatheringCompletePromise(d.pc)
	if err == nil {
		err = d.pc.SetLocalDescription(offer)
	}
	if err != nil {
		return d, err
	}
	<-gathered
	answer, end, err := to.offer(ctx, d.pc.LocalDescription().SDP)
	d.end = end
	if err == nil {
		err = d.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer})
	}
	if err != nil {
		return d, err
	}
	select {
	case err = <-up:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	return d, err
}

// close ends it at both ends.
func (d dialled) close() error {
	var err error
	if d.end != nil {
		err = d.end()
	}
	return errors.Join(err, d.pc.GracefulClose())
}

// barePeer is pion and nothing else.
type barePeer struct{ at string }

func (p barePeer) offer(ctx context.Context, sdp string) (answer string, end func() error, err error) {
	err = tell(ctx, "http://"+p.at+"/offer", sdp, &answer)
	return answer, func() error { return nil }, err // DTLS tells it
}

// setUps has connections come up at a rate; those that are to be held are returned, the others end at once.
func setUps(ctx context.Context, to answerer, n int, rate float64, hold bool) (o outcome, held []dialled, err error) {
	var mu sync.Mutex
	var running sync.WaitGroup
	o = outcome{units: n, refused: map[string]int{}}
	began := time.Now()
	for i := range n {
		if err = pause(ctx, time.Until(began.Add(time.Duration(float64(i)/rate*float64(time.Second))))); err != nil {
			break
		}
		running.Go(func() {
			d, err := dialWebRTC(ctx, to)
			if err == nil && !hold {
				err = d.close()
			}
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				o.lost++
				o.refused[err.Error()]++
			case hold:
				held = append(held, d)
			}
		})
	}
	running.Wait()
	return o, held, err
}

// crowd is apps that answer every call, and say when their media is there.
type crowd struct {
	apps      []*sleeper
	hold      atomic.Bool // else they hang up when it is
	connected atomic.Int64
	running   sync.WaitGroup
}

// gather makes a crowd of n apps.
func (d *directory) gather(ctx context.Context, s *services, n int) (*crowd, error) {
	c := new(crowd)
	for range n {
		app, err := d.sleeper(ctx, s, d.numbered(), func() {})
		if err != nil {
			return nil, errors.Join(err, c.close())
		}
		c.apps = append(c.apps, app)
		c.running.Go(func() { c.answer(app) })
	}
	return c, nil
}

func (c *crowd) answer(app *sleeper) {
	for e := range app.events {
		switch e.Kind {
		case sdk.Ringing:
			e.Call.Answer(silence{})
		case sdk.Connected:
			c.connected.Add(1)
			if !c.hold.Load() {
				e.Call.Hangup()
			}
		}
	}
}

func (c *crowd) close() error {
	for _, a := range c.apps {
		a.Close()
		close(a.events)
	}
	c.running.Wait()
	return nil
}

// callees are what is dialled to reach the crowd.
func (c *crowd) callees() (all []phone) {
	for _, a := range c.apps {
		all = append(all, phone{number: a.number})
	}
	return all
}

// silence is audio that says nothing.
type silence struct{}

// Start and the others do nothing.
func (silence) Start(*sdk.Call) {}

// Play drops what is heard.
func (silence) Play([]byte) {}

// Stop has nothing to stop.
func (silence) Stop() {}

// called has phones call the crowd and says how many of the calls had media.
func (c *crowd) called(ctx context.Context, l *load, from []phone, n int, rate float64, token string) (outcome, error) {
	before := c.connected.Load()
	got, err := l.run(ctx, call{callers: from, callees: c.callees(), token: token, hold: true}, n, rate)
	if err != nil {
		return got, err
	}
	for range 100 { // media may come after the answer
		if c.connected.Load()-before == int64(n) {
			break
		}
		if err := pause(ctx, upWithin/100); err != nil {
			return got, err
		}
	}
	if got.lost = n - int(c.connected.Load()-before); got.lost > 0 {
		progress("strowger: %d of %d calls to apps have no media: %v", got.lost, n, got.refused)
	}
	return got, nil
}

// legNames are the rows of the part: what a leg costs, and what it holds.
const (
	legSetUp = "a call to a sleeping app, with its WebRTC"
	legLive  = "a WebRTC leg that is up: heap and stacks"
	legHeld  = "a WebRTC leg that is up: process"
)

// webRTC measures what WebRTC legs cost, beside Janus and beside pion alone.
func (b *bench) webRTC(ctx context.Context) error {
	cost, live, process, err := b.ourLegs(ctx)
	b.stop()
	if err != nil {
		return err
	}
	rows := [][]row{}
	peers := []string{"Janus", "pion"}
	if b.alone {
		peers = peers[:0]
		rows = append(rows, append(cost, process))
	}
	for _, peer := range peers {
		costs, held := append([]row(nil), cost...), process
		err := b.theirLegs(ctx, peer, costs, &held)
		b.stop()
		if err != nil {
			return err
		}
		rows = append(rows, append(costs, held))
	}
	for i := range rows[0] {
		for _, of := range rows {
			b.rows = append(b.rows, of[i])
		}
	}
	b.rows = append(b.rows, live)
	return nil
}

// ourLegs measures a switch whose phones call apps that sleep.
func (b *bench) ourLegs(ctx context.Context) (cost []row, live, held row, err error) {
	ways := &delayer{}
	defer ways.close()
	s, err := serve(ctx)
	if err != nil {
		return nil, live, held, err
	}
	defer s.close()
	l, err := newLoad()
	if err != nil {
		return nil, live, held, err
	}
	defer l.close()
	ours, d, err := b.officeForApps(ctx, s, ways)
	if err != nil {
		return nil, live, held, err
	}
	defer d.client.HTTP.CloseIdleConnections()
	c, err := d.gather(ctx, s, b.plan.talkers/2)
	if err != nil {
		return nil, live, held, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if err := warmUp(ctx, l, ours); err != nil {
		return nil, live, held, err
	}
	from, _ := parties(ours)
	l.patience = upWithin
	for _, rate := range b.plan.legRates {
		r := row{Part: "webrtc", Name: legSetUp, Load: fmt.Sprintf("%.0f/s", rate), Unit: "µs"}
		for pass := range b.plan.runs {
			one, err := b.take(ctx, ours, func() (outcome, error) {
				return c.called(ctx, l, from, int(rate*b.plan.each.Seconds()), rate, fmt.Sprintf("leg%.0f.%d", rate, pass))
			})
			if err != nil {
				return nil, live, held, err
			}
			progress("strowger: WebRTC legs at %.0f/s: %v, cloud and bridge %v, %d lost", rate, one.main, one.side, one.lost)
			r.ours(one, 1)
		}
		if err := b.profiled(ctx, ours, r.Name+" "+r.Load, b.plan.each, func() (outcome, error) {
			return c.called(ctx, l, from, int(rate*b.plan.each.Seconds()), rate, fmt.Sprintf("leg%.0f.profile", rate))
		}); err != nil {
			return nil, live, held, err
		}
		cost = append(cost, r)
	}
	before, err := holds(ctx, ours)
	if err != nil {
		return nil, live, held, err
	}
	c.hold.Store(true)
	got, err := c.called(ctx, l, from, b.plan.legs, b.plan.legRates[0], "legs")
	if err != nil {
		return nil, live, held, err
	}
	if _, err := b.settled(ctx, ours); err != nil {
		return nil, live, held, err
	}
	after, err := holds(ctx, ours)
	if err != nil {
		return nil, live, held, err
	}
	n := max(1, got.units-got.lost)
	load := fmt.Sprint(b.plan.legs)
	live = row{Part: "webrtc", Name: legLive, Load: load, Unit: "kB", Ours: []float64{kB(after.live-before.live, n)}, Lost: got.lost}
	held = row{Part: "webrtc", Name: legHeld, Load: load, Unit: "kB", Ours: []float64{kB(after.process-before.process, n)},
		Cloud: []float64{kB(after.cloud-before.cloud, n)}, Lost: got.lost}
	return cost, live, held, nil
}

// officeForApps starts an office, and a bridge that wakes apps.
func (b *bench) officeForApps(ctx context.Context, s *services, ways *delayer) (ours server, d *directory, err error) {
	if d, err = b.directory(ctx); err != nil {
		return ours, nil, err
	}
	if d.disguise, err = ways.disguised(d.apiAddress()); err != nil {
		return ours, nil, err
	}
	_, bridge, err := d.bridge(ctx, s, "")
	if err != nil {
		return ours, nil, err
	}
	p, err := d.place(ctx, b.plan.talkers, 0)
	if err != nil {
		return ours, nil, err
	}
	o, _, edge, err := d.edge(ctx, p, "--webrtc", "127.0.0.1:0")
	return server{name: "strowger", main: []program{edge}, side: []program{d.program, bridge}, offices: []office{o}}, d, err
}

// theirLegs measures a peer that answers offers, and adds to the rows of ours.
func (b *bench) theirLegs(ctx context.Context, peer string, cost []row, held *row) error {
	start := map[string]func(context.Context) (server, answerer, error){"Janus": b.janus, "pion": b.barePeer}[peer]
	theirs, to, err := start(ctx)
	if err != nil {
		return err
	}
	for i, rate := range b.plan.legRates {
		cost[i].Peer = peer
		for pass := range b.plan.runs + 1 { // the first one warms up
			one, err := b.take(ctx, theirs, func() (outcome, error) {
				o, _, err := setUps(ctx, to, int(rate*b.plan.each.Seconds()), rate, false)
				return o, err
			})
			if err != nil {
				return err
			}
			progress("%s: WebRTC connections at %.0f/s: %v, %d lost %v", peer, rate, one.main, one.lost, one.refused)
			if pass > 0 {
				cost[i].theirs(one, 1)
			}
		}
	}
	before, err := memory(theirs.main)
	if err != nil {
		return err
	}
	o, all, err := setUps(ctx, to, b.plan.legs, b.plan.legRates[0], true)
	defer func() {
		for _, d := range all {
			_ = d.close() // its figures were taken
		}
	}()
	if err != nil {
		return err
	}
	if _, err := b.settled(ctx, theirs); err != nil {
		return err
	}
	after, err := memory(theirs.main)
	if err != nil {
		return err
	}
	held.Peer, held.Their, held.TheirLost = peer, []float64{kB(after-before, max(1, o.units-o.lost))}, o.lost
	return nil
}

// barePeer starts pion alone.
func (b *bench) barePeer(context.Context) (server, answerer, error) {
	p, at, err := b.bare()
	return server{name: "pion", main: []program{p}}, barePeer{at}, err
}
