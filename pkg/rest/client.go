package rest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"strowger/pkg/errs"
	"strowger/pkg/ident"
)

// maxReply is the largest reply that the client reads: a page of calls, or one call with its ladder.
const maxReply = 64 << 20

// Client speaks to one cloud. Its errors are *errs.Error with the code that the cloud gave, or errs.CloudAway when the
// cloud could not be reached. It has no state: copy it, share it.
type Client struct {
	BaseURL string // https://cloud.example.net
	Key     string // API key; empty for what needs none
	// Organization is the id that a key of the whole installation speaks of; empty is the key's own, or the only one.
	Organization string
	// HTTP has the trust and the time-outs; nil is http.DefaultClient.
	HTTP *http.Client
}

// Organizations is the collection of tenants.
func (c Client) Organizations() Collection[Organization] {
	return collection[Organization](c, "organizations")
}

// Sites is the collection of offices.
func (c Client) Sites() Collection[Site] { return collection[Site](c, "sites") }

// Switches is the collection of edge nodes.
func (c Client) Switches() Collection[Switch] { return collection[Switch](c, "switches") }

// Bridges is the collection of nodes that wake apps.
func (c Client) Bridges() Collection[Bridge] { return collection[Bridge](c, "bridges") }

// Users is the collection of people and services.
func (c Client) Users() Collection[User] { return collection[User](c, "users") }

// Devices is the collection of phones.
func (c Client) Devices() Collection[Device] { return collection[Device](c, "devices") }

// Numbers is the collection of what can be dialled.
func (c Client) Numbers() Collection[Number] { return collection[Number](c, "numbers") }

// Trunks is the trunks of the organization.
func (c Client) Trunks() Collection[Trunk] { return collection[Trunk](c, "trunks") }

// Alerts is what administrators are to know. None can be created.
func (c Client) Alerts() Collection[Alert] { return collection[Alert](c, "alerts") }

// APIKeys is the collection of API keys.
func (c Client) APIKeys() Collection[APIKey] { return collection[APIKey](c, "api-keys") }

// Calls is the call records, the newest first.
func (c Client) Calls() Reader[Call] { return collection[Call](c, "calls").Reader }

// EnrolmentCode makes a code that enrols a switch once, within the hour.
func (c Client) EnrolmentCode(ctx context.Context, switchID string) (EnrolmentCode, error) {
	return act[EnrolmentCode](ctx, c, "switches", switchID, "enrolment-code", nil)
}

// BridgeCode makes a code that enrols a bridge once, within the hour.
func (c Client) BridgeCode(ctx context.Context, bridgeID string) (EnrolmentCode, error) {
	return act[EnrolmentCode](ctx, c, "bridges", bridgeID, "enrolment-code", nil)
}

// DeviceCode makes a code, and a link with it, that enrols an app once, within the hour.
func (c Client) DeviceCode(ctx context.Context, deviceID string) (EnrolmentCode, error) {
	return act[EnrolmentCode](ctx, c, "devices", deviceID, "enrolment-code", nil)
}

// RevokeSwitch takes trust from a switch for good: its connections are cut and it is kept out.
func (c Client) RevokeSwitch(ctx context.Context, switchID, reason string) (Switch, error) {
	return act[Switch](ctx, c, "switches", switchID, "revoke", Revoke{Reason: reason})
}

// RevokeBridge takes trust from a bridge for good: its connection is cut and it is kept out.
func (c Client) RevokeBridge(ctx context.Context, bridgeID, reason string) (Bridge, error) {
	return act[Bridge](ctx, c, "bridges", bridgeID, "revoke", Revoke{Reason: reason})
}

// RenewSwitch has a switch renew its certificate now, and returns when it has; errs.Unreachable if the switch is away.
func (c Client) RenewSwitch(ctx context.Context, switchID string) (Switch, error) {
	return act[Switch](ctx, c, "switches", switchID, "renew", nil)
}

// SetPassword gives a desk phone a new password, made by the cloud if password is empty; the reply is the only one that
// shows it.
func (c Client) SetPassword(ctx context.Context, deviceID, password string) (Device, error) {
	return act[Device](ctx, c, "devices", deviceID, "password", Password{Password: password})
}

// act does what is more than an edit with an object.
func act[T any](ctx context.Context, c Client, path, id, name string, body any) (T, error) {
	var done T
	err := c.do(ctx, request{method: http.MethodPost, path: path + "/" + url.PathEscape(id) + "/" + name, body: body}, &done)
	return done, err
}

// request is one call of the API.
type request struct {
	method  string
	path    string // below /api/v1/
	query   url.Values
	body    any // nil for none; []byte of another media type is sent as it is
	media   string
	version int64 // If-Match, 0 for none
	pin     string
}

// do sends a request and decodes the reply into out, unless out is nil.
func (c Client) do(ctx context.Context, r request, out any) error {
	var body []byte
	if file, ok := r.body.([]byte); ok && r.media != "" {
		body = file
	} else if r.body != nil {
		var err error
		if body, err = json.Marshal(r.body); err != nil {
			return fmt.Errorf("encode %s %s: %w", r.method, r.path, err)
		}
	}
	idempotency := ""
	if r.method == http.MethodPost {
		idempotency = ident.New(ident.Request)
	}
	reply, err := c.send(ctx, r, body, idempotency)
	// A lost connection is tried once more when repeating cannot do the work twice: the key makes a POST repeatable.
	if err != nil && ctx.Err() == nil && (r.method == http.MethodGet || idempotency != "") {
		reply, err = c.send(ctx, r, body, idempotency)
	}
	if err != nil {
		return errs.New(errs.CloudAway, "cannot reach the cloud at %s: %w", c.BaseURL, err)
	}
	defer func() { _ = reply.Body.Close() }() // only read from
	if reply.StatusCode/100 != 2 {
		b, _ := io.ReadAll(io.LimitReader(reply.Body, maxProblem)) // a cut body still has its status
		return problemOf(reply.StatusCode, b)
	}
	if out == nil {
		return nil
	}
	if file, ok := out.(*[]byte); ok {
		if *file, err = io.ReadAll(io.LimitReader(reply.Body, maxReply)); err != nil {
			return errs.New(errs.CloudAway, "%s %s of %s: %w", r.method, r.path, c.BaseURL, err)
		}
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(reply.Body, maxReply)).Decode(out); err != nil {
		return errs.New(errs.CloudAway, "%s %s of %s: the reply is not what was expected: %w", r.method, r.path, c.BaseURL, err)
	}
	return nil
}

func (c Client) send(ctx context.Context, r request, body []byte, idempotency string) (*http.Response, error) {
	q := url.Values{}
	for k, v := range r.query {
		q[k] = v
	}
	if c.Organization != "" {
		q.Set("organization", c.Organization)
	}
	u := strings.TrimSuffix(c.BaseURL, "/") + "/api/v1/" + r.path
	if len(q) > 0 {
		u += "?" + q.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, u, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json, text/csv;q=0.9")
	if r.body != nil {
		req.Header.Set("Content-Type", cmp.Or(r.media, contentType(r.method)))
	}
	if c.Key != "" {
		req.Header.Set("Authorization", "Bearer "+c.Key)
	}
	if idempotency != "" {
		req.Header.Set("Idempotency-Key", idempotency)
	}
	if r.version != 0 {
		req.Header.Set("If-Match", ETag(r.version))
	}
	if r.pin != "" {
		req.Header.Set(PINHeader, r.pin)
	}
	hc := c.HTTP
	if hc == nil {
		hc = http.DefaultClient
	}
	return hc.Do(req)
}

func contentType(method string) string {
	if method == http.MethodPatch {
		return MergePatchType
	}
	return "application/json"
}

// MergePatchType is the media type of a PATCH (RFC 7396, 4); plain JSON is taken as the same.
const MergePatchType = "application/merge-patch+json"

// ETag is the entity tag of a version (RFC 9110, 8.8.3).
func ETag(version int64) string { return strconv.Quote(strconv.FormatInt(version, 10)) }
