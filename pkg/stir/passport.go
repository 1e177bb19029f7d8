package stir

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// Attest is how sure the signer is of who calls (RFC 8588, 4).
type Attest string

// The levels of attestation.
const (
	Full    Attest = "A" // the caller is known, and the number is the caller's
	Partial Attest = "B" // the caller is known, the number is not known to be the caller's
	Gateway Attest = "C" // the call came from elsewhere
)

// Shaken is the extension with attestation (RFC 8588).
const Shaken = "shaken"

// maxDest is to how many names a PASSporT may be, and maxURL how many bytes a URL may have.
const (
	maxDest = 16
	maxURL  = 512
)

// PASSporT is what is signed (RFC 8225).
type PASSporT struct {
	Type     string // Shaken, or "" for the base
	URL      string // of the certificate
	Orig     Name
	Dest     []Name
	IssuedAt int64  // Unix seconds
	Attest   Attest // only of Shaken
	OrigID   string // only of Shaken
}

// Members in the order of their names, as the canonical form wants them (RFC 8225, 9).
type (
	jose struct {
		Algorithm string `json:"alg"`
		Extension string `json:"ppt,omitempty"`
		Type      string `json:"typ"`
		URL       string `json:"x5u"`
	}
	claims struct {
		Attest   Attest `json:"attest,omitempty"`
		Dest     many   `json:"dest"`
		IssuedAt int64  `json:"iat"`
		Orig     one    `json:"orig"`
		OrigID   string `json:"origid,omitempty"`
	}
	many struct {
		Numbers []string `json:"tn,omitempty"`
		URIs    []string `json:"uri,omitempty"`
	}
	one struct {
		Number string `json:"tn,omitempty"`
		URI    string `json:"uri,omitempty"`
	}
)

// unsigned returns the two parts that a signature covers, with a dot between.
func (p PASSporT) unsigned() (string, error) {
	c := claims{Attest: p.Attest, IssuedAt: p.IssuedAt, Orig: one(p.Orig), OrigID: p.OrigID}
	for _, n := range p.Dest {
		if n.Number != "" {
			c.Dest.Numbers = append(c.Dest.Numbers, n.Number)
		} else {
			c.Dest.URIs = append(c.Dest.URIs, n.URI)
		}
	}
	head, err := canonicalJSON(jose{Algorithm: jwt.SigningMethodES256.Alg(), Extension: p.Type, Type: "passport", URL: p.URL})
	if err != nil {
		return "", err
	}
	body, err := canonicalJSON(c)
	if err != nil {
		return "", err
	}
	enc := base64.RawURLEncoding // RFC 7515, 7.1
	return enc.EncodeToString(head) + "." + enc.EncodeToString(body), nil
}

func canonicalJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// errAlgorithm is of a header that this package does not verify, however well-formed.
var errAlgorithm = errors.New("algorithm")

// parse reads what a token in full form says; nothing of it is verified. The signature is that of all before its dot.
func parse(token string) (p PASSporT, signature []byte, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return p, nil, errors.New("PASSporT: want three parts with dots between")
	}
	head, err := members(parts[0])
	if err != nil {
		return p, nil, fmt.Errorf("header of the PASSporT: %w", err)
	}
	body, err := members(parts[1])
	if err != nil {
		return p, nil, fmt.Errorf("claims of the PASSporT: %w", err)
	}
	if signature, err = base64.RawURLEncoding.Strict().DecodeString(parts[2]); err != nil {
		return p, nil, fmt.Errorf("signature of the PASSporT: %w", err)
	}
	if err := p.readHeader(head); err != nil {
		return p, nil, fmt.Errorf("header of the PASSporT: %w", err)
	}
	if err := p.readClaims(body); err != nil {
		return p, nil, fmt.Errorf("claims of the PASSporT: %w", err)
	}
	return p, signature, nil
}

// object is JSON by the exact names of its members; encoding/json would take those of a struct in any case.
type object map[string]json.RawMessage

func members(part string) (o object, err error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return nil, err
	}
	return o, json.Unmarshal(b, &o)
}

// read reads a member, which may be missing.
func (o object) read(name string, v any) error {
	raw, ok := o[name]
	if !ok {
		return nil
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (p *PASSporT) readHeader(o object) error {
	var h jose
	if err := errors.Join(o.read("alg", &h.Algorithm), o.read("ppt", &p.Type), o.read("typ", &h.Type), o.read("x5u", &p.URL)); err != nil {
		return err
	}
	switch _, critical := o["crit"]; {
	case critical: // RFC 7515, 4.1.11
		return fmt.Errorf("critical extension %.60s is not understood", o["crit"])
	case h.Type != "passport": // RFC 8225, 4.1
		return fmt.Errorf("type %.20q, want \"passport\"", h.Type)
	case h.Algorithm != jwt.SigningMethodES256.Alg(): // RFC 8225, 6; RFC 8725, 3.1: the verifier decides
		return fmt.Errorf("%w %.20q, want ES256", errAlgorithm, h.Algorithm)
	}
	return nil
}

func (p *PASSporT) readClaims(o object) error {
	var orig, dest object
	var caller one
	var called many
	err := errors.Join(o.read("attest", &p.Attest), p.readTime(o["iat"]), o.read("origid", &p.OrigID), o.read("orig", &orig), o.read("dest", &dest))
	if err == nil {
		err = errors.Join(orig.read("tn", &caller.Number), orig.read("uri", &caller.URI), dest.read("tn", &called.Numbers), dest.read("uri", &called.URIs))
	}
	if err != nil {
		return err
	}
	if len(called.Numbers)+len(called.URIs) > maxDest {
		return fmt.Errorf("dest of %d names, at most %d are allowed", len(called.Numbers)+len(called.URIs), maxDest)
	}
	p.Orig = Name(caller)
	for _, n := range called.Numbers {
		p.Dest = append(p.Dest, Name{Number: n})
	}
	for _, u := range called.URIs {
		p.Dest = append(p.Dest, Name{URI: u})
	}
	if p.Type != Shaken { // the claims of an extension that is not there
		p.Attest, p.OrigID = "", ""
	}
	return p.complete()
}

// readTime reads iat, also in quotes, as the examples of RFC 8224 have it (RFC 8225, erratum 5985).
func (p *PASSporT) readTime(iat json.RawMessage) error {
	if unquoted, ok := bytes.CutPrefix(iat, []byte{'"'}); ok {
		iat = bytes.TrimSuffix(unquoted, []byte{'"'})
	}
	if err := json.Unmarshal(iat, &p.IssuedAt); err != nil {
		return fmt.Errorf("iat %.20q, want Unix seconds", iat)
	}
	return nil
}

// complete says what a PASSporT lacks or has wrong (RFC 8225, 5; RFC 8588, 4 and 5).
func (p PASSporT) complete() error {
	if !p.Orig.valid() {
		return fmt.Errorf("orig %.40q, want the digits of one number, or one URI", p.Orig)
	}
	for _, n := range p.Dest {
		if !n.valid() {
			return fmt.Errorf("dest %.40q, want the digits of a number, or a URI", n)
		}
	}
	attested := p.Attest == Full || p.Attest == Partial || p.Attest == Gateway
	switch {
	case len(p.Dest) == 0:
		return errors.New("dest has no name")
	case p.IssuedAt <= 0:
		return fmt.Errorf("iat %d, want Unix seconds", p.IssuedAt)
	case p.Type == Shaken && (!attested || p.OrigID == ""):
		return fmt.Errorf("attest %.20q and origid %.40q, want A, B or C and a UUID", p.Attest, p.OrigID)
	}
	return nil
}
