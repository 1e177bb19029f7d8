package store

import (
	"cmp"
	"context"
	"crypto/x509"
	"database/sql"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"strowger/pkg/e164"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/rest"
	"strowger/pkg/sdp"
)

const (
	maxOrder   = 99
	maxWeight  = 100
	maxServers = 8
	maxCodecs  = 8

	maxChannels = 10_000

	maxTrunkUser = 100 // bytes

	maxTLSCA = 16 << 10 // bytes

	minProbe = 5 // seconds
	maxProbe = 3600
)

func trunks(s *Store) *Table[rest.Trunk] {
	return &Table[rest.Trunk]{
		s: s, noun: "trunk", table: "trunks", kind: ident.Trunk, scope: "org",
		meta: func(v *rest.Trunk) *rest.Meta { return &v.Meta },
		org:  func(v *rest.Trunk) *string { return &v.Organization },
		columns: []column[rest.Trunk]{
			{field: "name", name: "name", at: func(v *rest.Trunk) any { return &v.Name }},
			{field: "guard", name: "guard", at: func(v *rest.Trunk) any { return policy{&v.Guard} }},
			{field: "switch", name: "switch", at: func(v *rest.Trunk) any { return &v.Switch }},
			{field: "enabled", name: "enabled", at: func(v *rest.Trunk) any { return &v.Enabled }},
			{field: "order", name: "rank", at: func(v *rest.Trunk) any { return &v.Order }},
			{field: "weight", name: "weight", at: func(v *rest.Trunk) any { return &v.Weight }},
			{field: "servers", name: "servers", at: func(v *rest.Trunk) any { return texts{&v.Servers} }},
			{field: "number", name: "number", at: func(v *rest.Trunk) any { return &v.Number }},
			{field: "caller_id", name: "caller_id", at: func(v *rest.Trunk) any { return &v.CallerID }},
			{field: "username", name: "username", at: func(v *rest.Trunk) any { return &v.Username }},
			{field: "register", name: "register", at: func(v *rest.Trunk) any { return &v.Register }},
			{field: "domain", name: "domain", at: func(v *rest.Trunk) any { return &v.Domain }},
			{field: "transport", name: "transport", at: func(v *rest.Trunk) any { return &v.Transport }},
			{field: "tls_ca", name: "tls_ca", at: func(v *rest.Trunk) any { return &v.TLSCA }},
			{field: "channels", name: "channels", at: func(v *rest.Trunk) any { return &v.Channels }},
			{field: "probe_seconds", name: "probe_seconds", at: func(v *rest.Trunk) any { return &v.ProbeSeconds }},
			{field: "codecs", name: "codecs", at: func(v *rest.Trunk) any { return texts{&v.Codecs} }},
			{field: "dtmf", name: "dtmf", at: func(v *rest.Trunk) any { return &v.DTMF }},
			{field: "srtp", name: "srtp", at: func(v *rest.Trunk) any { return &v.SRTP }},
		},
		check: func(ctx context.Context, tx *sql.Tx, v *rest.Trunk) error {
			if err := checkTrunk(v); err != nil {
				return err
			}
			if err := refers(ctx, tx, "switch", switchByID, v.Switch, v.Organization); err != nil {
				return err
			}
			return taken(ctx, tx, "trunk name "+v.Name, trunkByName, v.ID, v.Organization, v.Name)
		},
		fill:    s.fillTrunks,
		touched: func(c *Change, _, _ *rest.Trunk) { c.Base = true },
	}
}

func checkTrunk(v *rest.Trunk) error {
	switch {
	case v.Switch == "":
		return errs.New(errs.Invalid, "switch: a trunk is at one; name it")
	case v.Order < 0 || v.Order > maxOrder:
		return errs.New(errs.Invalid, "order: %d is not between 0 and %d", v.Order, maxOrder)
	case v.Weight < 1 || v.Weight > maxWeight:
		return errs.New(errs.Invalid, "weight: %d is not between 1 and %d", v.Weight, maxWeight)
	case v.Channels < 0 || v.Channels > maxChannels:
		return errs.New(errs.Invalid, "channels: %d is not between 0, for no limit, and %d", v.Channels, maxChannels)
	case len(v.Servers) < 1 || len(v.Servers) > maxServers:
		return errs.New(errs.Invalid, "servers: %d, want 1 to %d", len(v.Servers), maxServers)
	case v.Number != "" && !e164.Written(v.Number):
		return errs.New(errs.Invalid, `number: %q is not "+", the country code, and at most 15 digits in all`, v.Number)
	}
	if v.CallerID == "" {
		v.CallerID = "from"
	}
	if v.CallerID != "from" && v.CallerID != "pai" {
		return errs.New(errs.Invalid, "caller_id: %q is neither from nor pai", v.CallerID)
	}
	if v.CallerID == "pai" && v.Number == "" {
		return errs.New(errs.Invalid, "number: caller_id pai has From name the trunk; give its number")
	}
	if len(v.Username) > maxTrunkUser || strings.ContainsFunc(v.Username, unicode.IsControl) {
		return errs.New(errs.Invalid, "username: has %d bytes or a control character, at most %d are allowed", len(v.Username), maxTrunkUser)
	}
	if v.Register && v.Username == "" {
		return errs.New(errs.Invalid, "username: a trunk that registers needs one")
	}
	if v.Domain != "" && !hostForm.MatchString(v.Domain) {
		return errs.New(errs.Invalid, "domain: %q is not a domain name", v.Domain)
	}
	if err := cmp.Or(checkTransport(v), checkSpeech(v)); err != nil {
		return err
	}
	if v.ProbeSeconds != 0 && (v.ProbeSeconds < minProbe || v.ProbeSeconds > maxProbe) {
		return errs.New(errs.Invalid, "probe_seconds: %d is neither 0 nor between %d and %d", v.ProbeSeconds, minProbe, maxProbe)
	}
	for _, server := range v.Servers {
		if !isServer(server) {
			return errs.New(errs.Invalid, "servers: %q is neither a host nor host:port", server)
		}
	}
	return cmp.Or(v.Guard.Check(true), checkName(v.Name))
}

// checkTransport looks at how the servers of a trunk are reached.
func checkTransport(v *rest.Trunk) error {
	v.Transport = cmp.Or(v.Transport, "udp")
	switch {
	case !slices.Contains([]string{"udp", "tcp", "tls"}, v.Transport):
		return errs.New(errs.Invalid, "transport: %q is neither udp, tcp nor tls", v.Transport)
	case len(v.TLSCA) > maxTLSCA:
		return errs.New(errs.Invalid, "tls_ca: has %d bytes, at most %d are allowed", len(v.TLSCA), maxTLSCA)
	case v.TLSCA != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(v.TLSCA)):
		return errs.New(errs.Invalid, "tls_ca: there is no certificate in it; want PEM")
	}
	return nil
}

// checkSpeech looks at how the switch and the phone company hear each other. Names of codecs are kept as SDP has them.
func checkSpeech(v *rest.Trunk) error {
	v.DTMF, v.SRTP = cmp.Or(v.DTMF, "rfc4733"), cmp.Or(v.SRTP, "off")
	switch {
	case v.SRTP != "off" && v.SRTP != "required":
		return errs.New(errs.Invalid, "srtp: %q is neither off nor required", v.SRTP)
	case v.SRTP == "required" && v.Transport != "tls": // RFC 4568, 8.3
		return errs.New(errs.Invalid, "srtp: its keys would pass in the clear by %s; set transport to tls as well", v.Transport)
	}
	if !slices.Contains([]string{"rfc4733", "info", "inband"}, v.DTMF) {
		return errs.New(errs.Invalid, "dtmf: %q is neither rfc4733, info nor inband", v.DTMF)
	}
	if len(v.Codecs) > maxCodecs {
		return errs.New(errs.Invalid, "codecs: %d, want at most %d", len(v.Codecs), maxCodecs)
	}
	for i, given := range v.Codecs {
		name, ok := sdp.SpeechName(given)
		if !ok {
			return errs.New(errs.Invalid, "codecs: %q is none of %s", given, strings.Join(sdp.SpeechNames(), ", "))
		}
		if slices.Contains(v.Codecs[:i], name) {
			return errs.New(errs.Invalid, "codecs: %s is there twice", name)
		}
		v.Codecs[i] = name
	}
	return nil
}

var hostForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$`)

// isServer says whether a text is a host, "host:port" or "[IPv6]:port".
func isServer(text string) bool {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return hostForm.MatchString(text) || net.ParseIP(text) != nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0 && (hostForm.MatchString(host) || net.ParseIP(host) != nil)
}

// checkDialling looks at how phone numbers are dialled in a site.
func checkDialling(v *rest.Site) error {
	switch {
	case v.Country != "" && !e164.Known(v.Country):
		return errs.New(errs.Invalid, `country: %q is not one of ISO 3166-1 with phone numbers, as "DE" is`, v.Country)
	case v.Outside != "" && !outsideForm.MatchString(v.Outside):
		return errs.New(errs.Invalid, "outside: %q is not 1 to 3 digits, * or #", v.Outside)
	case v.Outside != "" && v.Country == "":
		return errs.New(errs.Invalid, "outside: is dialled before phone numbers; say of which country they are")
	case v.TimeZone != "" && !e164.ZoneKnown(v.TimeZone):
		return errs.New(errs.Invalid, `time_zone: %q is not one of the IANA, as "Europe/Berlin" is`, v.TimeZone)
	}
	return checkEmergency(v)
}

var outsideForm = regexp.MustCompile(`^[0-9*#]{1,3}$`)

// SetTrunkPassword stores the wrapped password of a trunk.
func (s *Store) SetTrunkPassword(ctx context.Context, org, trunk string, wrapped []byte) error {
	return s.registryTx(ctx, &Change{Org: org}, func(tx *sql.Tx) error {
		if _, err := s.Trunks.get(ctx, tx, org, trunk); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO trunk_passwords (trunk, wrapped) VALUES ($1, $2)
			ON CONFLICT (trunk) DO UPDATE SET wrapped = excluded.wrapped`, trunk, wrapped)
		if err != nil {
			return fmt.Errorf("store password of trunk %s: %w", trunk, err)
		}
		return nil
	})
}

// TrunkPasswords returns the wrapped passwords of the trunks of a site, by trunk id.
func (s *Store) TrunkPasswords(ctx context.Context, org, site string) (map[string][]byte, error) {
	all := make(map[string][]byte)
	err := rows(ctx, s.read, func(r *sql.Rows) error {
		var trunk string
		var wrapped []byte
		err := r.Scan(&trunk, &wrapped)
		all[trunk] = wrapped
		return err
	}, `SELECT p.trunk, p.wrapped FROM switches s JOIN trunks t ON t.switch = s.id JOIN trunk_passwords p ON p.trunk = t.id
		WHERE s.org = $1 AND s.site = $2`, org, site)
	if err != nil {
		return nil, fmt.Errorf("read passwords of trunks of site %s: %w", site, err)
	}
	return all, nil
}
