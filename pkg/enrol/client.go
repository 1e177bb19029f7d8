package enrol

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"

	"strowger/pkg/errs"
)

// maxReply bounds what is read of the cloud's answer, in bytes.
const maxReply = 1 << 20

// Enrol gets the identity that code stands for from the cloud at address (a URL, or a host with an optional port) and
// keeps it in dir. A dir that holds an identity already is refused. A cut-off exchange can be repeated.
func Enrol(ctx context.Context, address, code, dir string) (*Identity, error) {
	c, err := Parse(code)
	if err != nil {
		return nil, err
	}
	target, err := endpoint(address)
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
	r, err := post(ctx, target, Trust{Pin: c.Pin}.Client(), Request{Secret: c.Secret, CSR: csr, SigningKey: id.signingPublic()})
	if err != nil {
		return nil, err
	}
	id.Info = r.Info
	if err := id.accept(r.Chain, r.Root); err != nil {
		return nil, fmt.Errorf("the identity that %s gave out: %w", target, err)
	}
	return id, id.save(r)
}

// endpoint returns the URL of the enrolments of a cloud.
func endpoint(address string) (string, error) {
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return "", errs.New(errs.Invalid, "cloud address %q: want https://HOST[:PORT]", address)
	}
	return u.JoinPath(Path).String(), nil
}

func post(ctx context.Context, target string, client *http.Client, r Request) (Response, error) {
	defer client.CloseIdleConnections()
	body, err := json.Marshal(r)
	if err != nil {
		return Response{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return Response{}, errs.New(errs.Invalid, "cloud address: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		var known *errs.Error
		if errors.As(err, &known) { // the pin does not match
			return Response{}, fmt.Errorf("enrol: %w", err)
		}
		return Response{}, errs.New(errs.CloudAway, "enrol: %w", err)
	}
	defer func() { _ = resp.Body.Close() }() // only read from
	reply, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return Response{}, errs.New(errs.CloudAway, "enrol: read the answer of %s: %w", target, err)
	}
	return decodeReply(resp.StatusCode, reply)
}

// decodeReply reads an identity, or the problem that says why there is none.
func decodeReply(status int, reply []byte) (Response, error) {
	if status < 200 || status > 299 {
		var p struct {
			Code   errs.Code `json:"code"`
			Detail string    `json:"detail"`
		}
		if err := json.Unmarshal(reply, &p); err != nil || p.Code == "" {
			return Response{}, errs.New(errs.Internal, "enrol: the server answered %d without saying why; is this the address of the cloud?", status)
		}
		return Response{}, errs.New(p.Code, "%s", p.Detail)
	}
	var r Response
	if err := json.Unmarshal(reply, &r); err != nil {
		return Response{}, errs.New(errs.Internal, "enrol: the server's answer is no identity: %w", err)
	}
	return r, nil
}
