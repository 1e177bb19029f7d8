package switchnode

import (
	"context"
	"slices"

	"strowger/pkg/errs"
	"strowger/pkg/starcode"
	"strowger/switchnode/internal/call"
)

// goesOver says whether a code leads who dials it into another call, or makes other calls for them. An app that dials it has a call with
// its user's home switch by then: that one.
func goesOver(name starcode.Name) bool {
	return slices.Contains([]starcode.Name{starcode.PickUp, starcode.PickUpGroup, starcode.Retrieve, starcode.Page}, name)
}

// inPlace stands in a plan for what byApp does.
type inPlace struct{ dialled starcode.Dialled }

// Dial is never called for who came by byApp.
func (inPlace) Dial(call.Setup) (call.Leg, error) {
	return nil, errs.New(errs.Forbidden, "a call is picked up by who dials the code")
}

// byApp is the admission of a call that the cloud has admitted already, or of a call-back.
func (c *calls) byApp(in call.Incoming) call.Admission {
	return func(ctx context.Context) call.Event {
		ev := in.Admission(ctx)
		p, ok := ev.(call.Planned)
		if !ok || len(p.Branches) != 1 {
			return ev
		}
		code, ok := p.Branches[0].Target.(inPlace)
		if !ok {
			return ev
		}
		in := in
		in.Early = false // an app shows why there is no call
		in.From, in.Device, in.Dialled = p.From, p.From.Device, p.To.Number
		return c.features[code.dialled.Name](in, code.dialled)(ctx)
	}
}
