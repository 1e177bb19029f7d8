package switchnode

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"path/filepath"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/link"
	"strowger/pkg/sitecopy"
	"strowger/pkg/webcert"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/routing"
	"strowger/switchnode/internal/uplink"
	"strowger/switchnode/internal/webside"
)

// apps is what this switch has for phones that sleep: nothing if --webrtc is empty.
type apps struct {
	web          *webside.Web
	rtc          *webside.RTC
	certificates *webcert.Certificates
	uplinks      *uplink.Uplinks
}

// openApps opens the port of WebRTC, and finds the certificates that apps know this switch by.
func (n *node) openApps() (err error) {
	if !n.webrtc.IsValid() {
		return nil
	}
	id := n.identity.Load()
	n.apps.certificates, err = webcert.Open(webcert.Config{
		Path: filepath.Join(n.Data, "web.pem"), Node: id.Node, Host: n.host, Now: n.now, Changed: n.leases.soon, Logger: n.log,
	})
	if err != nil {
		return err
	}
	if n.apps.rtc, err = webside.ListenRTC(n.webrtc, n.host, n.public); err != nil {
		return fmt.Errorf("%w; choose another address with --webrtc, or turn apps off with --webrtc ''", err)
	}
	n.apps.web = webside.New(webside.Config{
		Node: id.Node, Name: id.NodeName, Org: id.Org, RTC: n.apps.rtc, Relay: n.relay, Verifier: n.keys, Wake: n.wake, Cancel: n.cancel, Origin: n.isBridge,
		Begin: n.calls.begin, Admission: n.calls.router.FromApp, Now: n.now, Logger: n.log,
	})
	n.apps.uplinks = uplink.New(uplink.Config{
		Bridges: func() map[string]sitecopy.Bridge { return n.copy.Snapshot().Bridges() },
		Connect: func(ctx context.Context, b designation.Node) (*link.Conn, error) { return n.endpoint.Connect(ctx, b) },
		Logger:  n.log,
	})
	n.started.WebRTC = netip.AddrPortFrom(n.host, n.apps.rtc.Addr().Port())
	return nil
}

func (a *apps) close() {
	if a.rtc != nil {
		_ = a.rtc.Close() // nothing is sent any more
	}
}

// on has the link endpoint take connections of apps, if there may be any.
func (a *apps) on(c *link.Config) {
	if a.web != nil {
		c.OnWeb, c.WebCertificate, c.OnCall = a.web.Take, a.certificates.Current, a.web.TakeSpliced
	}
}

// hashes and fingerprint are how apps know this switch.
func (a *apps) hashes() []string {
	if a.certificates == nil {
		return nil
	}
	return a.certificates.Hashes()
}

func (a *apps) fingerprint() string {
	if a.rtc == nil {
		return ""
	}
	return a.rtc.Fingerprint()
}

// wake has a bridge wake a device.
func (n *node) wake(ctx context.Context, q fabric.Wake) (fabric.WakeReply, error) {
	return fabric.Request[fabric.Wake, fabric.WakeReply](ctx, n.fabric, fabric.SubjectWake(n.fabric.Org(), n.fabric.Node()), q)
}

// permit asks the cloud for the ticket to wake a phone of this switch, and pushServices which services bridges reach.
func (n *node) permit(ctx context.Context, q fabric.Permit) (fabric.PermitReply, error) {
	return fabric.Request[fabric.Permit, fabric.PermitReply](ctx, n.fabric, fabric.SubjectPermit(n.fabric.Org(), n.fabric.Node()), q)
}

func (n *node) pushServices(ctx context.Context) (fabric.PushServicesReply, error) {
	return fabric.Request[fabric.PushServices, fabric.PushServicesReply](ctx, n.fabric, fabric.SubjectPushServices(n.fabric.Org(), n.fabric.Node()), fabric.PushServices{})
}

// offered takes the plan of a call that is on its way. Asked for it, it promises to take the call, to who shows the nonce (C12).
func (n *node) offered(router *routing.Router, q fabric.Offer) (fabric.Promise, error) {
	if !q.Ask {
		router.Offered(q.Plan)
		return fabric.Promise{}, nil
	}
	if n.apps.web == nil {
		return fabric.Promise{}, errs.New(errs.Unreachable, "switch %s is set to take no apps", n.identity.Load().NodeName)
	}
	if err := n.calls.open(); err != nil {
		return fabric.Promise{}, err
	}
	p := fabric.Promise{Nonce: rand.Text(), Boot: n.boot}
	return p, router.Promised(q.Plan, p.Nonce)
}

// cancel has a bridge tell a device that its call is over.
func (n *node) cancel(ctx context.Context, q fabric.Cancel) (fabric.WakeReply, error) {
	return fabric.Request[fabric.Cancel, fabric.WakeReply](ctx, n.fabric, fabric.SubjectCancel(n.fabric.Org(), n.fabric.Node()), q)
}

// app is a device that sleeps, to be rung.
func (n *node) app(b designation.Branch, p designation.Plan) call.Target {
	if n.apps.web == nil {
		return noApps{}
	}
	return n.apps.web.Target(b, p)
}

// noApps is a device that sleeps, of a switch that takes none.
type noApps struct{}

// Dial refuses.
func (noApps) Dial(call.Setup) (call.Leg, error) {
	return nil, errs.New(errs.Offline, "The callee's app cannot be reached: this switch is set to take no apps")
}

// publishApps makes the figures of apps readable.
func (n *node) publishApps() {
	if n.apps.web == nil {
		return
	}
	n.health.Gauge("app_connections", "Connections of apps.", func() float64 { return float64(n.apps.web.Counters().Connections) })
	n.health.Gauge("apps_spliced", "Apps that came by way of a bridge.", func() float64 { return float64(n.apps.web.Counters().Spliced) })
	n.health.Gauge("uplinks", "Connections to bridges.", func() float64 { return float64(n.apps.uplinks.Up()) })
	n.health.Counts("app_refused_total", "Connections of apps that were refused, by code.", "code", func() map[string]uint64 {
		return named(n.apps.web.Counters().Refused)
	})
	n.health.Counts("wakes_total", "Devices that were woken for a call, by outcome.", "outcome", func() map[string]uint64 {
		return named(n.apps.web.Counters().Wakes)
	})
}

// named is a count by names.
func named[K ~string](counts map[K]uint64) map[string]uint64 {
	all := map[string]uint64{}
	for k, v := range counts {
		all[string(k)] = v
	}
	return all
}
