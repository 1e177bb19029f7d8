package authority

import (
	"context"

	"strowger/pkg/errs"
	"strowger/pkg/sitecopy"
)

func trunkPasswordName(org, trunk string) string { return "trunk/" + org + "/" + trunk }

// SetTrunkPassword stores the password that a switch shows to a phone company. Digest needs it itself (the realm is the company's), so it
// is kept encrypted, and goes to the switch of the trunk only.
func (a *Authority) SetTrunkPassword(ctx context.Context, org, trunk, password string) error {
	if len(password) > maxPassword {
		return errs.New(errs.Invalid, "password: has %d bytes, at most %d are allowed", len(password), maxPassword)
	}
	return a.cfg.Store.SetTrunkPassword(ctx, org, trunk, a.custody.wrap(trunkPasswordName(org, trunk), []byte(password)))
}

// addTrunks adds the passwords of the trunks of a copy to what is sealed to their switches.
func (a *Authority) addTrunks(ctx context.Context, org, site string, c sitecopy.Copy, secrets map[string][]sitecopy.Credential) error {
	stored, err := a.cfg.Store.TrunkPasswords(ctx, org, site)
	if err != nil {
		return err
	}
	for _, t := range c.Trunks {
		wrapped, ok := stored[t.ID]
		if !ok || secrets[t.Switch] == nil {
			continue
		}
		password, err := a.custody.unwrap(trunkPasswordName(org, t.ID), wrapped)
		if err != nil {
			return err
		}
		secrets[t.Switch] = append(secrets[t.Switch], sitecopy.Credential{Trunk: t.ID, Password: string(password)})
	}
	return nil
}
