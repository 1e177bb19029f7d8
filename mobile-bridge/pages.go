package mobilebridge

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"strowger/mobile-bridge/internal/frontdesk"
	"strowger/mobile-bridge/softphone"
	"strowger/pkg/datafolder"
)

// openPages has the softphone served to browsers, and passes their requests on to the cloud until done is called.
func (b *bridge) openPages() (done func(), err error) {
	done = func() {}
	if b.face == nil {
		return done, nil
	}
	page, err := softphone.New(softphone.About{Bridge: b.identity.Load().Node, VAPID: b.started.VAPID})
	if err != nil {
		return done, err
	}
	b.face.Handle("/", page)
	cloud, err := b.cloudAddress()
	switch {
	case err != nil:
		return done, err
	case cloud == "":
		b.log.Warn("browsers cannot enrol at this bridge: start it once with --cloud, so that it knows where the cloud's API is")
		return done, nil
	}
	// The cloud's own certificate is one of the installation's root, unless its operator gave it another.
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool() // a system without any
	}
	roots.AddCert(b.identity.Load().Root)
	desk, err := frontdesk.New(frontdesk.Config{Cloud: cloud, TLS: &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots}, Source: b.face.Source, Now: b.now, Logger: b.log})
	if err != nil {
		return done, fmt.Errorf("--cloud: %w", err)
	}
	desk.Register(b.face.Handle)
	return desk.Close, nil
}

// cloudAddress is where the cloud's API is: as --cloud says, or said when the bridge was last started with it.
func (b *bridge) cloudAddress() (string, error) {
	file := filepath.Join(b.Data, "cloud.txt")
	if b.Cloud != "" {
		return b.Cloud, datafolder.Replace(file, []byte(b.Cloud+"\n"), 0o600)
	}
	kept, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return strings.TrimSpace(string(kept)), nil
}
