package face

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// lookEvery is how often files are looked at for a new certificate.
const lookEvery = 10 * time.Second

// Files is a certificate in files, read again when they change: who renews it tells nobody.
type Files struct {
	cert, key string
	log       *slog.Logger

	mu     sync.Mutex
	pair   *tls.Certificate
	stamp  string // of the files that it was read from
	looked time.Time
}

// OpenFiles reads a certificate chain and its key, in PEM form.
func OpenFiles(cert, key string, log *slog.Logger) (*Files, error) {
	f := &Files{cert: cert, key: key, log: log}
	if err := f.read(f.stampNow()); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *Files) read(stamp string) error {
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return fmt.Errorf("certificate %s with key %s: %w", f.cert, f.key, err)
	}
	f.pair, f.stamp = &pair, stamp
	return nil
}

// stampNow is another one when a file was replaced.
func (f *Files) stampNow() (s string) {
	for _, name := range []string{f.cert, f.key} {
		if info, err := os.Stat(name); err == nil {
			s += fmt.Sprint(info.ModTime().UnixNano(), " ", info.Size(), " ")
		}
	}
	return s
}

// Get is for tls.Config.GetCertificate. While one file is new and the other is not, the old certificate stays.
func (f *Files) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); now.Sub(f.looked) > lookEvery {
		f.looked = now
		if stamp := f.stampNow(); stamp != f.stamp {
			if err := f.read(stamp); err != nil {
				f.log.Warn("the new certificate cannot be used; the old one is", "error", err)
			}
		}
	}
	return f.pair, nil
}
