package enrol

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"strowger/pkg/trust"
)

// Files of an identity. node.json is written last: an identity without it is not enrolled yet.
const (
	fileKey     = "node.key"    // ECDSA P-256, PKCS #8 PEM, 0600
	fileSigning = "signing.key" // Ed25519, PKCS #8 PEM, 0600
	fileChain   = "node.crt"    // the node's certificate, its intermediate
	fileRoot    = "root.crt"
	fileInfo    = "node.json"
)

// Identity is who a node is: its keys, its certificate and what it was told when it enrolled.
type Identity struct {
	Info
	Key        *ecdsa.PrivateKey
	SigningKey ed25519.PrivateKey
	Chain      []*x509.Certificate // the node's own, its intermediate
	Root       *x509.Certificate
	// Apart is how far the cloud's clock was ahead of the one here when the node enrolled, to about a second; 0 if loaded.
	Apart time.Duration

	dir string
}

// Load reads the identity in dir; the error is fs.ErrNotExist if the node is not enrolled.
func Load(dir string) (*Identity, error) {
	info, err := os.ReadFile(filepath.Join(dir, fileInfo))
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	id, err := loadKeys(dir)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(info, &id.Info); err != nil {
		return nil, fmt.Errorf("identity: %s: %w", filepath.Join(dir, fileInfo), err)
	}
	chain, err := os.ReadFile(filepath.Join(dir, fileChain))
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	root, err := os.ReadFile(filepath.Join(dir, fileRoot))
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	if err := id.accept(string(chain), string(root)); err != nil {
		return nil, fmt.Errorf("identity in %s: %w", dir, err)
	}
	return id, nil
}

// Certificate is what the node shows in TLS.
func (id *Identity) Certificate() tls.Certificate {
	c := tls.Certificate{PrivateKey: id.Key, Leaf: id.Chain[0]}
	for _, crt := range id.Chain {
		c.Certificate = append(c.Certificate, crt.Raw)
	}
	return c
}

// CSR asks for a certificate for the node's key. The cloud takes the names from the registry, so the request has none.
func (id *Identity) CSR() ([]byte, error) {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, id.Key)
	if err != nil {
		return nil, fmt.Errorf("certificate request: %w", err)
	}
	return der, nil
}

// Renewed returns the identity with a renewed certificate, which it also puts on disk.
func (id *Identity) Renewed(chainPEM string) (*Identity, error) {
	next := *id
	if err := next.accept(chainPEM, string(pemOf(id.Root))); err != nil {
		return nil, fmt.Errorf("renewed certificate: %w", err)
	}
	if err := writeFile(filepath.Join(id.dir, fileChain), []byte(chainPEM), 0o644); err != nil {
		return nil, err
	}
	return &next, nil
}

// save puts on disk what the cloud answered.
func (id *Identity) save(r Response) error {
	info, err := json.MarshalIndent(r.Info, "", "\t")
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		data []byte
	}{{fileChain, []byte(r.Chain)}, {fileRoot, []byte(r.Root)}, {fileInfo, info}} {
		if err := writeFile(filepath.Join(id.dir, f.name), f.data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// accept takes a certificate chain if it is for this node and its key, and leads to the root.
func (id *Identity) accept(chainPEM, rootPEM string) error {
	chain, err := parsePEM(chainPEM)
	if err != nil {
		return err
	}
	root, err := parsePEM(rootPEM)
	if err != nil {
		return err
	}
	if len(chain) != 2 || len(root) != 1 {
		return fmt.Errorf("chain of %d certificates and %d roots, want 2 and 1", len(chain), len(root))
	}
	if !id.Key.PublicKey.Equal(chain[0].PublicKey) {
		return errors.New("the certificate is for another key")
	}
	name, err := trust.NameOf(chain[0])
	if err != nil {
		return err
	}
	if want := (trust.Name{Org: id.Org, Kind: id.Kind, ID: id.Node}); name != want {
		return fmt.Errorf("the certificate names %s, want %s", name, want)
	}
	roots, inter := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(root[0])
	inter.AddCert(chain[1])
	// Valid is for peers to judge: a node whose clock is wrong, or that was off for long, must still start.
	opts := x509.VerifyOptions{Roots: roots, Intermediates: inter, CurrentTime: chain[0].NotBefore.Add(time.Second),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if _, err := chain[0].Verify(opts); err != nil {
		return err
	}
	id.Chain, id.Root = chain, root[0]
	return nil
}

// loadKeys reads the keys in dir.
func loadKeys(dir string) (*Identity, error) {
	id := &Identity{dir: dir}
	key, err := readKey(filepath.Join(dir, fileKey))
	if err != nil {
		return nil, err
	}
	signing, err := readKey(filepath.Join(dir, fileSigning))
	if err != nil {
		return nil, err
	}
	var ok1, ok2 bool
	id.Key, ok1 = key.(*ecdsa.PrivateKey)
	id.SigningKey, ok2 = signing.(ed25519.PrivateKey)
	if !ok1 || !ok2 {
		return nil, fmt.Errorf("identity: %s holds %T and %T, want an ECDSA and an Ed25519 key", dir, key, signing)
	}
	return id, nil
}

// prepareKeys reads the keys in dir, or makes them.
func prepareKeys(dir string) (*Identity, error) {
	id, err := loadKeys(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return id, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	_, signing, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	if err := writeKey(filepath.Join(dir, fileKey), key); err != nil {
		return nil, err
	}
	if err := writeKey(filepath.Join(dir, fileSigning), signing); err != nil {
		return nil, err
	}
	return &Identity{Key: key, SigningKey: signing, dir: dir}, nil
}

func (id *Identity) signingPublic() string {
	return base64.RawURLEncoding.EncodeToString(id.SigningKey.Public().(ed25519.PublicKey))
}

func pemOf(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}
