package store

import (
	"cmp"
	"context"
	"database/sql"
	"regexp"
	"slices"
	"strings"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/rest"
)

// Ring lifetime of an organization, seconds.
const (
	minRing     = 5
	maxRing     = 300
	defaultRing = 60
)

func organizations(s *Store) *Table[rest.Organization] {
	return &Table[rest.Organization]{
		s: s, noun: "organization", table: "organizations", kind: ident.Organization, scope: "id", wide: true,
		meta: func(o *rest.Organization) *rest.Meta { return &o.Meta },
		columns: []column[rest.Organization]{
			{field: "name", name: "name", at: func(o *rest.Organization) any { return &o.Name }},
			{field: "enabled", name: "enabled", at: func(o *rest.Organization) any { return &o.Enabled }},
			{field: "ring_seconds", name: "ring_seconds", at: func(o *rest.Organization) any { return &o.RingSeconds }},
			{field: "alert_url", name: "alert_url", at: func(o *rest.Organization) any { return &o.AlertURL }},
			{field: "guard", name: "guard", at: func(o *rest.Organization) any { return policy{&o.Guard} }},
			{field: "lamps", name: "lamps", at: func(o *rest.Organization) any { return &o.Lamps }},
		},
		check: func(_ context.Context, _ *sql.Tx, o *rest.Organization) error {
			if o.RingSeconds == 0 {
				o.RingSeconds = defaultRing
			}
			if o.RingSeconds < minRing || o.RingSeconds > maxRing {
				return errs.New(errs.Invalid, "ring_seconds: %d is not between %d and %d", o.RingSeconds, minRing, maxRing)
			}
			if o.Lamps != "" && o.Lamps != "private" {
				return errs.New(errs.Invalid, "lamps: %q is not private; empty: everybody in the organization sees them", o.Lamps)
			}
			if err := checkAlertURL(o.AlertURL); err != nil {
				return err
			}
			return cmp.Or(o.Guard.Check(false), checkName(o.Name))
		},
		touched: func(c *Change, _, _ *rest.Organization) { c.Base = true },
		referrers: []referrer{
			{noun: "site", table: "sites", column: "org", label: "name"},
			{noun: "user", table: "users", column: "org", label: "name"},
			{noun: "bridge", table: "bridges", column: "org", label: "name"},
			{noun: "API key", table: "api_keys", column: "org", label: "name"},
		},
	}
}

func sites(s *Store) *Table[rest.Site] {
	code := regexp.MustCompile(`^[0-9]{1,6}$`)
	return &Table[rest.Site]{
		s: s, noun: "site", table: "sites", kind: ident.Site, scope: "org",
		meta: func(v *rest.Site) *rest.Meta { return &v.Meta },
		org:  func(v *rest.Site) *string { return &v.Organization },
		columns: []column[rest.Site]{
			{field: "name", name: "name", at: func(v *rest.Site) any { return &v.Name }},
			{field: "code", name: "code", at: func(v *rest.Site) any { return &v.Code }},
			{field: "country", name: "country", at: func(v *rest.Site) any { return &v.Country }},
			{field: "emergency", name: "emergency", at: func(v *rest.Site) any { return texts{&v.Emergency} }},
			{field: "location", name: "location", at: func(v *rest.Site) any { return &v.Location }},
			{field: "emergency_contacts", name: "emergency_contacts", at: func(v *rest.Site) any { return texts{&v.EmergencyContacts} }},
			{field: "alert_url", name: "alert_url", at: func(v *rest.Site) any { return &v.AlertURL }},
			{field: "outside", name: "outside", at: func(v *rest.Site) any { return &v.Outside }},
			{field: "time_zone", name: "time_zone", at: func(v *rest.Site) any { return &v.TimeZone }},
			{field: "park_slots", name: "park_slots", at: func(v *rest.Site) any { return &v.ParkSlots }},
			{field: "park_seconds", name: "park_seconds", at: func(v *rest.Site) any { return &v.ParkSeconds }},
			{field: "keep_alive_seconds", name: "keep_alive_seconds", at: func(v *rest.Site) any { return &v.KeepAliveSeconds }},
			{field: "direct_media", name: "direct_media", at: func(v *rest.Site) any { return &v.DirectMedia }},
		},
		check: func(ctx context.Context, tx *sql.Tx, v *rest.Site) error {
			if !code.MatchString(v.Code) {
				return errs.New(errs.Invalid, "code: %q is not 1 to 6 digits", v.Code)
			}
			if err := checkName(v.Name); err != nil {
				return err
			}
			if err := cmp.Or(checkDialling(v), checkPark(v), checkKeepAlive(v)); err != nil {
				return err
			}
			if err := taken(ctx, tx, "site code "+v.Code, siteByCode, v.ID, v.Organization, v.Code); err != nil {
				return err
			}
			if err := taken(ctx, tx, "site name "+v.Name, siteByName, v.ID, v.Organization, v.Name); err != nil {
				return err
			}
			return checkRenumbering(ctx, tx, v)
		},
		after: renumber,
		touched: func(c *Change, old, v *rest.Site) {
			c.Base = true
			c.All = old != nil && v != nil && old.Code != v.Code // every number of the site
		},
		referrers: []referrer{
			{noun: "switch", table: "switches", column: "site", label: "name"},
			{noun: "number", table: "numbers", column: "site", label: "digits"},
		},
	}
}

func users(s *Store) *Table[rest.User] {
	return &Table[rest.User]{
		s: s, noun: "user", table: "users", kind: ident.User, scope: "org",
		meta: func(v *rest.User) *rest.Meta { return &v.Meta },
		org:  func(v *rest.User) *string { return &v.Organization },
		columns: append([]column[rest.User]{
			{field: "name", name: "name", at: func(v *rest.User) any { return &v.Name }},
			{field: "enabled", name: "enabled", at: func(v *rest.User) any { return &v.Enabled }},
			{field: "calling", name: "calling", at: func(v *rest.User) any { return &v.Calling }},
			{field: "home_switch", name: "home_switch", at: func(v *rest.User) any { return optional{&v.HomeSwitch} }},
			{field: "guard", name: "guard", at: func(v *rest.User) any { return policy{&v.Guard} }},
			{field: "voicemail", name: "voicemail", at: func(v *rest.User) any { return voicemail{&v.Voicemail} }},
			{field: "wishes", name: "wishes", at: func(v *rest.User) any { return wishes{&v.Wishes} }},
		}, policyColumns(func(v *rest.User) *rest.Policy { return &v.Policy })...),
		check: func(ctx context.Context, tx *sql.Tx, v *rest.User) error {
			if v.Calling == "" {
				v.Calling = "internal"
			}
			if !slices.Contains([]string{"none", "internal", "national", "international"}, v.Calling) {
				return errs.New(errs.Invalid, "calling: %q is none of none, internal, national and international", v.Calling)
			}
			if err := checkName(v.Name); err != nil {
				return err
			}
			if err := cmp.Or(v.Guard.Check(false), v.Voicemail.Check(), checkPolicy(&v.Policy)); err != nil {
				return err
			}
			if err := checkWishes(ctx, tx, v); err != nil {
				return err
			}
			return refers(ctx, tx, "home_switch", switchByID, v.HomeSwitch, v.Organization)
		},
		touched: func(c *Change, old, v *rest.User) { c.Users = []string{cmp.Or(old, v).ID} },
		referrers: []referrer{
			{noun: "device", table: "devices", column: "user_id", label: "name"},
			{noun: "number", table: "numbers", column: "user_id", label: "digits"},
		},
	}
}

func devices(s *Store) *Table[rest.Device] {
	return &Table[rest.Device]{
		s: s, noun: "device", table: "devices", kind: ident.Device, scope: "org",
		meta: func(v *rest.Device) *rest.Meta { return &v.Meta },
		org:  func(v *rest.Device) *string { return &v.Organization },
		columns: []column[rest.Device]{
			{field: "user", name: "user_id", at: func(v *rest.Device) any { return &v.User }},
			{field: "kind", name: "kind", at: func(v *rest.Device) any { return (*string)(&v.Kind) }},
			{field: "name", name: "name", at: func(v *rest.Device) any { return &v.Name }},
			{field: "switch", name: "switch", at: func(v *rest.Device) any { return optional{&v.Switch} }},
			{field: "username", name: "username", at: func(v *rest.Device) any { return optional{&v.Username} }},
			{field: "enabled", name: "enabled", at: func(v *rest.Device) any { return &v.Enabled }},
			{field: "delay_seconds", name: "delay_seconds", at: func(v *rest.Device) any { return &v.DelaySeconds }},
			{field: "srtp", name: "srtp", at: func(v *rest.Device) any { return &v.SRTP }},
			{field: "certificate", name: "certificate", at: func(v *rest.Device) any { return &v.Certificate }},
			{field: "sign_in", name: "sign_in", at: func(v *rest.Device) any { return &v.SignIn }},
			{field: "enrolled_at", name: "enrolled_at", fixed: true, at: func(v *rest.Device) any { return optionalTime{&v.EnrolledAt} }},
			{field: "key_thumbprint", name: "thumbprint", fixed: true, at: func(v *rest.Device) any { return &v.Thumbprint }},
			{field: "seal_key", name: "seal_key", fixed: true, at: func(v *rest.Device) any { return &v.SealKey }},
			{field: "platform", name: "platform", fixed: true, at: func(v *rest.Device) any { return &v.Platform }},
			{field: "unreachable", name: "unreachable", fixed: true, at: func(v *rest.Device) any { return &v.Unreachable }},
		},
		check: func(ctx context.Context, tx *sql.Tx, v *rest.Device) error {
			if err := checkDevice(v); err != nil {
				return err
			}
			if err := refers(ctx, tx, "user", userByID, v.User, v.Organization); err != nil {
				return err
			}
			if err := refers(ctx, tx, "switch", switchByID, v.Switch, v.Organization); err != nil {
				return err
			}
			if v.Username == "" {
				return nil
			}
			if v.Certificate != "" {
				if err := taken(ctx, tx, "certificate "+v.Certificate, deviceByCertificate, v.ID, v.Organization, v.Certificate); err != nil {
					return err
				}
			}
			return taken(ctx, tx, "username "+v.Username, deviceByUsername, v.ID, v.Organization, v.Username)
		},
		fill:    s.fillDevices,
		touched: func(c *Change, old, v *rest.Device) { c.Devices = []string{cmp.Or(old, v).ID} },
	}
}

var usernameForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func checkDevice(v *rest.Device) error {
	if v.DelaySeconds < rest.NeverRings || v.DelaySeconds > 60 {
		return errs.New(errs.Invalid, "delay_seconds: %d is not between 0 and 60, nor %d for never", v.DelaySeconds, rest.NeverRings)
	}
	if v.User == "" {
		return errs.New(errs.Invalid, "user: a device belongs to one; name it")
	}
	switch v.Kind {
	case designation.DeskPhone:
		if v.Switch == "" {
			return errs.New(errs.Invalid, "switch: a desk phone needs a home switch")
		}
		if !usernameForm.MatchString(v.Username) {
			return errs.New(errs.Invalid, "username: %q is not 1 to 64 letters, digits, dots, dashes or underscores", v.Username)
		}
		if err := checkPhoneSecurity(v); err != nil {
			return err
		}
	case designation.Mobile, designation.Web:
		if v.Switch != "" || v.Username != "" {
			return errs.New(errs.Invalid, "switch, username: only a desk phone has them, not a device of kind %s", v.Kind)
		}
		if v.PhoneSecurity != (rest.PhoneSecurity{}) {
			return errs.New(errs.Invalid, "srtp, certificate, sign_in: only a desk phone has them; the audio of a device of kind %s is always encrypted", v.Kind)
		}
	default:
		return errs.New(errs.Invalid, "kind: %q is none of deskphone, mobile, web", v.Kind)
	}
	return checkName(v.Name)
}

// checkPhoneSecurity fills in what is left out. Names in certificates are those of hosts and URIs, of which upper and lower case are one.
func checkPhoneSecurity(v *rest.Device) error {
	v.SRTP, v.Certificate = cmp.Or(v.SRTP, "preferred"), strings.ToLower(strings.TrimSpace(v.Certificate))
	switch {
	case !slices.Contains([]string{"required", "preferred", "off"}, v.SRTP):
		return errs.New(errs.Invalid, "srtp: %q is neither required, preferred nor off", v.SRTP)
	case len(v.Certificate) > maxCertificate || strings.ContainsFunc(v.Certificate, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return errs.New(errs.Invalid, "certificate: %q is not the name in a certificate: at most %d bytes without spaces", v.Certificate, maxCertificate)
	case v.Certificate == "" && v.SignIn != "" && v.SignIn != "either":
		return errs.New(errs.Invalid, "sign_in: %s needs the name in the certificate that the phone shows; set certificate as well", v.SignIn)
	case v.Certificate == "":
		v.SignIn = ""
		return nil
	}
	if v.SignIn = cmp.Or(v.SignIn, "either"); !slices.Contains([]string{"either", "certificate", "both"}, v.SignIn) {
		return errs.New(errs.Invalid, "sign_in: %q is neither either, certificate nor both", v.SignIn)
	}
	return nil
}

// maxCertificate is the longest name in a certificate, in bytes.
const maxCertificate = 200

func apiKeys(s *Store) *Table[rest.APIKey] {
	return &Table[rest.APIKey]{
		s: s, noun: "API key", table: "api_keys", kind: ident.APIKey, scope: "org", wide: true,
		meta: func(v *rest.APIKey) *rest.Meta { return &v.Meta },
		org:  func(v *rest.APIKey) *string { return &v.Organization },
		columns: []column[rest.APIKey]{
			{field: "name", name: "name", at: func(v *rest.APIKey) any { return &v.Name }},
			{field: "role", name: "role", at: func(v *rest.APIKey) any { return &v.Role }},
			{field: "used_at", name: "used_at", fixed: true, at: func(v *rest.APIKey) any { return optionalTime{&v.UsedAt} }},
		},
		check: func(_ context.Context, _ *sql.Tx, v *rest.APIKey) error {
			if v.Role != "admin" && v.Role != "reader" {
				return errs.New(errs.Invalid, "role: %q is neither admin nor reader", v.Role)
			}
			return checkName(v.Name)
		},
		touched: func(*Change, *rest.APIKey, *rest.APIKey) {}, // nobody keeps them in memory
	}
}
