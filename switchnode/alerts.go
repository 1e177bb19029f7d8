package switchnode

import (
	"cmp"
	"fmt"

	"strowger/pkg/ledger"
	"strowger/switchnode/internal/call"
)

// raise tells administrators something: it is on disk until the cloud has it. Alerts are for what people must see to, and so are few.
func (n *node) raise(kind, severity, subject, call, words string) {
	n.log.Warn("alert", "kind", kind, "severity", severity, "call", call, "words", words)
	n.record(ledger.NewAlert(n.now().UnixMicro(), kind, severity, subject, call, words))
}

// raised has the contacts of the site told that somebody calls for help.
func (n *node) raised(in call.Incoming) {
	where := cmp.Or(in.Help.Location, "an office whose location nobody has set (strowger site set --location)")
	words := fmt.Sprintf("%s (%s) calls %s from %s", in.From.Name, in.From.Number, in.Dialled, where)
	n.log.Warn("alert", "kind", ledger.Emergency, "severity", "critical", "call", in.Call, "words", words)
	e := ledger.NewAlert(n.now().UnixMicro(), ledger.Emergency, "critical", in.From.User, in.Call, words)
	e.From = &in.From // an app may be of another site than the line that it calls by
	n.record(e)
}

// lineAlert tells that a line to a phone company is lost, or back.
func (n *node) lineAlert(severity, trunk, words string) { n.raise("trunk", severity, trunk, "", words) }
