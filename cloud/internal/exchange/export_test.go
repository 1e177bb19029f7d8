package exchange

import (
	"encoding/json"

	"github.com/nats-io/nats-server/v2/server"
)

// Count has the servers count one more, which never answers.
func (x *Exchange) Count(id string) error {
	text, err := json.Marshal(server.ServerStatsMsg{Server: server.ServerInfo{ID: id, Name: id}})
	if err == nil {
		err = x.system.Publish("$SYS.SERVER."+id+".STATSZ", text)
	}
	if err == nil {
		err = x.system.Flush()
	}
	return err
}
