package sdk

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"fmt"

	"strowger/pkg/enrol"
	"strowger/pkg/errs"
	"strowger/pkg/proof"
	"strowger/pkg/pushseal"
	"strowger/pkg/pushtarget"
	"strowger/pkg/sessionkey"
)

// Names in the Store.
const (
	storeKeys     = "keys.json"     // made before the device enrols, so that an exchange that was cut off can be repeated
	storeIdentity = "identity.json" // there is one once it is enrolled
)

// keys are the device's own: nobody else ever has them.
type keys struct {
	signing *ecdsa.PrivateKey
	seal    pushseal.PrivateKey
}

// kept is keys as they are stored.
type kept struct {
	Signing []byte `json:"signing"` // PKCS #8
	Seal    []byte `json:"seal"`
}

// identity is who an enrolled device is, and what it knows of its cloud.
type identity struct {
	Info  enrol.DeviceInfo    `json:"info"`
	Cloud string              `json:"cloud"` // address
	Pin   []byte              `json:"pin"`   // of the cloud's TLS key
	Push  []pushtarget.Target `json:"push"`  // what the cloud knows
}

// loadKeys reads the device's keys, or makes them.
func loadKeys(s Store) (keys, error) {
	b, err := s.Load(storeKeys)
	if err != nil {
		return keys{}, fmt.Errorf("load the keys of the phone: %w", err)
	}
	if len(b) == 0 {
		return makeKeys(s)
	}
	var k kept
	if err := json.Unmarshal(b, &k); err != nil {
		return keys{}, fmt.Errorf("%s of the phone: %w", storeKeys, err)
	}
	signing, err := x509.ParsePKCS8PrivateKey(k.Signing)
	if err != nil {
		return keys{}, fmt.Errorf("signing key of the phone: %w", err)
	}
	ec, ok := signing.(*ecdsa.PrivateKey)
	if !ok || ec.Curve != elliptic.P256() {
		return keys{}, errs.New(errs.Invalid, "signing key of the phone is a %T, want ECDSA on P-256", signing)
	}
	seal, err := pushseal.ParseKey(k.Seal)
	return keys{ec, seal}, err
}

func makeKeys(s Store) (keys, error) {
	signing, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return keys{}, err
	}
	seal, err := pushseal.NewKey()
	if err != nil {
		return keys{}, err
	}
	var k kept
	if k.Signing, err = x509.MarshalPKCS8PrivateKey(signing); err != nil {
		return keys{}, err
	}
	if k.Seal, err = seal.Bytes(); err != nil {
		return keys{}, err
	}
	b, err := json.Marshal(k)
	if err != nil {
		return keys{}, err
	}
	if err := s.Save(storeKeys, b); err != nil {
		return keys{}, fmt.Errorf("save the keys of the phone: %w", err)
	}
	return keys{signing, seal}, nil
}

// thumbprint is the name of the signing key.
func (k keys) thumbprint() string { return proof.JWKOf(&k.signing.PublicKey).Thumbprint() }

// loadIdentity reads who the device is, nil if it is not enrolled.
func loadIdentity(s Store) (*identity, error) {
	b, err := s.Load(storeIdentity)
	if err != nil || len(b) == 0 {
		return nil, err
	}
	id := new(identity)
	if err := json.Unmarshal(b, id); err != nil {
		return nil, fmt.Errorf("%s of the phone: %w", storeIdentity, err)
	}
	return id, nil
}

func (id *identity) save(s Store) error {
	b, err := json.MarshalIndent(id, "", "\t")
	if err != nil {
		return err
	}
	if err := s.Save(storeIdentity, b); err != nil {
		return fmt.Errorf("save the identity of the phone: %w", err)
	}
	return nil
}

// sessionKey finds a key that signs for the organization.
func (id *identity) sessionKey(kid string) (sessionkey.Key, bool) {
	public, ok := id.Info.SessionKeys.Key(kid)
	return sessionkey.Key{Public: public, Issuer: id.Info.Org}, ok
}
