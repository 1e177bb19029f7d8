package authority

import (
	"context"
	"slices"
	"strings"

	"strowger/cloud/internal/store"
	"strowger/pkg/designation"
	"strowger/pkg/enrol"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
	"strowger/pkg/proof"
	"strowger/pkg/pushseal"
	"strowger/pkg/pushtarget"
	"strowger/pkg/rest"
)

func (a *Authority) issueForApp(ctx context.Context, org, device string) (rest.EnrolmentCode, error) {
	d, err := a.cfg.Store.Devices.Get(ctx, org, device)
	if err != nil {
		return rest.EnrolmentCode{}, err
	}
	if d.Kind == designation.DeskPhone {
		return rest.EnrolmentCode{}, errs.New(errs.Invalid, "device %s is a desk phone, which registers with its password; only apps enrol", d.Name)
	}
	c, err := a.issueCode(ctx, org, device)
	c.Device = device
	return c, err
}

// EnrolApp makes an app the device that its code stands for, in place of one that was that device before. thumbprint is of the
// key that proved the request. The same code with the same key may come again.
func (a *Authority) EnrolApp(ctx context.Context, q enrol.DeviceRequest, thumbprint string) (enrol.DeviceInfo, error) {
	if q.SigningKey.Thumbprint() != thumbprint {
		return enrol.DeviceInfo{}, errs.New(errs.WrongPresenter, "signing_key: the proof of the request is by another key")
	}
	if err := pushseal.CheckPublic(q.SealKey); err != nil {
		return enrol.DeviceInfo{}, errs.New(errs.Invalid, "seal_key: %w", err)
	}
	if err := checkPush(q.Push); err != nil {
		return enrol.DeviceInfo{}, err
	}
	if len(q.Platform) > enrol.MaxPlatform {
		return enrol.DeviceInfo{}, errs.New(errs.Invalid, "platform: has %d bytes, at most %d are allowed", len(q.Platform), enrol.MaxPlatform)
	}
	e, err := a.cfg.Store.UseEnrolment(ctx, enrol.HashSecret(q.Secret), thumbprint, ident.Device, a.cfg.Now())
	if err != nil {
		return enrol.DeviceInfo{}, err
	}
	info, err := a.appInfo(ctx, e.Org, e.Subject)
	if err != nil {
		return enrol.DeviceInfo{}, err
	}
	app := store.App{Thumbprint: thumbprint, SealKey: q.SealKey, Platform: forPeople(q.Platform), Push: a.wrapTargets(e.Org, e.Subject, q.Push)}
	if err := a.cfg.Store.SetAppEnrolled(ctx, e.Org, e.Subject, app); err != nil {
		return enrol.DeviceInfo{}, err
	}
	a.cfg.Log.Info("enrolled an app", "org", e.Org, "device", e.Subject, "key", thumbprint)
	return info, nil
}

// SetPush replaces where the pushes of an app go, by its proof p, which thumbprint is the key of.
func (a *Authority) SetPush(ctx context.Context, thumbprint string, p proof.Request, push []pushtarget.Target) (enrol.DeviceInfo, error) {
	device := p.Device
	if err := checkPush(push); err != nil {
		return enrol.DeviceInfo{}, err
	}
	info, err := a.infoOf(ctx, thumbprint, device)
	if err != nil {
		return enrol.DeviceInfo{}, err
	}
	return info, a.cfg.Store.SetPushTokens(ctx, info.Org, device, shown(thumbprint, p), a.wrapTargets(info.Org, device, push))
}

// KnowApp is the app that shows its proof p, which thumbprint is the key of, once.
func (a *Authority) KnowApp(ctx context.Context, thumbprint string, p proof.Request) (enrol.DeviceInfo, error) {
	info, err := a.infoOf(ctx, thumbprint, p.Device)
	if err != nil {
		return enrol.DeviceInfo{}, err
	}
	return info, a.cfg.Store.ShowProof(ctx, p.Device, shown(thumbprint, p))
}

func shown(thumbprint string, p proof.Request) store.Proof {
	return store.Proof{Thumbprint: thumbprint, ID: p.ID, Until: proof.Until(p.IssuedAt)}
}

// infoOf is the app of a key.
func (a *Authority) infoOf(ctx context.Context, thumbprint, device string) (enrol.DeviceInfo, error) {
	d, err := a.cfg.Store.Devices.Get(ctx, "", device)
	switch {
	case errs.CodeOf(err) == errs.NotFound || err == nil && d.Thumbprint != thumbprint:
		return enrol.DeviceInfo{}, store.NotOfKey(device, err == nil)
	case err != nil:
		return enrol.DeviceInfo{}, err
	}
	return a.appInfo(ctx, d.Organization, device)
}

// appInfo collects what an app is told of itself. One that is disabled, or whose user is, is errs.Disabled.
func (a *Authority) appInfo(ctx context.Context, org, device string) (enrol.DeviceInfo, error) {
	o, err := a.cfg.Store.Organizations.Get(ctx, org, org)
	if err != nil {
		return enrol.DeviceInfo{}, err
	}
	d, err := a.cfg.Store.Devices.Get(ctx, org, device)
	if err != nil {
		return enrol.DeviceInfo{}, err
	}
	u, err := a.cfg.Store.Users.Get(ctx, org, d.User)
	switch {
	case err != nil:
		return enrol.DeviceInfo{}, err
	case !o.Enabled:
		return enrol.DeviceInfo{}, errs.New(errs.Disabled, "organization %s is disabled", o.Name)
	case !d.Enabled:
		return enrol.DeviceInfo{}, errs.New(errs.Disabled, "device %s is disabled: an administrator may enable it again", d.Name)
	case !u.Enabled:
		return enrol.DeviceInfo{}, errs.New(errs.Disabled, "the user %s is disabled: an administrator may enable them again", u.Name)
	}
	bridges, err := a.cfg.Store.LiveBridges(ctx, org)
	if err != nil {
		return enrol.DeviceInfo{}, err
	}
	keys, err := a.SessionKeys(ctx, org)
	return enrol.DeviceInfo{
		Org: org, OrgName: o.Name, Device: d.ID, DeviceName: d.Name, User: u.ID, UserName: u.Name, Now: a.cfg.Now().UTC(), SessionKeys: keys,
		Bridges: bridges,
	}, err
}

// checkPush refuses targets that cannot be kept: one for each provider and app is.
func checkPush(push []pushtarget.Target) error {
	if len(push) > pushtarget.MaxTargets {
		return errs.New(errs.Invalid, "push: %d targets are more than %d", len(push), pushtarget.MaxTargets)
	}
	for i, t := range push {
		if err := t.Check(); err != nil {
			return errs.New(errs.Invalid, "push: %w", err)
		}
		if t.App != forPeople(t.App) {
			return errs.New(errs.Invalid, "push: app %q holds what is no text", t.App)
		}
		if slices.ContainsFunc(push[:i], func(o pushtarget.Target) bool { return o.Provider == t.Provider && o.App == t.App }) {
			return errs.New(errs.Invalid, "push: two targets of %s for the app %s, want one", t.Provider, t.App)
		}
	}
	return nil
}

// forPeople is text from outside as every database takes it.
func forPeople(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\uFFFD")
}

// tokenName is what a wrapped token is bound to.
func tokenName(org, device string, p pushtarget.Provider, app string) string {
	return "push/" + org + "/" + device + "/" + string(p) + "/" + app
}

func (a *Authority) wrapTargets(org, device string, push []pushtarget.Target) []store.PushToken {
	var all []store.PushToken
	for _, t := range push {
		all = append(all, store.PushToken{
			Provider: t.Provider, App: t.App, Sandbox: t.Sandbox, Wrapped: a.custody.wrap(tokenName(org, device, t.Provider, t.App), []byte(t.Token)),
		})
	}
	return all
}

// Targets returns where the pushes of the device go that a wake ticket names, which an anchor showed, and where its channel is
// if it is awake. A device that was disabled since is errs.Disabled, one that nothing reaches errs.Offline.
func (a *Authority) Targets(ctx context.Context, org, anchor, ticket string) ([]pushtarget.Target, *fabric.Channel, error) {
	t, err := a.openTicket(ctx, org, anchor, ticket)
	if err != nil {
		return nil, nil, err
	}
	device := t.Device
	info, err := a.appInfo(ctx, org, device)
	if err != nil {
		return nil, nil, err
	}
	at, err := a.cfg.Store.ChannelOf(ctx, org, device)
	if err != nil {
		return nil, nil, err
	}
	stored, err := a.cfg.Store.PushTokens(ctx, org, device)
	if err != nil {
		return nil, nil, err
	}
	if len(stored) == 0 && at == nil {
		return nil, nil, errs.New(errs.Offline, "the app %s of %s has no push token, and is not awake: it must be opened", info.DeviceName, info.UserName)
	}
	var all []pushtarget.Target
	for _, p := range stored {
		token, err := a.custody.unwrap(tokenName(org, device, p.Provider, p.App), p.Wrapped)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, pushtarget.Target{Provider: p.Provider, App: p.App, Token: string(token), Sandbox: p.Sandbox})
	}
	return all, at, nil
}

// maxWhy is the bytes of a provider's word that are kept.
const maxWhy = 200

// Prune forgets a token that its provider no longer knows, in the provider's own word. One that the device has replaced
// meanwhile stays.
func (a *Authority) Prune(ctx context.Context, org, device string, dead pushtarget.Target, reason string) error {
	stored, err := a.cfg.Store.PushTokens(ctx, org, device)
	if err != nil {
		return err
	}
	for _, p := range stored {
		if p.Provider != dead.Provider || p.App != dead.App {
			continue
		}
		token, err := a.custody.unwrap(tokenName(org, device, p.Provider, p.App), p.Wrapped)
		if err != nil {
			return err
		}
		if string(token) != dead.Token {
			continue
		}
		a.cfg.Log.Info("forgot a dead push token", "org", org, "device", device, "provider", p.Provider, "reason", reason)
		return a.cfg.Store.RemovePushToken(ctx, org, device, p, string(p.Provider)+" says "+forPeople(reason[:min(len(reason), maxWhy)]))
	}
	return nil
}
