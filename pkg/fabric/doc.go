// Package fabric is the messages between the cloud and the nodes, and the NATS client that carries them.
//
// Cloud instances are stateless workers; switches and bridges are clients with a certificate; nothing else routes. Core
// NATS only: state lives in SQL and in the nodes. All subjects start with "o.<org>." in one NATS account. What a client
// may publish and subscribe to comes from its certificate, by auth callout:
//
//	subject after "o.<org>."       who may send                    what
//	sw.<switch>.admit     request  that switch                     Admit; a queue group of cloud instances answers Admitted
//	sw.<switch>.plan      request  that switch                     PlanRequest: the INVITE overtook its Offer
//	sw.<switch>.renew     request  that switch                     Renew: a new certificate for the same key
//	sw.<switch>.revocations  "     that switch                     RevokeRequest: the revocations after a number
//	sw.<switch>.reach     request  that switch                     Reach: have a node dial that switch
//	sw.<switch>.wish      request  that switch                     Wish: what the user of one of its phones wishes (star codes)
//	sw.<switch>.pushes    request  that switch                     PushServices: which push services there are
//	sw.<switch>.permit    request  that switch                     Permit: a ticket to wake a phone of its own
//	sw.<switch>.pin       request  that switch                     PINChange: the PIN that one of its users chose
//	sw.<switch>.lamp               that switch                     Lamps: who watches whom, and who is on the phone; passed on to node.<node>.lamp
//	lease.<node>          request  that node                       Lease, every LeaseInterval
//	ledger.<node>         request  that node                       Ledger: events of one spool; answered after commit
//	copy.<site>           request  switches of the site            CopyRequest: the signed site copy, in pieces
//	peer.<site>           request  any switch                      CopyRequest: the signed peer document of another site
//	node.<node>.offer     request  cloud                           Offer: a plan; in C2 published without waiting, in C1 a question
//	node.<node>.control   request  cloud                           Control: dial another node, published without waiting; renew
//	node.<node>.queue     request  cloud                           QueueOrder: who waits there; moves or removes one of them
//	node.<node>.trunk     request  cloud                           TrunkTest: test a trunk, or say how the last test gets on
//	node.<node>.mailbox   request  cloud                           MailboxOrder: what a user has in their mailbox there
//	node.<node>.guard     request  cloud                           GuardOrder: whom it shuts out; lets one in again
//	node.<node>.lamp               cloud                           Lamps of other switches
//	node.<node>.changed            cloud                           Changed: documents to fetch again
//	revoke                         cloud                           Revocations: signed, numbered
//	registry                       cloud instances                 RegistryChanged, to each other
//	push.<anchor>.wake    request  that anchor, with a ticket      Wake: one of the bridges wakes a device
//	br.<bridge>.targets   request  that bridge                     Targets: where the pushes of a device go
//	br.<bridge>.pruned    request  that bridge                     Pruned: a push token is dead
//	br.<bridge>.keys      request  that bridge                     KeysRequest: the keys that sign tickets
//	br.<bridge>.renew     request  that bridge                     Renew: a new certificate for the same key
//	br.<bridge>.revoked   request  that bridge                     RevokedRequest: which switches are revoked
//	br.<bridge>.admit     request  that bridge                     AppAdmit: an app asks for a call
//	br.<bridge>.bind      request  that bridge                     Bind: which devices have a channel at it
//	br.<bridge>.down      request  cloud, bridges with a ticket    Down: to a device with a channel at it
//	node.<node>.dev                the bridge with the channel     Dev: what a device says of its leg, signed by the device
//	push.<anchor>.cancel  request  that anchor, with a ticket      Cancel: the call is over
//
// A client may subscribe only to its own node.<node>.>, to revoke, a bridge to push.*.> and its own down, and to
// _INBOX_<node>.>, where the answers to its requests come in. It answers a request by the server's leave (allow_responses, one message); a request that names an
// inbox other than its sender's, or one that could be of its sender, is dropped, so that nobody makes the cloud write where
// he may not write himself.
//
// Payloads are JSON of the structs of this package: a request embeds Header, an answer embeds Reply. Unknown fields are
// ignored. A request is at most MaxRequest bytes, an answer at most MaxReply. Every request carries its deadline by the
// cloud's clock and is dropped unanswered after it (NATS would deliver it, but nobody waits); a sender that does not know
// the cloud's time yet leaves the deadline out, and the answer's Now teaches it. Header.ID makes a repetition
// recognizable. To extend: add fields, add a subject to this table, and give the addition a capability number.
package fabric
