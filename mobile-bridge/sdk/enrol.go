package sdk

import (
	"context"
	"slices"

	"strowger/pkg/enrol"
	"strowger/pkg/errs"
	"strowger/pkg/pushtarget"
)

// Targets is where an app is reached by pushes.
type Targets struct{ all []pushtarget.Target }

// NewTargets returns an empty list.
func NewTargets() *Targets { return new(Targets) }

// AddAPNs adds a VoIP push token, in hexadecimal, of an app by its bundle id. Sandbox is for apps installed by their developer.
func (t *Targets) AddAPNs(bundle, token string, sandbox bool) {
	t.all = append(t.all, pushtarget.Target{Provider: pushtarget.APNs, App: bundle, Token: token, Sandbox: sandbox})
}

// AddAPNsAlert adds the token of an app's ordinary notifications, by which it is told of missed calls.
func (t *Targets) AddAPNsAlert(bundle, token string, sandbox bool) {
	t.all = append(t.all, pushtarget.Target{Provider: pushtarget.APNsAlert, App: bundle, Token: token, Sandbox: sandbox})
}

// AddFCM adds a registration token of a Firebase project.
func (t *Targets) AddFCM(project, token string) {
	t.all = append(t.all, pushtarget.Target{Provider: pushtarget.FCM, App: project, Token: token})
}

// AddWebPush adds a push subscription, as JSON, of a page of an origin.
func (t *Targets) AddWebPush(origin, subscription string) {
	t.all = append(t.all, pushtarget.Target{Provider: pushtarget.WebPush, App: origin, Token: subscription})
}

func (t *Targets) check() error {
	if len(t.all) > pushtarget.MaxTargets {
		return errs.New(errs.Invalid, "%d push tokens, at most %d are allowed", len(t.all), pushtarget.MaxTargets)
	}
	for _, one := range t.all {
		if err := one.Check(); err != nil {
			return err
		}
	}
	return nil
}

// Enrol makes the phone a device of an organization, by the link that an admin handed over. Platform tells people what it is.
// The same link may be tried again after an error; a phone that is enrolled already becomes the device of the new link.
func (p *Phone) Enrol(link, platform string, targets *Targets) error {
	if err := targets.check(); err != nil {
		return err
	}
	r := enrol.DeviceRequest{SealKey: p.keys.seal.Public(), Platform: platform, Push: targets.all}
	info, d, err := enrol.EnrolDevice(p.life, link, p.keys.signing, r)
	if err != nil {
		return err
	}
	return p.become(&identity{Info: info, Cloud: d.Cloud, Pin: d.Trust.Pin, Push: slices.Clone(targets.all)})
}

// SetTargets tells the cloud where the phone is reached from now on, in place of what it knew.
func (p *Phone) SetTargets(targets *Targets) error {
	if err := targets.check(); err != nil {
		return err
	}
	return p.update(p.life, slices.Clone(targets.all))
}

// Refresh asks the cloud for what may have changed since the phone last spoke to it. A phone does so by itself when a call is
// signed by a key that it does not know.
func (p *Phone) Refresh() error {
	id, err := p.enrolled()
	if err != nil {
		return err
	}
	return p.update(p.life, id.Push)
}

func (p *Phone) update(ctx context.Context, targets []pushtarget.Target) error {
	p.updating.Lock()
	defer p.updating.Unlock()
	id, err := p.enrolled()
	if err != nil {
		return err
	}
	info, err := p.deviceOf(id).SetPush(ctx, targets)
	if err != nil {
		return err
	}
	if info.Org != id.Info.Org || info.Device != id.Info.Device {
		return errs.New(errs.WrongOrganization, "the cloud answers for device %s of %s, this is %s of %s", info.Device, info.Org, id.Info.Device, id.Info.Org)
	}
	return p.become(&identity{Info: info, Cloud: id.Cloud, Pin: id.Pin, Push: targets})
}

// become keeps who the phone is.
func (p *Phone) become(id *identity) error {
	if err := id.save(p.store); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.id = id
	return nil
}
