package command

import (
	"os"
	"strings"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// trunkWay is how a switch speaks to a phone company.
type trunkWay struct {
	Register  *bool          `help:"Register at each of the servers with the account; calls to the switch are then known by that, wherever they come from." negatable:""`
	Domain    *string        `help:"Domain of the phone company, if it is not the name of the server." placeholder:"DOMAIN"`
	Transport *string        `help:"By which the servers are reached: udp, tcp or tls." placeholder:"NAME"`
	TLSCA     *string        `help:"File with the certificates (PEM) that those of the servers must be signed by, for tls; empty: the ones that the system of the switch trusts." name:"tls-ca" placeholder:"FILE"`
	Codecs    *string        `help:"What speech is sent in, the preferred first: PCMA,G722; empty: what callers offer, in their order." placeholder:"NAMES"`
	DTMF      *string        `help:"How keys reach the phone company: rfc4733, as telephone events beside the speech, info, by SIP INFO, or inband, as tones in the speech (G.711)." placeholder:"FORM"`
	SRTP      *string        `help:"Whether speech is encrypted (SRTP, keys in SDP): off, or required, which wants --transport tls." placeholder:"WHETHER" name:"srtp"`
	Probe     *time.Duration `help:"How often each server is asked whether it is there, 5s to 1h; 0s: never." placeholder:"TIME"`
}

// fill sets what was given.
func (f trunkWay) fill(v *rest.Trunk) (err error) {
	if v.TLSCA, err = f.ca(); err != nil {
		return err
	}
	if f.Register != nil {
		v.Register = *f.Register
	}
	if f.Domain != nil {
		v.Domain = *f.Domain
	}
	if f.Transport != nil {
		v.Transport = *f.Transport
	}
	if f.Codecs != nil {
		v.Codecs = f.codecs()
	}
	if f.DTMF != nil {
		v.DTMF = *f.DTMF
	}
	if f.SRTP != nil {
		v.SRTP = *f.SRTP
	}
	if f.Probe != nil {
		v.ProbeSeconds, err = wholeSeconds("--probe", *f.Probe)
	}
	return err
}

// change puts what was given into a change.
func (f trunkWay) change(c change) error {
	put(c, "register", f.Register)
	put(c, "domain", f.Domain)
	put(c, "transport", f.Transport)
	put(c, "dtmf", f.DTMF)
	put(c, "srtp", f.SRTP)
	if f.Codecs != nil {
		c["codecs"] = f.codecs()
	}
	if f.TLSCA != nil {
		pem, err := f.ca()
		if err != nil {
			return err
		}
		c["tls_ca"] = pem
	}
	if f.Probe != nil {
		n, err := wholeSeconds("--probe", *f.Probe)
		if err != nil {
			return err
		}
		c["probe_seconds"] = n
	}
	return nil
}

// codecs are the names that were given.
func (f trunkWay) codecs() []string {
	return strings.FieldsFunc(*f.Codecs, func(r rune) bool { return r == ',' || r == ' ' })
}

// ca is what the file of a CA has.
func (f trunkWay) ca() (string, error) {
	if f.TLSCA == nil || *f.TLSCA == "" {
		return "", nil
	}
	pem, err := os.ReadFile(*f.TLSCA)
	if err != nil {
		return "", errs.New(errs.Invalid, "--tls-ca: %w", err)
	}
	return string(pem), nil
}
