package switchnode

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"strowger/pkg/stir"
)

// STIR configures the signing of calls to the phone network, and the verification of those from it (package stir).
type STIR struct {
	Cert  string   `help:"PEM certificate chain with which calls to the phone network are signed (STIR/SHAKEN). Default: they are not signed." name:"stir-cert" type:"existingfile" placeholder:"FILE"`
	Key   string   `help:"PEM key of --stir-cert, on P-256." name:"stir-key" type:"existingfile" placeholder:"FILE"`
	URL   string   `help:"Where whom is called finds --stir-cert: https://host/path." name:"stir-url" placeholder:"URL"`
	Roots string   `help:"PEM certificates of the roots with which the signatures of calls from the phone network are verified. Default: they are not looked at." name:"stir-roots" type:"existingfile" placeholder:"FILE"`
	Certs string   `help:"Folder of the certificates that such calls are signed with: that at https://HOST/PATH is the file HOST/PATH in it." name:"stir-certs" type:"existingdir" placeholder:"DIR"`
	Hosts []string `help:"Fetch such certificates from these hosts by HTTPS, and from no others." name:"stir-host" placeholder:"HOST"`
}

func (c STIR) validate() error {
	if (c.Cert == "") != (c.Key == "") || (c.Cert == "") != (c.URL == "") {
		return errors.New("--stir-cert, --stir-key and --stir-url go together")
	}
	if (c.Roots == "") != (c.Certs == "" && len(c.Hosts) == 0) {
		return errors.New("--stir-roots goes with --stir-certs or --stir-host, where the certificates of signed calls are found")
	}
	return nil
}

// sign returns what signs calls, nil if nothing does.
func (n *node) sign() (func(caller, called stir.Name, level stir.Attest, origID string) (string, error), error) {
	c := n.STIR
	if c.Cert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
	if err != nil {
		return nil, fmt.Errorf("--stir-cert %s with --stir-key %s: %w", c.Cert, c.Key, err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("--stir-key %s: want a key on P-256", c.Key)
	}
	s, err := stir.NewSigner(key, pair.Leaf, c.URL)
	if err != nil {
		return nil, fmt.Errorf("--stir-cert %s: %w", c.Cert, err)
	}
	return func(caller, called stir.Name, level stir.Attest, origID string) (string, error) {
		return s.Sign(n.now(), caller, called, level, origID)
	}, nil
}

// verify returns what verifies calls, nil if nothing does.
func (n *node) verify() (func(context.Context, stir.Call) stir.Verdict, error) {
	c := n.STIR
	if c.Roots == "" {
		return nil, nil
	}
	b, err := os.ReadFile(c.Roots)
	if err != nil {
		return nil, fmt.Errorf("--stir-roots: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("--stir-roots %s: no certificates in PEM", c.Roots)
	}
	var sources stir.Sources
	if c.Certs != "" {
		sources = append(sources, stir.Folder(c.Certs))
	}
	if len(c.Hosts) > 0 {
		sources = append(sources, stir.NewFetch(c.Hosts, nil))
	}
	v := stir.NewVerifier(roots, sources)
	return func(ctx context.Context, call stir.Call) stir.Verdict { return v.Verify(ctx, n.now(), call) }, nil
}
