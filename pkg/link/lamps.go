package link

import (
	"context"
	"net"

	"strowger/pkg/errs"
)

// OpenLamps opens a stream to tell another switch of lamps. errs.Upgrade: it takes none.
func (c *Conn) OpenLamps(ctx context.Context) (net.Conn, error) {
	if c.hello.Capability < capabilityLamps {
		return nil, errs.New(errs.Upgrade, "switch %s shows no lamps of other offices: upgrade it", c.peer.ID)
	}
	return c.openStream(ctx, opener{Stream: streamLamps, V: version})
}
