package cloud

import (
	"context"

	"strowger/cloud/internal/authority"
	"strowger/cloud/internal/directory"
	"strowger/pkg/enrol"
	"strowger/pkg/proof"
	"strowger/pkg/pushtarget"
)

// apps is what apps ask of this cloud: the authority knows who they are, the directory whom they can call.
type apps struct {
	authority *authority.Authority
	directory *directory.Directory
}

// EnrolApp enrols an app.
func (a apps) EnrolApp(ctx context.Context, q enrol.DeviceRequest, thumbprint string) (enrol.DeviceInfo, error) {
	info, err := a.authority.EnrolApp(ctx, q, thumbprint)
	if err != nil {
		return info, err
	}
	return a.withContacts(info)
}

// SetPush replaces where the pushes of an app go.
func (a apps) SetPush(ctx context.Context, thumbprint string, p proof.Request, push []pushtarget.Target) (enrol.DeviceInfo, error) {
	info, err := a.authority.SetPush(ctx, thumbprint, p, push)
	if err != nil {
		return info, err
	}
	return a.withContacts(info)
}

// KnowApp is the app that shows a proof.
func (a apps) KnowApp(ctx context.Context, thumbprint string, p proof.Request) (enrol.DeviceInfo, error) {
	return a.authority.KnowApp(ctx, thumbprint, p)
}

func (a apps) withContacts(info enrol.DeviceInfo) (enrol.DeviceInfo, error) {
	s, err := a.directory.Snapshot(info.Org)
	if err != nil {
		return info, err
	}
	info.Numbers, info.Contacts = s.Contacts(info.User)
	return info, nil
}
