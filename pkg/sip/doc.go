// Package sip speaks SIP (RFC 3261) for phones, trunks, links between nodes and our own test phone. The messages are
// sipgo's, which is imported here only; transports, transactions and dialogs are our own.
//
// An [Endpoint] is one user agent: its sockets, its streams, its transactions and the table of its dialogs. It refuses
// what no dialog should see (malformed framing, unknown methods, unsupported extensions, merged requests) and hands the
// rest to its [Handler] or to the dialog that it belongs to.
//
// A [Dialog] is one INVITE usage, incoming or outgoing. It is a plain struct without locks that belongs to one
// goroutine, the owner. What the network or a timer has for it reaches the owner as an opaque [Input] through an [Owner]
// function; the owner gives it to [Dialog.Handle] and gets back what happened as [Event] values, in order. Commands
// ([Dialog.Answer], [Dialog.Bye], ...) are called in the same goroutine and never block: streams have bounded write
// queues. A command that does not fit the dialog's state does nothing, because the event that tells why is already on
// its way. After [Closed] nothing more comes.
//
// One goroutine reads the UDP socket and one each stream; it takes a message through its transaction to the mailbox of the
// owner, so that messages of one connection keep their order. UDP reorders all the same: a 1xx after the final response, a
// CANCEL that crosses a 200, a BYE before the ACK, a retransmitted 2xx are ordinary inputs.
//
// A transaction is a [machine], which knows neither messages nor clocks, and its entry in a table. A finished one keeps its
// name and the bytes that may be asked for again, if any, for as long as its timer says.
//
// Provisional responses of ours are reliable (RFC 3262) where the caller requires that, or where they bring our offer to an
// INVITE without one; those of the peer are acknowledged in order. Sessions are refreshed by UPDATE (RFC 3311) where the
// peer takes it.
//
// Requests go to a [Peer] (transport and address) that the owner chose or that the INVITE came from, never to what
// Contact, Via or Route say; route sets are honoured in the headers. The endpoint never dials by itself: a stream that is
// lost stays lost until someone dials or serves a new one and calls [Dialog.Redirect].
package sip
