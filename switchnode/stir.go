package switchnode

import (
	"crypto/ecdsa"
	"crypto/tls"
	"errors"
	"fmt"

	"strowger/pkg/stir"
)

// STIR configures the signing of calls to the phone network (package stir).
type STIR struct {
	Cert string `help:"PEM certificate chain with which calls to the phone network are signed (STIR/SHAKEN). Default: they are not signed." name:"stir-cert" type:"existingfile" placeholder:"FILE"`
	Key  string `help:"PEM key of --stir-cert, on P-256." name:"stir-key" type:"existingfile" placeholder:"FILE"`
	URL  string `help:"Where whom is called finds --stir-cert: https://host/path." name:"stir-url" placeholder:"URL"`
}

func (c STIR) validate() error {
	if (c.Cert == "") != (c.Key == "") || (c.Cert == "") != (c.URL == "") {
		return errors.New("--stir-cert, --stir-key and --stir-url go together")
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
