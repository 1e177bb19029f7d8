package exchange

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"strowger/pkg/trust"
)

// Subjects of the system account.
const (
	findConnections = "$SYS.REQ.SERVER.PING.CONNZ" // each server of a cluster answers
	kickConnection  = "$SYS.REQ.SERVER.%s.KICK"
)

// sweepEvery is how often Kick looks again for what was being let in.
const sweepEvery = 250 * time.Millisecond

// startKicks connects to the system account and cuts what sweeps find.
func (x *Exchange) startKicks() (err error) {
	if x.system, err = x.connect(x.keys.system, "strowger revocation"); err != nil {
		return err
	}
	x.found = x.system.NewInbox()
	if _, err := x.system.Subscribe(x.found, x.cut); err != nil {
		x.system.Close()
		return fmt.Errorf("subscribe to the connections of revoked nodes: %w", err)
	}
	return nil
}

// Kick cuts the connections of a node, at whatever server of the fabric. Call it after the registry says that the node is
// revoked, so that the callout refuses the next attempt. Who was granted access just before has it within the server's
// time for that or never: so long Kick keeps looking, while its caller goes on.
func (x *Exchange) Kick(name trust.Name) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return
	}
	x.sweep(name)
	x.sweeps.Go(func() {
		tick := time.NewTicker(sweepEvery)
		defer tick.Stop()
		for range authTimeout/sweepEvery + 1 {
			select {
			case <-x.closing:
				return
			case <-tick.C:
				x.sweep(name)
			}
		}
	})
}

// sweep asks all servers for the connections of a node; cut gets the answers.
func (x *Exchange) sweep(name trust.Name) {
	q, err := json.Marshal(server.ConnzOptions{User: name.ID, Username: true})
	if err == nil {
		err = x.system.PublishRequest(findConnections, x.found, q)
	}
	if err != nil {
		x.log.Warn("cannot ask for the connections of a revoked node; its next lease ends them", "node", name.String(), "error", err)
	}
}

// cut ends the connections that a server has found.
func (x *Exchange) cut(m *nats.Msg) {
	var answer server.ServerAPIConnzResponse
	if err := json.Unmarshal(m.Data, &answer); err != nil {
		x.log.Error("cannot read a list of connections of the fabric's server", "error", err)
		return
	}
	if answer.Server == nil || answer.Data == nil {
		return // the answer to a kick, or that no server listens
	}
	for _, c := range answer.Data.Conns {
		q, err := json.Marshal(server.KickClientReq{CID: c.Cid})
		if err == nil {
			// A server ignores a request that wants no answer.
			err = x.system.PublishRequest(fmt.Sprintf(kickConnection, answer.Server.ID), x.found, q)
		}
		if err != nil {
			x.log.Warn("cannot cut the connection of a revoked node; its next lease ends it", "node", c.AuthorizedUser, "error", err)
			continue
		}
		x.log.Info("cut a node off the fabric", "node", c.AuthorizedUser, "server", answer.Server.Name)
	}
}

// stopKicks ends all sweeps and the connection.
func (x *Exchange) stopKicks() {
	x.mu.Lock()
	x.closed = true
	x.mu.Unlock()
	close(x.closing)
	x.sweeps.Wait()
	x.system.Close()
}
