package exchange

import (
	"context"
	"crypto/subtle"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/trust"
)

const (
	calloutWorkers = 4                // decide at the same time
	calloutQueue   = 256              // nodes that wait for a decision; more are not answered and come again
	decideWithin   = 2 * time.Second  // the registry must answer
	replyWithin    = 10 * time.Second // a node may answer a request
)

// startCallout lets the callout answer the server. Of several cloud instances one gets each question.
func (x *Exchange) startCallout(ctx context.Context) (err error) {
	if x.guard, err = x.connect(x.keys.guard, "strowger callout"); err != nil {
		return err
	}
	_, err = x.guard.ChanQueueSubscribe(server.AuthCalloutSubject, fabric.Workers, x.asked)
	if err == nil {
		err = x.guard.FlushTimeout(decideWithin)
	}
	if err != nil {
		x.guard.Close()
		return fmt.Errorf("subscribe the auth callout: %w", err)
	}
	for range calloutWorkers {
		x.callout.Go(func() {
			for m := range x.asked {
				x.answer(ctx, m)
			}
		})
	}
	return nil
}

func (x *Exchange) stopCallout() {
	x.guard.Close()
	close(x.asked) // a closed connection delivers nothing more
	x.callout.Wait()
}

func (x *Exchange) answer(ctx context.Context, m *nats.Msg) {
	ctx, cancel := context.WithTimeout(ctx, decideWithin)
	defer cancel()
	response := x.decide(ctx, string(m.Data))
	if response == "" {
		return
	}
	if err := m.Respond([]byte(response)); err != nil {
		x.log.Warn("cannot answer the fabric's server", "error", err)
	}
}

// decide answers the server's question who a client is, or "" when that cannot be decided.
func (x *Exchange) decide(ctx context.Context, question string) (response string) {
	request, err := jwt.DecodeAuthorizationRequestClaims(question)
	if err != nil {
		x.log.Error("cannot read a question of the fabric's server", "error", err)
		return ""
	}
	answer := jwt.NewAuthorizationResponseClaims(request.UserNkey)
	answer.Audience = request.Server.ID
	client := x.log.With("client", request.ClientInformation.Host)
	user, err := x.admit(ctx, request)
	switch {
	case err == nil:
		answer.Jwt, err = user.Encode(x.keys.issuer.pair)
	case errs.CodeOf(err) == errs.Internal:
		client.Error("cannot decide whether a node may use the fabric; it will come again", "error", err)
		return ""
	default:
		client.Warn("refused a client of the fabric", "code", errs.CodeOf(err), "error", err)
		answer.Error, err = err.Error(), nil
	}
	if err == nil {
		response, err = answer.Encode(x.keys.issuer.pair)
	}
	if err != nil {
		client.Error("cannot sign an answer to the fabric's server", "error", err)
	}
	return response
}

// admit says what a client may do. An error without a code means that it cannot be decided.
func (x *Exchange) admit(ctx context.Context, request *jwt.AuthorizationRequestClaims) (*jwt.UserClaims, error) {
	if token := request.ConnectOptions.Token; subtle.ConstantTimeCompare([]byte(token), []byte(x.keys.probe)) == 1 {
		return x.tried(request.UserNkey), nil
	}
	leaf, err := leafOf(request.TLS)
	if err != nil {
		return nil, err
	}
	name, err := nameOf(leaf)
	if err != nil {
		return nil, err
	}
	site, err := x.check(ctx, name, leaf)
	if err != nil {
		return nil, err
	}
	return x.user(request.UserNkey, name, site, leaf.NotAfter), nil
}

// leafOf returns the client's certificate. The server has proven that the client has its key.
func leafOf(tls *jwt.ClientTLS) (*x509.Certificate, error) {
	if tls == nil || len(tls.VerifiedChains) == 0 || len(tls.VerifiedChains[0]) == 0 {
		return nil, errs.New(errs.Unauthenticated, "the client has no certificate of this installation")
	}
	block, _ := pem.Decode([]byte(tls.VerifiedChains[0][0]))
	if block == nil {
		return nil, errs.New(errs.Unauthenticated, "the client's certificate is not PEM")
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, errs.New(errs.Unauthenticated, "the client's certificate cannot be read: %w", err)
	}
	return leaf, nil
}

// nameOf reads the node's name. Ids of the right form cannot widen a permission: they have no dots and wildcards.
func nameOf(leaf *x509.Certificate) (trust.Name, error) {
	name, err := trust.NameOf(leaf)
	if err != nil {
		return name, errs.New(errs.Unauthenticated, "%w", err)
	}
	kinds := map[string]ident.Kind{trust.Switch: ident.Switch, trust.Bridge: ident.Bridge}
	kind, ok := kinds[name.Kind]
	if !ok {
		return name, errs.New(errs.Forbidden, "%s is a %s; this release lets only switches and bridges onto the fabric", name, name.Kind)
	}
	if err := errors.Join(ident.Check(ident.Organization, name.Org), ident.Check(kind, name.ID)); err != nil {
		return name, errs.New(errs.Unauthenticated, "the certificate of %s: %w", name, err)
	}
	return name, nil
}

// check verifies that the organization issued the certificate, and that the registry knows the node by this key. A bridge has
// no site.
func (x *Exchange) check(ctx context.Context, name trust.Name, leaf *x509.Certificate) (site string, err error) {
	intermediate, err := x.cfg.Intermediate(ctx, name.Org)
	if err != nil {
		return "", fmt.Errorf("the CA of the organization of %s: %w", name, err)
	}
	if err := x.verify(leaf, intermediate); err != nil {
		return "", errs.New(errs.Unauthenticated, "the certificate of %s is not valid in its organization: %w", name, err)
	}
	site, err = x.cfg.Check(ctx, name, trust.CertKeyHash(leaf.RawSubjectPublicKeyInfo))
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	if err := ident.Check(ident.Site, site); err != nil && name.Kind == trust.Switch {
		return "", fmt.Errorf("the site of %s: %w", name, err)
	}
	return site, nil
}

// verify checks that a certificate is valid now, and that its issuer is the intermediate: one that the root or another
// organization issued leads to the root as well.
func (x *Exchange) verify(leaf, intermediate *x509.Certificate) error {
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(x.cfg.Root)
	intermediates.AddCert(intermediate)
	chains, err := leaf.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: intermediates, CurrentTime: x.cfg.Now(),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(chains, func(c []*x509.Certificate) bool { return len(c) > 1 && c[1].Equal(intermediate) }) {
		return fmt.Errorf("it was issued by %q", leaf.Issuer.CommonName)
	}
	return nil
}

// user is the NATS user of a node: its permissions until its certificate expires.
func (x *Exchange) user(nkey string, name trust.Name, site string, expires time.Time) *jwt.UserClaims {
	p := fabric.SwitchPermissions(name.Org, name.ID, site)
	if name.Kind == trust.Bridge {
		p = fabric.BridgePermissions(name.Org, name.ID)
	}
	u := jwt.NewUserClaims(nkey)
	u.Name = name.ID
	u.Audience = trafficAccount // in a server that is configured without operators this places the user
	u.Expires = expires.Unix()
	u.Pub.Allow.Add(p.Publish...)
	u.Sub.Allow.Add(p.Subscribe...)
	u.Resp = &jwt.ResponsePermission{MaxMsgs: 1, Expires: replyWithin}
	return u
}

// tried is the NATS user of an instance that tries whether the callout is asked: it may do nothing.
func (x *Exchange) tried(nkey string) *jwt.UserClaims {
	u := jwt.NewUserClaims(nkey)
	u.Name = "probe"
	u.Audience = trafficAccount
	u.Expires = x.cfg.Now().Add(replyWithin).Unix()
	u.Pub.Deny.Add(">")
	u.Sub.Deny.Add(">")
	return u
}
