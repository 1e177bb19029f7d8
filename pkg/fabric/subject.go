package fabric

import (
	"fmt"
	"strings"
)

// Any in place of an organization or an id makes a subject a pattern for Handle and Subscribe.
const Any = "*"

// Workers is the queue group of the cloud's instances: one of them gets each request.
const Workers = "cloud"

// Bridges is the queue group of the bridges of an organization: one of them gets each Wake.
const Bridges = "bridges"

// Subjects that a switch sends to the cloud.

// SubjectAdmit is where a switch asks for a call: Admit.
func SubjectAdmit(org, sw string) string { return subject(org, familySwitch, sw, "admit") }

// SubjectPlan is where an anchor asks for the plan of a call: PlanRequest.
func SubjectPlan(org, sw string) string { return subject(org, familySwitch, sw, "plan") }

// SubjectRenew is where a switch renews its certificate: Renew.
func SubjectRenew(org, sw string) string { return subject(org, familySwitch, sw, "renew") }

// SubjectRevocations is where a switch asks for revocations: RevokeRequest.
func SubjectRevocations(org, sw string) string { return subject(org, familySwitch, sw, "revocations") }

// SubjectReach is where a switch asks that a node dial it: Reach.
func SubjectReach(org, sw string) string { return subject(org, familySwitch, sw, "reach") }

// SubjectLease is where a node says that it is alive: Lease.
func SubjectLease(org, node string) string { return subject(org, familyLease, node) }

// SubjectLedger is where a node delivers its events: Ledger.
func SubjectLedger(org, node string) string { return subject(org, familyLedger, node) }

// SubjectCopy is where a switch fetches the copy of its site: CopyRequest.
func SubjectCopy(org, site string) string { return subject(org, familyCopy, site) }

// SubjectPeer is where a switch fetches the peer document of another site: CopyRequest.
func SubjectPeer(org, site string) string { return subject(org, familyPeer, site) }

// SubjectTargets is where a bridge asks where the pushes of a device go: Targets.
func SubjectTargets(org, bridge string) string { return subject(org, familyBridge, bridge, "targets") }

// SubjectPruned is where a bridge says that a push token is dead: Pruned.
func SubjectPruned(org, bridge string) string { return subject(org, familyBridge, bridge, "pruned") }

// SubjectBridgeRenew is where a bridge renews its certificate: Renew.
func SubjectBridgeRenew(org, bridge string) string {
	return subject(org, familyBridge, bridge, "renew")
}

// SubjectKeys is where a bridge asks for the keys that sign tickets: KeysRequest.
func SubjectKeys(org, bridge string) string { return subject(org, familyBridge, bridge, "keys") }

// SubjectAppAdmit is where a bridge brings an app's question for a call: AppAdmit.
func SubjectAppAdmit(org, bridge string) string { return subject(org, familyBridge, bridge, "admit") }

// SubjectWake is where an anchor has a device woken: Wake, which one of the Bridges takes.
func SubjectWake(org, anchor string) string { return subject(org, familyPush, anchor, "wake") }

// Subjects that the cloud sends to nodes.

// SubjectOffer is where a node takes the plans of calls on their way: Offer.
func SubjectOffer(org, node string) string { return subject(org, familyNode, node, "offer") }

// SubjectControl is where a node takes orders: Control.
func SubjectControl(org, node string) string { return subject(org, familyNode, node, "control") }

// SubjectChanged is where a node learns that documents changed: Changed.
func SubjectChanged(org, node string) string { return subject(org, familyNode, node, "changed") }

// SubjectRevoke is where all nodes of an organization learn of new revocations: Revocations.
func SubjectRevoke(org string) string { return subject(org, familyRevoke) }

// SubjectRegistry is where cloud instances tell each other that an organization's registry changed: RegistryChanged. No
// node may send or read it.
func SubjectRegistry(org string) string { return subject(org, familyRegistry) }

// SubjectAttempt is where cloud instances tell each other of calls of apps: Attempt. No node may send or read it.
func SubjectAttempt(org string) string { return subject(org, familyAttempt) }

const (
	familySwitch = "sw"
	familyNode   = "node"
	familyLease  = "lease"
	familyLedger = "ledger"
	familyCopy   = "copy"
	familyPeer   = "peer"
	familyRevoke = "revoke"
	familyBridge = "br"
	familyPush   = "push"

	familyRegistry = "registry"
	familyAttempt  = "attempt"
)

// subject joins "o", the organization and the tokens.
func subject(org string, tokens ...string) string {
	return "o." + org + "." + strings.Join(tokens, ".")
}

// Subject is a subject taken apart: o.<Org>.<Family>.<ID>.<Verb>.
type Subject struct {
	Org    string
	Family string // "sw", "node", "lease", "ledger", "copy", "peer", "revoke", "registry", "attempt", "br", "push"
	ID     string // of the node or the site; empty for revoke, registry and attempt
	Verb   string // "admit", "offer"; empty where the family says it all
}

// ParseSubject takes a subject without wildcards apart. Families that this release does not know are not an error.
func ParseSubject(s string) (Subject, error) {
	f := strings.Split(s, ".")
	if len(f) < 3 || len(f) > 5 || f[0] != "o" {
		return Subject{}, fmt.Errorf("subject %q is not of the form o.<org>.<family>.<id>.<verb>", s)
	}
	for _, token := range f {
		if token == "" || strings.ContainsAny(token, "*> \t\r\n") {
			return Subject{}, fmt.Errorf("subject %q has the token %q", s, token)
		}
	}
	f = append(f, "", "")
	return Subject{Org: f[1], Family: f[2], ID: f[3], Verb: f[4]}, nil
}

// String puts the subject together again.
func (s Subject) String() string {
	tokens := []string{s.Family}
	for _, t := range []string{s.ID, s.Verb} {
		if t != "" {
			tokens = append(tokens, t)
		}
	}
	return subject(s.Org, tokens...)
}

// inboxPrefix begins the subjects on which answers reach a node.
const inboxPrefix = "_INBOX_"

// Inbox is the prefix, without the last dot, of the subjects on which answers reach a node.
func Inbox(node string) string { return inboxPrefix + node }

// Documents says whether s is where documents of a site are fetched: own: its copy, else what its peers may know.
func (s Subject) Documents() (own, ok bool) {
	return s.Family == familyCopy, s.Family == familyCopy || s.Family == familyPeer
}

// mayAnswerTo says whether the answer to a request on s may go to inbox: to the sender where the subject names it, else to
// a node that may ask.
func (s Subject) mayAnswerTo(inbox string, mayAsk func(s Subject, node string) bool) bool {
	rest, ok := strings.CutPrefix(inbox, inboxPrefix)
	node, _, whole := strings.Cut(rest, ".")
	if !ok || !whole || node == "" {
		return false
	}
	switch s.Family {
	case familyBridge:
		if s.Verb == verbDown { // others send it to the bridge that it names
			break
		}
		fallthrough
	case familySwitch, familyLease, familyLedger, familyPush:
		return node == s.ID
	}
	return mayAsk == nil || mayAsk(s, node)
}

// Permissions are what a client may do on the fabric, in NATS subjects.
type Permissions struct {
	Publish, Subscribe []string
}

// SwitchPermissions are those of a switch of a site.
func SwitchPermissions(org, sw, site string) Permissions {
	return Permissions{
		Publish: []string{
			subject(org, familySwitch, sw, ">"),
			SubjectLease(org, sw),
			SubjectLedger(org, sw),
			SubjectCopy(org, site),
			SubjectPeer(org, Any),
			subject(org, familyPush, sw, ">"),
		},
		Subscribe: []string{
			subject(org, familyNode, sw, ">"),
			SubjectRevoke(org),
			Inbox(sw) + ".>",
		},
	}
}

// BridgePermissions are those of a bridge.
func BridgePermissions(org, bridge string) Permissions {
	return Permissions{
		Publish: []string{
			subject(org, familyBridge, bridge, ">"),
			SubjectDown(org, Any),
			SubjectDev(org, Any),
			SubjectLease(org, bridge),
		},
		Subscribe: []string{
			subject(org, familyPush, Any, ">"),
			subject(org, familyNode, bridge, ">"),
			SubjectDown(org, bridge),
			SubjectRevoke(org),
			Inbox(bridge) + ".>",
		},
	}
}
