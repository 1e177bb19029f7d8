// Package frontdesk passes three requests of browsers on to the cloud, which they cannot ask themselves: it is of another origin,
// and in an office known by its key only. They are those of package enrol: a device enrols, it says where its pushes go, and it
// asks about its user. All are proven by the device's own key over the body, so that whoever passes them on can neither read a secret that counts
// again nor change a word. Nothing else of the cloud is reached through here.
//
// For the cloud all of them come from this bridge, and have in common what it lets one source ask for. So that no single one uses that
// up, each has a part of it here.
package frontdesk

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"strowger/mobile-bridge/internal/face"
	"strowger/pkg/enrol"
	"strowger/pkg/errs"
	"strowger/pkg/limit"
	"strowger/pkg/proof"
)

// Limits.
const (
	maxBody   = 64 << 10 // bytes of a request
	maxReply  = 16 << 20 // bytes of an answer: a message of voicemail as WAV
	answerIn  = 20 * time.Second
	idleFor   = time.Minute
	maxToDesk = 16 // connections to the cloud

	maxSources             = 4096 // that are told apart
	enrolRate, enrolBurst  = 0.2, 10
	updateRate, updateMost = 5, 200 // an office behind one address that begins its day
)

// Config says where the cloud is.
type Config struct {
	Cloud  string                           // address of its API: a host, or https://host:port
	TLS    *tls.Config                      // by which it is known
	Source func(*http.Request) netip.Prefix // whom a request comes from
	Now    func() time.Time
	Logger *slog.Logger
}

// Desk passes requests on. It is safe for concurrent use.
type Desk struct {
	cfg    Config
	base   *url.URL
	client http.Client

	enrolments, updates *limit.Buckets[netip.Prefix]
}

// New returns a desk; a Cloud that is no address is errs.Invalid. Close follows.
func New(cfg Config) (*Desk, error) {
	address := cfg.Cloud
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	base, err := url.Parse(address)
	if err != nil || base.Scheme != "https" || base.Host == "" {
		return nil, errs.New(errs.Invalid, "address %q of the cloud: want https://HOST[:PORT]", cfg.Cloud)
	}
	part := func(rate, burst float64) *limit.Buckets[netip.Prefix] {
		return limit.New[netip.Prefix](limit.Config{Rate: rate, Burst: burst, Max: maxSources, Now: cfg.Now})
	}
	return &Desk{cfg: cfg, base: base, enrolments: part(enrolRate, enrolBurst), updates: part(updateRate, updateMost), client: http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: cfg.TLS, ForceAttemptHTTP2: true,
			TLSHandshakeTimeout: answerIn, IdleConnTimeout: idleFor, MaxConnsPerHost: maxToDesk,
		},
		Timeout:       answerIn,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Close closes connections that are idle.
func (d *Desk) Close() { d.client.CloseIdleConnections() }

// Register has the requests handled.
func (d *Desk) Register(handle func(pattern string, h http.Handler)) {
	handle(http.MethodPost+" "+enrol.DevicePath, d.within(d.enrolments))
	handle(http.MethodPut+" "+enrol.PushPath("{device}"), d.within(d.updates))
	handle(http.MethodPost+" "+enrol.OwnPath("{device}"), d.within(d.updates))
}

// within serves the requests of sources that have not asked for too much.
func (d *Desk) within(parts *limit.Buckets[netip.Prefix]) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !parts.Take(d.cfg.Source(r)) {
			w.Header().Set("Retry-After", "10")
			face.Refuse(w, http.StatusTooManyRequests, errs.New(errs.Congested, "too many requests of apps from your address; wait some seconds and try again"))
			return
		}
		d.serve(w, r)
	})
}

// serve asks the cloud and answers what it does.
func (d *Desk) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		status := http.StatusBadRequest
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			status = http.StatusRequestEntityTooLarge
		}
		face.Refuse(w, status, errs.New(errs.Invalid, "the request cannot be read: %w", err))
		return
	}
	resp, err := d.ask(r.Context(), r, body)
	if err != nil {
		d.cfg.Logger.Warn("cannot ask the cloud for a browser", "cloud", d.base.Host, "error", err)
		face.Refuse(w, http.StatusBadGateway, errs.New(errs.CloudAway, "the directory cannot be reached; try again in a moment"))
		return
	}
	defer func() { _ = resp.Body.Close() }() // only read from
	w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, io.LimitReader(resp.Body, maxReply)) // a browser that is gone asks again
}

func (d *Desk) ask(ctx context.Context, r *http.Request, body []byte) (*http.Response, error) {
	target := d.base.JoinPath(enrol.DevicePath)
	if device := url.PathEscape(r.PathValue("device")); device != "" && r.Method == http.MethodPut {
		target = d.base.JoinPath(enrol.PushPath(device))
	} else if device != "" {
		target = d.base.JoinPath(enrol.OwnPath(device))
	}
	q, err := http.NewRequestWithContext(ctx, r.Method, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set(proof.Header, r.Header.Get(proof.Header))
	return d.client.Do(q)
}
