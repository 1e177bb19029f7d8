// Package knock comes to the doors that apps come to, and says there what no app would: for scenarios of misuse.
package knock

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/webtransport-go"

	"strowger/pkg/designation"
	"strowger/pkg/proof"
)

// Door is a stream of WebTransport to a switch on which nothing was said yet.
type Door struct {
	stream    *webtransport.Stream
	session   *webtransport.Session
	transport *webtransport.Transport
}

// WebTransport opens one at the first address of a node.
func WebTransport(ctx context.Context, n designation.Node) (*Door, error) {
	d := &Door{transport: &webtransport.Transport{
		TLSClientConfig: &tls.Config{
			MinVersion: tls.VersionTLS13, NextProtos: []string{http3.NextProtoH3}, InsecureSkipVerify: true,
			VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
				sum := sha256.Sum256(raw[0])
				if !slices.Contains(n.Web, base64.RawURLEncoding.EncodeToString(sum[:])) {
					return errors.New("not a certificate of the designation")
				}
				return nil
			},
		},
		QUICConfig: &quic.Config{EnableDatagrams: true, EnableStreamResetPartialDelivery: true},
	}}
	var err error
	if _, d.session, err = d.transport.Dial(ctx, "https://"+n.Addresses[0]+"/call", nil); err != nil {
		return nil, errors.Join(err, d.transport.Close())
	}
	if d.stream, err = d.session.OpenStreamSync(ctx); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// Write says something.
func (d *Door) Write(b []byte) (int, error) { return d.stream.Write(b) }

// Read hears what the switch says.
func (d *Door) Read(b []byte) (int, error) { return d.stream.Read(b) }

// Close leaves, and returns when the connection has ended.
func (d *Door) Close() error {
	err := d.session.CloseWithError(0, "")
	<-d.session.Context().Done()
	return errors.Join(err, d.transport.Close())
}

// Show says a first line, within which the line feed is not, and hears the answer.
func Show(ctx context.Context, d io.ReadWriter, line []byte) (v proof.Verdict, err error) {
	heard := make(chan error, 1)
	go func() { // it ends with the door
		if _, err := d.Write(append(bytes.Clone(line), '\n')); err != nil {
			heard <- fmt.Errorf("say who comes: %w", err)
			return
		}
		heard <- proof.ReadLine(d, proof.MaxVerdict, &v)
	}()
	select {
	case err = <-heard:
		return v, err
	case <-ctx.Done():
		return v, context.Cause(ctx)
	}
}
