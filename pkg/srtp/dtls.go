package srtp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	_ "crypto/sha256" // of fingerprints
	_ "crypto/sha512" // of fingerprints
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/logging"
	"github.com/pion/transport/v4/packetio"

	"strowger/pkg/errs"
)

// Identity is the certificate by which one side shows in handshakes that it is who wrote the description with its fingerprint. It is nobody's name.
type Identity struct {
	certificate tls.Certificate
	fingerprint string
}

// identityLife is far beyond any run of a node or any call: nobody looks at the dates (RFC 5763, 5).
const identityLife = 10 * 365 * 24 * time.Hour

// NewIdentity makes one that nobody else has.
func NewIdentity() (*Identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader) // RFC 8827, 6.5
	if err != nil {
		return nil, fmt.Errorf("make a key for DTLS: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "media"}, // RFC 5763, 5: the name says nothing
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(identityLife),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("make a certificate for DTLS: %w", err)
	}
	return &Identity{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, fingerprintOf(crypto.SHA256, "sha-256", der)}, nil
}

// Fingerprint is what a description says of it, as after a=fingerprint.
func (i *Identity) Fingerprint() string { return i.fingerprint }

// hashes are those that a fingerprint may be of. RFC 8122, 5: MD2 and MD5 are none; SHA-1 is not taken either, for it can be made to collide.
var hashes = map[string]crypto.Hash{"sha-256": crypto.SHA256, "sha-384": crypto.SHA384, "sha-512": crypto.SHA512}

func fingerprintOf(h crypto.Hash, name string, der []byte) string {
	sum := h.New()
	sum.Write(der)
	pairs := make([]string, 0, h.Size())
	for _, b := range sum.Sum(nil) {
		pairs = append(pairs, fmt.Sprintf("%02X", b))
	}
	return name + " " + strings.Join(pairs, ":")
}

// Known are the fingerprints, as after a=fingerprint, whose hash is taken here: a set, in an order of its own. A phone may say the same of the session and
// of the medium, and in a later description of both.
func Known(fingerprints []string) (all []string) {
	for _, f := range fingerprints {
		name, value, _ := strings.Cut(f, " ")
		if h, ok := hashes[strings.ToLower(name)]; ok {
			if raw, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(value), ":", "")); err == nil && len(raw) == h.Size() {
				all = append(all, strings.ToLower(name)+" "+strings.ToUpper(strings.TrimSpace(value)))
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// fits says whether a certificate is the one that a fingerprint of a description means.
func fits(der []byte, fingerprints []string) error {
	for _, f := range fingerprints {
		name, _, _ := strings.Cut(f, " ")
		if h, ok := hashes[name]; ok && subtle.ConstantTimeCompare([]byte(fingerprintOf(h, name, der)), []byte(f)) == 1 {
			return nil
		}
	}
	return errs.New(errs.WrongPresenter, "DTLS: the certificate of who answers is not the one of the description")
}

// Shaking is what a handshake needs (RFC 5763).
type Shaking struct {
	Identity     *Identity
	Fingerprints []string           // of the other side: Known ones
	Begins       bool               // we are the client
	Send         func([]byte) error // sends a packet, and does not keep it
	// Done is told the keys of what we send and of what they send, or why there are none. It is called once at most, from another goroutine, and must
	// not close the association.
	Done func(mine, theirs Key, err error)
}

// Association is a DTLS association: it agrees on keys (RFC 5764), and answers what comes again of its handshake.
type Association struct {
	conn    *dtls.Conn
	in      *packetio.Buffer
	running sync.WaitGroup
	once    sync.Once
}

// maxHandshake is how many packets of a handshake may wait.
const maxHandshake = 32

// Shake begins a handshake.
func Shake(s Shaking) (*Association, error) {
	a := &Association{in: packetio.NewBuffer()}
	a.in.SetLimitCount(maxHandshake)
	verify := dtls.WithVerifyPeerCertificate(func(raw [][]byte, _ [][]*x509.Certificate) error {
		if len(raw) == 0 {
			return errs.New(errs.WrongPresenter, "DTLS: no certificate is shown")
		}
		return fits(raw[0], s.Fingerprints)
	})
	common := []dtls.Option{
		dtls.WithCertificates(s.Identity.certificate), verify, dtls.WithInsecureSkipVerify(true), // RFC 5763, 5: the fingerprint is what counts
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AES128_CM_HMAC_SHA1_80, dtls.SRTP_AES128_CM_HMAC_SHA1_32),
		dtls.WithExtendedMasterSecret(dtls.RequestExtendedMasterSecret),
		dtls.WithLoggerFactory(&logging.DefaultLoggerFactory{DefaultLogLevel: logging.LogLevelDisabled}), // Done tells what matters
	}
	var err error
	if pipe := (&pipe{a.in, s.Send}); s.Begins {
		options := make([]dtls.ClientOption, len(common))
		for i, o := range common {
			options[i] = o
		}
		a.conn, err = dtls.ClientWithOptions(pipe, pipe.LocalAddr(), options...)
	} else {
		options := []dtls.ServerOption{dtls.WithClientAuth(dtls.RequireAnyClientCert)}
		for _, o := range common {
			options = append(options, o)
		}
		a.conn, err = dtls.ServerWithOptions(pipe, pipe.LocalAddr(), options...)
	}
	if err != nil {
		return nil, fmt.Errorf("begin a DTLS handshake: %w", err)
	}
	a.running.Go(func() { a.run(s) })
	return a, nil
}

// run shakes hands, and stays to repeat its last words, and to hear that the other side ends.
func (a *Association) run(s Shaking) {
	mine, theirs, err := a.agree(s.Begins)
	s.Done(mine, theirs, err)
	if err != nil {
		return
	}
	for rest := make([]byte, 1500); ; { // RFC 5764, 4.1: nothing else is to come
		if _, err := a.conn.Read(rest); err != nil {
			return
		}
	}
}

// agree returns the keys of what we send and of what they send.
func (a *Association) agree(client bool) (mine, theirs Key, err error) {
	if err := a.conn.Handshake(); err != nil {
		return mine, theirs, fmt.Errorf("DTLS: %w", err)
	}
	suite := suite80
	switch profile, _ := a.conn.SelectedSRTPProtectionProfile(); profile {
	case dtls.SRTP_AES128_CM_HMAC_SHA1_80:
	case dtls.SRTP_AES128_CM_HMAC_SHA1_32:
		suite = suite32
	default:
		return mine, theirs, errs.New(errs.NoCommonCodec, "DTLS: no protection profile of SRTP was agreed on")
	}
	state, ok := a.conn.ConnectionState()
	if !ok {
		return mine, theirs, errs.New(errs.Internal, "DTLS: the association has no state")
	}
	// RFC 5764, 4.2: the keys of client and server, then their salts.
	m, err := state.ExportKeyingMaterial("EXTRACTOR-dtls_srtp", nil, 2*(keySize+saltSize))
	if err != nil {
		return mine, theirs, fmt.Errorf("DTLS: take the keys: %w", err)
	}
	mine.suite, theirs.suite = suite, suite
	first, second := &mine, &theirs
	if !client {
		first, second = second, first
	}
	copy(first.secret[:], m[:keySize])
	copy(second.secret[:], m[keySize:2*keySize])
	copy(first.secret[keySize:], m[2*keySize:2*keySize+saltSize])
	copy(second.secret[keySize:], m[2*keySize+saltSize:])
	return mine, theirs, nil
}

// Take hands over a packet of the other side's, which it copies. Beyond what may wait it is dropped, and comes again.
func (a *Association) Take(packet []byte) { _, _ = a.in.Write(packet) }

// Close ends the association, and returns when it has.
func (a *Association) Close() {
	a.once.Do(func() {
		_ = a.conn.Close() // says so to the other side as far as that is possible
		_ = a.in.Close()
	})
	a.running.Wait()
}

// IsHandshake says whether a packet that came where media do is of DTLS (RFC 7983, 7).
func IsHandshake(packet []byte) bool { return len(packet) > 0 && packet[0] >= 20 && packet[0] <= 63 }

// Suite is the name of what the key is for, "" for none.
func (k Key) Suite() string { return k.suite }

// pipe is a net.PacketConn over what hands packets in, and sends them.
type pipe struct {
	in   *packetio.Buffer
	give func([]byte) error
}

func (p *pipe) ReadFrom(b []byte) (int, net.Addr, error) {
	n, err := p.in.Read(b)
	return n, p.LocalAddr(), err
}

func (p *pipe) WriteTo(b []byte, _ net.Addr) (int, error) {
	_ = p.give(b) // what is lost is sent again
	return len(b), nil
}

func (p *pipe) Close() error                       { return p.in.Close() }
func (p *pipe) LocalAddr() net.Addr                { return &net.UDPAddr{} }
func (p *pipe) SetDeadline(t time.Time) error      { return p.in.SetReadDeadline(t) }
func (p *pipe) SetReadDeadline(t time.Time) error  { return p.in.SetReadDeadline(t) }
func (p *pipe) SetWriteDeadline(_ time.Time) error { return nil }
