// Package stack is every role in one process: a cloud, the switches of some offices and the bridge to phones that sleep, set
// up through the public API as an admin would.
package stack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"strowger/cloud"
	mobilebridge "strowger/mobile-bridge"
	"strowger/pkg/enrol"
	"strowger/pkg/rest"
	"strowger/switchnode"
)

// Config describes a stack.
type Config struct {
	Data         string   // folder of everything; each role has its own below
	Host         string   // address that phones use; empty: the machine's outward one
	Digest       []string // password digests that phones are offered, as of switchnode.Config
	Organization string   // name of the one organization
	Sites        []Site   // offices, each with one switch
	// Ports are the usual ones where they are free and it is asked for, else free ones.
	UsualPorts bool
	FirstPort  int // where free ones are looked for, upwards; 0: anywhere
	// Key is the API key that an earlier run gave to KeepKey; empty at first start.
	Key     string
	KeepKey func(url, key string) error // called at first start, before anything depends on it
	Step    func(string)                // tells progress; may be nil
	Logger  *slog.Logger
	// MasterKey, if set, is the file of the master key instead of the usual one, which is outside of Data.
	MasterKey       string
	TLSCert, TLSKey string // what phones over TLS and browsers see; empty: the switch's own, and browsers of this machine only, without TLS
	URL             string // what browsers know the bridge by, without a port: the one that is found free; empty: its address
	// DB, if set, is the cloud's database instead of SQLite in Data.
	DB   string
	Push mobilebridge.PushServices // that the bridge wakes phones by
	// Relaying is how the bridge relays media, and tells apps where they are seen: if it is zero the latter, at a port that is free.
	Relaying mobilebridge.Relaying
	NATS     []string // if set, external servers of the fabric instead of an embedded one
	// Replace has a new node take the place of a switch or a bridge of this stack that was revoked.
	Replace bool
}

// Site is an office.
type Site struct {
	Name, Code string
	Host       string // as of switchnode.Config; empty: that of the stack
	Host6      string // as of switchnode.Config
	Public     string // address of a NAT before its switch, as of switchnode.Config; and, of the first one, before the bridges
	STIR       switchnode.STIR
	Waiting    switchnode.Waiting // without a language: the default
	Voicemail  switchnode.Voicemail
	Mail       switchnode.Mail
	Limits     switchnode.Limits // SourceRate 0, no Scanners: the default
	PhoneCA    []string          // files with the CAs of phones' makers
}

// Office is a site that runs.
type Office struct {
	Site   rest.Site
	Switch rest.Switch
	switchnode.Started

	config switchnode.Config
	part   *part
}

// Stack is what runs.
type Stack struct {
	Cloud   cloud.Started
	Client  rest.Client
	Offices []Office
	Bridge  mobilebridge.Started
	Moved   []string // usual ports that are not used, and which are instead, in words
	// Replaced is the switches that others took the place of at this start, and what is left to be done, in words.
	Replaced []string

	cfg         Config
	ctx         context.Context
	cancel      context.CancelCauseFunc
	parts       sync.WaitGroup
	nextPort    int
	cloudConfig cloud.Config
	cloud       *part

	mu      sync.Mutex
	nodes   []*part            // switches and bridges that run or ran
	bridges map[string]*bridge // by id
}

// Start brings a stack up and returns when phones can register. Wait or Close must follow.
func Start(ctx context.Context, cfg Config) (*Stack, error) {
	s := &Stack{cfg: cfg, bridges: map[string]*bridge{}, nextPort: cmp.Or(cfg.FirstPort, randomPort())}
	s.ctx, s.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() { s.end(context.Cause(ctx)) })
	if err := s.start(); err != nil {
		if failed := s.Close(); failed != nil && !errors.Is(err, failed) {
			return nil, errors.Join(err, failed)
		}
		return nil, err
	}
	return s, nil
}

// end stops the nodes first: the last ledger events of switches want a cloud.
func (s *Stack) end(why error) {
	s.mu.Lock()
	nodes := slices.Clone(s.nodes)
	s.mu.Unlock()
	for _, p := range nodes {
		p.cancel()
	}
	for _, p := range nodes {
		<-p.done
	}
	s.cancel(why)
}

func (s *Stack) start() error {
	s.step("starting the directory")
	if err := s.startCloud(); err != nil {
		return err
	}
	_, pin, err := enrol.ParseAPIKey(s.cfg.Key)
	if err != nil {
		return fmt.Errorf("the API key of this installation: %w", err)
	}
	s.Client = rest.Client{BaseURL: s.Cloud.API, Key: s.cfg.Key, HTTP: enrol.Trust{Pin: pin}.Client()}
	org, err := ensure(s.ctx, s.Client.Organizations(), rest.NewOrganization(s.cfg.Organization),
		func(rest.Organization) bool { return true }) // a stack has one, whatever the admin called it since
	if err != nil {
		return err
	}
	s.Client.Organization = org.ID
	for i, site := range s.cfg.Sites {
		o, err := s.startOffice(i, site)
		if err != nil {
			return fmt.Errorf("office %s: %w", cmp.Or(o.Site.Name, site.Name), err)
		}
		s.Offices = append(s.Offices, o)
	}
	s.step("starting the bridge to phones that sleep")
	s.Bridge, err = s.AddBridge("bridge")
	return err // which says that it is of the bridge
}

func (s *Stack) step(text string) {
	if s.cfg.Step != nil {
		s.cfg.Step(text)
	}
}

// keepEvents is how long the events of calls are kept, as in a cloud by itself.
const keepEvents = 90 * 24 * time.Hour

// startCloud starts the cloud for the first time in this stack.
func (s *Stack) startCloud() error {
	ports := s.ports()
	cfg := cloud.Config{
		Data: filepath.Join(s.cfg.Data, "cloud"), DB: s.cfg.DB, MasterKey: s.cfg.MasterKey, NATS: s.cfg.NATS,
		API: ports.tcp("API", 443, 8443), Fabric: ports.tcp("fabric", 4222), Metrics: ports.metrics("metrics of the cloud", 9464),
		Logger: s.cfg.Logger.With("role", "cloud"), KeepEvents: keepEvents,
	}
	if s.cfg.Host != "" {
		cfg.Host = []string{s.cfg.Host, "localhost", "127.0.0.1"}
	}
	if err := s.keep(ports); err != nil {
		return err
	}
	s.cloudConfig = cfg
	if err := s.runCloud(); err != nil {
		return err
	}
	if s.Cloud.APIKey != "" {
		s.cfg.Key = s.Cloud.APIKey
		if s.cfg.KeepKey != nil {
			return s.cfg.KeepKey(s.Cloud.API, s.Cloud.APIKey)
		}
	}
	return nil
}

// startOffice makes what the registry lacks of an office, and runs its switch.
func (s *Stack) startOffice(i int, site Site) (o Office, err error) {
	o.Site, err = ensure(s.ctx, s.Client.Sites(), rest.Site{Name: site.Name, Code: site.Code},
		func(v rest.Site) bool { return len(s.cfg.Sites) == 1 || v.Code == site.Code })
	if err != nil {
		return o, err
	}
	s.step(fmt.Sprintf("starting the switch of %s", o.Site.Name)) // which may have another name since the first start
	if o.Switch, err = s.ownSwitch(o.Site, switchFolder(s.cfg.Data, o.Site.ID)); err != nil {
		return o, err
	}
	if o.config, err = s.switchConfig(i, o, site); err != nil {
		return o, err
	}
	return o, s.runSwitch(&o)
}

func (s *Stack) switchConfig(i int, o Office, site Site) (switchnode.Config, error) {
	ports := s.ports()
	if i > 0 {
		ports.usual = false // the first office has the usual ports
	}
	site.Limits.SourceRate = cmp.Or(site.Limits.SourceRate, switchnode.DefaultSourceRate)
	if site.Limits.Scanners.Time == 0 {
		site.Limits.Scanners = switchnode.DefaultScanners()
	}
	cfg := switchnode.Config{
		Data: switchFolder(s.cfg.Data, o.Site.ID), Cloud: s.Cloud.API, Host: cmp.Or(site.Host, s.cfg.Host), Host6: site.Host6, Public: site.Public, Digest: s.cfg.Digest,
		PhoneTLS: switchnode.PhoneTLS{TLSCert: s.cfg.TLSCert, TLSKey: s.cfg.TLSKey, PhoneCA: site.PhoneCA}, Services: switchnode.Services{STIR: site.STIR, Waiting: site.Waiting, Voicemail: site.Voicemail, Mail: site.Mail}, Limits: site.Limits,
		SIP: ports.both("phones", 5060), SIPS: ports.tcp("phones over TLS", 5061), Link: ports.udp("other switches", 7443), WebRTC: ports.both("audio of apps", 7444),
		RTP: "0", Metrics: ports.metrics("metrics of the switch", 9465), Logger: s.cfg.Logger.With("role", "switch"),
	}
	if s.cfg.UsualPorts {
		cfg.RTP = "20000-29999"
	}
	if err := s.keep(ports); err != nil {
		return cfg, err
	}
	if own, err := enrolledAs(cfg.Data); err != nil || own != "" {
		return cfg, err
	}
	code, err := s.Client.EnrolmentCode(s.ctx, o.Switch.ID)
	cfg.Enroll = code.Code
	return cfg, err
}

// Wait waits until the stack's context ends or a role fails, and for all roles to be done.
func (s *Stack) Wait() error {
	<-s.ctx.Done()
	s.parts.Wait()
	if err := context.Cause(s.ctx); !errors.Is(err, context.Canceled) && !errors.Is(err, errClosed) {
		return err
	}
	return nil
}

var errClosed = errors.New("closed")

// Close ends the stack and waits for it.
func (s *Stack) Close() error {
	s.end(errClosed)
	return s.Wait()
}

// ensure returns the object that is wanted, or makes it: a first start that was cut off is taken up where it ended.
func ensure[T any](ctx context.Context, c rest.Collection[T], v T, wanted func(T) bool) (T, error) {
	for have, err := range c.All(ctx, nil) {
		if err != nil || wanted(have) {
			return have, err
		}
	}
	return c.Create(ctx, v)
}
