package enrol

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/trust"
)

// maxReply and maxFile bound what is read of the cloud's answer, in bytes.
const (
	maxReply = 1 << 20
	maxFile  = 16 << 20
)

// Enrol gets the identity of a node of a kind (of package trust; empty for whichever) that code stands for from the cloud at address
// (a URL, or a host with an optional port) and keeps it in dir. A code of another kind is errs.Invalid, and not used up. A dir that
// holds an identity already is refused. A cut-off exchange can be repeated, and so can one that failed with errs.ClockSkew: the
// clocks are so far apart that the certificate does not count here now.
func Enrol(ctx context.Context, kind, address, code, dir string) (*Identity, error) {
	c, err := Parse(code)
	if err != nil {
		return nil, err
	}
	target, err := endpoint(address, Path)
	if err != nil {
		return nil, err
	}
	switch old, err := Load(dir); {
	case err == nil:
		return nil, errs.New(errs.Conflict, "%s holds the identity of %s already; start without a code, or use an empty folder", dir, old.Node)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	id, err := prepareKeys(dir)
	if err != nil {
		return nil, err
	}
	csr, err := id.CSR()
	if err != nil {
		return nil, err
	}
	r, date, err := post(ctx, target, Trust{Pin: c.Pin}.Client(), Request{Kind: kind, Secret: c.Secret, CSR: csr, SigningKey: id.signingPublic()})
	if err != nil {
		return nil, err
	}
	now := time.Now()
	id.Info = r.Info
	if err := id.accept(r.Chain, r.Root); err != nil {
		return nil, fmt.Errorf("the identity that %s gave out: %w", target, err)
	}
	if err := id.validAt(now, date); err != nil {
		return nil, err
	}
	if !date.IsZero() {
		id.Apart = date.Sub(now)
	}
	return id, id.save(r)
}

// validAt refuses a certificate that this machine, or all who are right about the time, would find not valid. The clock of
// the cloud says date, zero if it did not tell. The pin alone says who the cloud is, so that nothing before this looks at a
// clock.
func (id *Identity) validAt(now, date time.Time) error {
	leaf := id.Chain[0]
	switch {
	case !now.Before(leaf.NotBefore) && !now.After(leaf.NotAfter):
		return nil
	case date.IsZero():
		return trust.Validity(x509.CertificateInvalidError{Cert: leaf, Reason: x509.Expired}, now)
	}
	return errs.New(errs.ClockSkew, "the clock of the cloud says %s, the clock here %s: they are %s apart, and no certificate of the one counts by the other; "+
		"set the wrong clock (NTP), then start again with the same code", stamp(date), stamp(now), date.Sub(now).Abs().Round(time.Second))
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// endpoint returns the URL of a path of a cloud.
func endpoint(address, path string) (string, error) {
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return "", errs.New(errs.Invalid, "cloud address %q: want https://HOST[:PORT]", address)
	}
	return u.JoinPath(path).String(), nil
}

// post returns the answer, and the cloud's time if it tells that.
func post(ctx context.Context, target string, client *http.Client, r Request) (answer Response, date time.Time, err error) {
	body, err := json.Marshal(r)
	if err != nil {
		return answer, date, err
	}
	date, err = exchange(ctx, client, http.MethodPost, target, body, nil, &answer)
	return answer, date, err
}

// exchange sends a body of JSON and reads the answer to it, and the cloud's time if it tells that.
func exchange(ctx context.Context, client *http.Client, method, target string, body []byte, header http.Header, answer any) (date time.Time, err error) {
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return date, errs.New(errs.Invalid, "cloud address: %w", err)
	}
	maps.Copy(req.Header, header)
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		var known *errs.Error
		if errors.As(err, &known) { // the pin does not match
			return date, fmt.Errorf("enrol: %w", err)
		}
		return date, errs.New(errs.CloudAway, "enrol: %w", err)
	}
	defer func() { _ = resp.Body.Close() }() // only read from
	most := int64(maxReply)
	if _, ok := answer.(*[]byte); ok {
		most = maxFile
	}
	reply, err := io.ReadAll(io.LimitReader(resp.Body, most))
	if err != nil {
		return date, errs.New(errs.CloudAway, "enrol: read the answer of %s: %w", target, err)
	}
	if date, err = http.ParseTime(resp.Header.Get("Date")); err != nil {
		date = time.Time{} // RFC 9110, 6.6.1: a server without a clock sends none
	}
	return date, decodeReply(resp.StatusCode, reply, answer)
}

// decodeReply reads an answer, or the problem that says why there is none.
func decodeReply(status int, reply []byte, answer any) error {
	if status < 200 || status > 299 {
		var p struct {
			Code   errs.Code `json:"code"`
			Detail string    `json:"detail"`
		}
		if err := json.Unmarshal(reply, &p); err != nil || p.Code == "" {
			return errs.New(errs.Internal, "enrol: the server answered %d without saying why; is this the address of the cloud?", status)
		}
		return errs.New(p.Code, "%s", p.Detail)
	}
	if raw, ok := answer.(*[]byte); ok {
		*raw = reply
		return nil
	}
	if err := json.Unmarshal(reply, answer); err != nil {
		return errs.New(errs.Internal, "enrol: the server's answer is no identity: %w", err)
	}
	return nil
}
