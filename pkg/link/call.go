package link

import (
	"context"
	"net"

	"strowger/pkg/errs"
	"strowger/pkg/ident"
)

// maxCallStreams is how many apps a bridge may have spliced to a switch at once. Each may be this far ahead of who reads it,
// so that all together fit the connection's window.
const maxCallStreams = 256

// isBridge says whether an id is a bridge's.
func isBridge(node string) bool { return ident.KindOf(node) == ident.Bridge }

// Linked returns the link to a node that is up, nil if there is none.
func (e *Endpoint) Linked(node string) *Conn { return e.preferred(node, nil) }

// OpenCall opens a stream to a switch for an app that comes through this bridge; from is where the app is seen, for the
// switch's log. errs.Upgrade: the switch takes none.
func (c *Conn) OpenCall(ctx context.Context, from string) (net.Conn, error) {
	if c.hello.Capability < capabilityCalls {
		return nil, errs.New(errs.Upgrade, "switch %s takes no apps by way of a bridge: upgrade it", c.peer.ID)
	}
	return c.openStream(ctx, opener{Stream: streamCall, V: version, From: from})
}
