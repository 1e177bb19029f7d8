package trust

import (
	"crypto/x509"
	"errors"
	"strings"
	"time"

	"strowger/pkg/errs"
)

// remoteExpired is how crypto/tls words the alert certificate_expired of the other side, whose type it keeps to itself:
// "expired or is not currently valid for some other reason" (RFC 8446, 6.2).
const remoteExpired = "remote error: tls: expired certificate"

// Validity returns err with the words for a person if it says that a certificate is not valid at the time now of this
// machine: which end of its time is passed, by how much, and that a clock may be wrong. Its code is then ClockSkew for a
// certificate that is not valid yet, for which there is no other cause, and Unauthenticated for one that has expired, or
// that the other side refused. Any other error is returned as it is.
func Validity(err error, now time.Time) error {
	var invalid x509.CertificateInvalidError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		return outside(invalid.Cert, now, err)
	case strings.Contains(err.Error(), remoteExpired):
		return errs.New(errs.Unauthenticated, "the other side finds that this node's certificate is not valid now; the clock here says %s: "+
			"compare the clocks of both machines, set the wrong one (NTP); if both are right, the certificate has expired: %w", stamp(now), err)
	}
	return err
}

func outside(c *x509.Certificate, now time.Time, err error) error {
	if early := c.NotBefore.Sub(now); early > 0 {
		return errs.New(errs.ClockSkew, "the certificate of %q is valid from %s, and the clock here says %s, %s before: "+
			"the clock of this machine or of the certificate's issuer is wrong, set it (NTP): %w", holder(c), stamp(c.NotBefore), stamp(now), early.Round(time.Second), err)
	}
	return errs.New(errs.Unauthenticated, "the certificate of %q was valid until %s, and the clock here says %s, %s after: "+
		"set the clock of this machine if it is wrong (NTP), else the certificate must be renewed: %w", holder(c), stamp(c.NotAfter), stamp(now), now.Sub(c.NotAfter).Round(time.Second), err)
}

func holder(c *x509.Certificate) string {
	if name, err := NameOf(c); err == nil {
		return name.String()
	}
	return c.Subject.CommonName
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
