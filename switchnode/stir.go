package switchnode

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"strowger/pkg/stir"
)

// STIR configures the signing of calls to the phone network, and the verification of those from it (package stir).
type STIR struct {
	Cert   string   `help:"PEM certificate chain with which calls to the phone network are signed (STIR/SHAKEN). Default: they are not signed." name:"stir-cert" type:"existingfile" placeholder:"FILE"`
	Key    string   `help:"PEM key of --stir-cert, on P-256." name:"stir-key" type:"existingfile" placeholder:"FILE"`
	URL    string   `help:"Where whom is called finds --stir-cert: https://host/path." name:"stir-url" placeholder:"URL"`
	Roots  string   `help:"PEM certificates of the roots with which the signatures of calls from the phone network are verified. Default: they are not looked at." name:"stir-roots" type:"existingfile" placeholder:"FILE"`
	Certs  string   `help:"Folder of the certificates that such calls are signed with: that at https://HOST/PATH is the file HOST/PATH in it." name:"stir-certs" type:"existingdir" placeholder:"DIR"`
	Hosts  []string `help:"Fetch such certificates from these hosts by HTTPS, and from no others." name:"stir-host" placeholder:"HOST"`
	Refuse string   `help:"Which such calls are refused: failed, those whose signature is wrong; unsigned, those without one as well. Default: none, all are marked." name:"stir-refuse" placeholder:"WHICH"`
}

// What Refuse may be.
const (
	refuseNone     = "none"
	refuseFailed   = "failed"
	refuseUnsigned = "unsigned"
)

func (c STIR) validate() error {
	if (c.Cert == "") != (c.Key == "") || (c.Cert == "") != (c.URL == "") {
		return errors.New("--stir-cert, --stir-key and --stir-url go together")
	}
	if (c.Roots == "") != (c.Certs == "" && len(c.Hosts) == 0) {
		return errors.New("--stir-roots goes with --stir-certs or --stir-host, where the certificates of signed calls are found")
	}
	switch which := cmp.Or(c.Refuse, refuseNone); {
	case !slices.Contains([]string{refuseNone, refuseFailed, refuseUnsigned}, which):
		return fmt.Errorf("--stir-refuse %q: want none, failed or unsigned", c.Refuse)
	case which != refuseNone && c.Roots == "":
		return errors.New("--stir-refuse goes with --stir-roots: without roots every signature would be wrong")
	}
	return nil
}

// refuses says whether a call is refused for what its signature is worth.
func (c STIR) refuses(v stir.Verdict) bool {
	switch c.Refuse {
	case refuseFailed:
		return v.Code != stir.Verified && v.Code != stir.NoSignature
	case refuseUnsigned:
		return v.Code != stir.Verified
	}
	return false
}

// signatures signs calls and verifies them, by files that may change.
type signatures struct {
	cfg      STIR
	read     [sha256.Size]byte           // of the files as they were tried last
	signer   atomic.Pointer[stir.Signer] // nil: nothing is signed
	verifier *stir.Verifier              // nil: nothing is verified
}

// openSignatures reads the files for the first time.
func openSignatures(c STIR) (*signatures, error) {
	s := &signatures{cfg: c}
	if c.Roots != "" {
		var sources stir.Sources
		if c.Certs != "" {
			sources = append(sources, stir.Folder(c.Certs))
		}
		if len(c.Hosts) > 0 {
			sources = append(sources, stir.NewFetch(c.Hosts, nil))
		}
		s.verifier = stir.NewVerifier(x509.NewCertPool(), sources)
	}
	_, err := s.refresh()
	return s, err
}

// refresh reads the files if any changed, and says whether it did. What is wrong in them is told once; what counted before stays.
func (s *signatures) refresh() (changed bool, err error) {
	h := sha256.New()
	for _, file := range []string{s.cfg.Cert, s.cfg.Key, s.cfg.Roots} {
		if file == "" {
			continue
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return false, err
		}
		h.Write(b)
	}
	read := [sha256.Size]byte(h.Sum(nil))
	if read == s.read {
		return false, nil
	}
	s.read = read
	return true, errors.Join(s.readSigner(), s.readRoots())
}

func (s *signatures) readSigner() error {
	c := s.cfg
	if c.Cert == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
	if err != nil {
		return fmt.Errorf("--stir-cert %s with --stir-key %s: %w", c.Cert, c.Key, err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return fmt.Errorf("--stir-key %s: want a key on P-256", c.Key)
	}
	signer, err := stir.NewSigner(key, pair.Leaf, c.URL)
	if err != nil {
		return fmt.Errorf("--stir-cert %s: %w", c.Cert, err)
	}
	s.signer.Store(signer)
	return nil
}

func (s *signatures) readRoots() error {
	c := s.cfg
	if c.Roots == "" {
		return nil
	}
	b, err := os.ReadFile(c.Roots)
	if err != nil {
		return fmt.Errorf("--stir-roots: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(b) {
		return fmt.Errorf("--stir-roots %s: no certificates in PEM", c.Roots)
	}
	s.verifier.Trust(roots)
	return nil
}

// refreshEvery is how soon a file that changed counts: a certificate that is renewed holds for days beside the new one.
const refreshEvery = time.Minute

// keep reads the files again when they changed, until ctx ends.
func (s *signatures) keep(ctx context.Context, log *slog.Logger) error {
	if s.cfg.Cert == "" && s.cfg.Roots == "" {
		return nil
	}
	for sleep(ctx, refreshEvery, nil) {
		switch changed, err := s.refresh(); {
		case err != nil:
			log.Warn("certificates for calls are not as they should be; what was read before counts", "error", err)
		case changed:
			log.Info("certificates for calls were read again")
		}
	}
	return nil
}

// sign returns what signs calls, nil if nothing does.
func (s *signatures) sign(now func() time.Time) func(caller, called stir.Name, level stir.Attest, origID string) (string, error) {
	if s.cfg.Cert == "" {
		return nil
	}
	return func(caller, called stir.Name, level stir.Attest, origID string) (string, error) {
		return s.signer.Load().Sign(now(), caller, called, level, origID)
	}
}

// verify returns what verifies calls, nil if nothing does.
func (s *signatures) verify(now func() time.Time) func(context.Context, stir.Call) (stir.Verdict, bool) {
	if s.verifier == nil {
		return nil
	}
	return func(ctx context.Context, c stir.Call) (stir.Verdict, bool) {
		v := s.verifier.Verify(ctx, now(), c)
		return v, s.cfg.refuses(v)
	}
}
