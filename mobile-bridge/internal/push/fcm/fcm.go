// Package fcm sends wakes as high priority data messages of Firebase Cloud Messaging, HTTP v1.
//
// What an app gets is the data {"strowger": "<sealed wake, base64>"}. The app of a target is a Firebase project. A phone of another maker
// that is only to register (RFC 8599) gets {"call-id": "<id of the call>"}.
package fcm

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"time"

	firebase "firebase.google.com/go/v4"
	"firebase.google.com/go/v4/errorutils"
	"firebase.google.com/go/v4/messaging"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
	"golang.org/x/oauth2/jwt"
	"google.golang.org/api/option"

	"strowger/mobile-bridge/internal/outbound"
	"strowger/mobile-bridge/internal/push"
	"strowger/pkg/fabric"
)

const scope = "https://www.googleapis.com/auth/firebase.messaging"

// Config is the projects that this bridge may send for.
type Config struct {
	Accounts []string      // service account files, one for each project
	Server   string        // base URL in place of Google's, with the version: "https://fcm.googleapis.com/v1"; empty: Google's
	Timeout  time.Duration // of a request for an OAuth token
}

// Sender sends to FCM.
type Sender struct {
	transport *outbound.Transport
	projects  map[string]*messaging.Client
}

// New reads the service accounts. It connects nowhere before the first push; ctx is that of the whole run.
func New(ctx context.Context, cfg Config) (*Sender, error) {
	s := &Sender{transport: outbound.New(outbound.Config{}), projects: map[string]*messaging.Client{}}
	accounts, err := read(cfg.Accounts)
	if err != nil {
		return nil, err
	}
	for project, account := range accounts {
		if s.projects[project], err = s.open(ctx, project, account, cfg); err != nil {
			return nil, fmt.Errorf("--fcm, project %s: %w", project, err)
		}
	}
	return s, nil
}

// Check says what is wrong with service account files.
func Check(files []string) error {
	_, err := read(files)
	return err
}

// read reads service accounts, by their projects.
func read(files []string) (map[string]*jwt.Config, error) {
	accounts := map[string]*jwt.Config{}
	for _, file := range files {
		project, account, err := readOne(file)
		if err != nil {
			return nil, fmt.Errorf("--fcm %s: %w; want the JSON file of a service account, from the Firebase console", file, err)
		}
		if accounts[project] != nil {
			return nil, fmt.Errorf("--fcm %s: a second service account of the project %s; want one of each", file, project)
		}
		accounts[project] = account
	}
	return accounts, nil
}

func readOne(file string) (project string, account *jwt.Config, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", nil, err
	}
	var of struct {
		Project string `json:"project_id"`
	}
	if err := json.Unmarshal(text, &of); err != nil {
		return "", nil, err
	}
	if of.Project == "" {
		return "", nil, errors.New("no project_id in it")
	}
	account, err = google.JWTConfigFromJSON(text, scope)
	return of.Project, account, err
}

func (s *Sender) open(ctx context.Context, project string, account *jwt.Config, cfg Config) (*messaging.Client, error) {
	tokens := account.TokenSource(context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Transport: s.transport, Timeout: cfg.Timeout}))
	options := []option.ClientOption{
		option.WithHTTPClient(&http.Client{Transport: once{&oauth2.Transport{Source: tokens, Base: s.transport}}}),
	}
	if cfg.Server != "" {
		options = append(options, option.WithEndpoint(cfg.Server))
	}
	app, err := firebase.NewApp(ctx, &firebase.Config{ProjectID: project}, options...)
	if err != nil {
		return nil, err
	}
	return app.Messaging(ctx)
}

// Projects are those that it sends for, sorted.
func (s *Sender) Projects() []string { return slices.Sorted(maps.Keys(s.projects)) }

// Close ends the connections.
func (s *Sender) Close() { s.transport.Close() }

// Lane is the project.
func (s *Sender) Lane(t fabric.Target) (string, bool) {
	return t.App, s.projects[t.App] != nil
}

// Send tries once.
func (s *Sender) Send(ctx context.Context, p push.Push) push.Outcome {
	ttl := p.Left
	ctx, only := single(ctx)
	defer only.end()
	data, priority := map[string]string{"strowger": p.Payload}, "high"
	if p.Payload == "" {
		data = map[string]string{"call-id": p.Call}
	}
	if a := p.Alert; a != nil { // high priority is for what rings, or the app loses it
		data["code"], data["words"], data["title"] = a.Code, a.Words, a.Title
		if !a.Urgent {
			priority = "normal"
		}
	}
	_, err := s.projects[p.Target.App].Send(ctx, &messaging.Message{
		Token: p.Target.Token, Data: data,
		Android: &messaging.AndroidConfig{Priority: priority, TTL: &ttl, CollapseKey: p.Call},
	})
	switch {
	case err == nil:
		return push.Outcome{Accepted: true}
	case only.err != nil:
		return push.Failed(only.err)
	case only.status != 0:
		return push.Answered(only.status, only.header, "UNAVAILABLE")
	}
	return outcome(err)
}

// outcome is that of an error of the library.
func outcome(err error) push.Outcome {
	r := errorutils.HTTPResponse(err)
	if r == nil {
		return push.Outcome{Reason: push.Malformed, Err: err} // refused before it was sent
	}
	o := push.Answered(r.StatusCode, r.Header, reason(err, r.StatusCode))
	o.Err, o.Dead = err, messaging.IsUnregistered(err)
	return o
}

// reason is the word of FCM for an error.
func reason(err error, status int) string {
	for _, known := range []struct {
		is   func(error) bool
		word string
	}{
		{messaging.IsUnregistered, "UNREGISTERED"},
		{messaging.IsInvalidArgument, "INVALID_ARGUMENT"},
		{messaging.IsSenderIDMismatch, "SENDER_ID_MISMATCH"},
		{messaging.IsQuotaExceeded, "QUOTA_EXCEEDED"},
		{messaging.IsUnavailable, "UNAVAILABLE"},
		{messaging.IsInternal, "INTERNAL"},
		{messaging.IsThirdPartyAuthError, "THIRD_PARTY_AUTH_ERROR"},
		{errorutils.IsUnauthenticated, "UNAUTHENTICATED"},
		{errorutils.IsPermissionDenied, "PERMISSION_DENIED"},
		{errorutils.IsInvalidArgument, "INVALID_ARGUMENT"},
	} {
		if known.is(err) {
			return known.word
		}
	}
	return cmp.Or(http.StatusText(status), "refused")
}
