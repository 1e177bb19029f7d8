package switchnode

import (
	"context"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/ident"
	"strowger/pkg/ledger"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/media"
	"strowger/switchnode/internal/prompt"
	"strowger/switchnode/internal/voice"
)

// voices is what the switch speaks and listens with.
type voices struct {
	clock   *voice.Clock
	relay   *media.Relay
	library *prompt.Library
	anchor  string // id of this node
}

// service is something that the switch answers itself, by a script.
func (v *voices) service(run func(context.Context, *voice.Conversation) ledger.Cause) *voice.Service {
	return &voice.Service{Clock: v.clock, Relay: v.relay, Run: run}
}

// answered admits a call that the switch answers itself, as a party with a name: To is what was dialled.
func (c *calls) answered(in call.Incoming, name string, run func(context.Context, *voice.Conversation) ledger.Cause) call.Admission {
	return func(context.Context) call.Event {
		to := designation.Party{Number: in.Dialled, Name: name}
		return call.Planned{
			From: in.From, To: to, Anchor: c.anchor, Ring: time.Minute, Branches: []call.Branch{{Leg: ident.New(ident.Leg), Name: name, Target: c.service(run)}},
		}
	}
}
