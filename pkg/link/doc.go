// Package link connects nodes directly: one QUIC connection (RFC 9000, with datagrams, RFC 9221) per pair of nodes carries
// their SIP and their media.
//
// # Connection
//
// ALPN strowger-link/1 on the node's link port (default 7443/udp). TLS 1.3 with the hybrid key exchange X25519MLKEM768 and
// nothing else; no session tickets, no 0-RTT. Both sides show the certificate of their node (package trust), and each
// checks the other's: installation root, the intermediate that issued its own certificate, the organization, the kind, and
// what Config.Authorize knows of revocation. The dialler also pins the key that its designation names. An expired
// certificate is judged as of its last moment, because Authorize decides whether the node still belongs: an office without
// the cloud cannot renew. TLS alerts tell the refused side why: 44 revoked, 48 unknown chain, 49 wrong organization, kind or
// node, 42 not a node certificate.
//
// Switches dial each other, and the bridges of their organization, which dial nobody.
//
// # Apps
//
// ALPN h3 on the same port is HTTP/3 with WebTransport for apps and browsers. They show no certificate; the node shows a
// self-signed one of at most 14 days, which its designation names by hash. Such connections are handed to Config.OnWeb; the
// limits of handshakes hold for them too. At a switch they are calls, at a bridge channels (package channel).
//
// # Streams
//
// Every stream begins with one JSON line of at most 4 KiB, sent within 5 s, that says what the stream is:
//
//	{"stream":"control","v":1}   the dialler's first stream, see below
//	{"stream":"sip","v":1}       bidirectional, either side opens it: SIP (RFC 3261, 18.3) in both directions
//	{"stream":"packet","v":1}    unidirectional: flow id (varint), then one RTP or RTCP packet to the end of the stream
//	{"stream":"call","v":1,"from":ADDRESS}  bidirectional, a bridge opens it for an app that comes through it: what the app
//	                             would say to the switch on a stream of its own (package proof, Entry); from is where it is seen
//	{"stream":"lamps","v":1}     a switch opens it to tell another of lamps: lines of JSON (package fabric, Lamps); nothing comes back
//
// A stream that says anything else is reset with stream error 1, logged and counted; the link lives on.
//
// # Control
//
// After the opener each side sends one line {"v":1,"capability":N,"node":ID,"boot":ID,"now":TIME}: the dialler first. The
// node must be the one of the certificate. Then either side sends, in lines:
//
//	{"ping":N,"held":BOOL}   every 3 s and whenever held changes; N counts from 1; held: calls of the sender use the link
//	{"pong":N}               at once
//
// A side that gets no answer for 9 s closes the link. When neither side has held it for 60 s, it is closed.
//
// # Media
//
// A datagram is the flow id (varint, RFC 9000, 16), then one RTP or RTCP packet (told apart by RFC 5761, 4), as in
// draft-ietf-avtcore-rtp-over-quic. The receiver chose the id, from 1, and told it in its SDP. To a peer of capability 2,
// packets that wait at the same time, of any flows, go in one datagram of at most 1150 bytes: a zero, then for each packet
// the length (varint) of flow id and packet, and these. To a peer of capability 3, every datagram is of that form, with a
// number after the first zero: another zero and four bytes, how many packets went in earlier datagrams, modulo 2^32. By it
// the receiver counts those that do not come. A busy sender looks for packets once in a millisecond, which is the most that
// it delays one. A packet that waited 60 ms is dropped by the sender, unless it is of a digit; one that fits no datagram goes by stream.
//
// # Paths
//
// The accepting side follows the dialling one to another address (RFC 9000, 9.3), be it that a NAT forgot its port or that
// the machine has another address. While calls use the link, the dialling side looks after the path: media that stops makes
// it ping at once and send nothing more until the answer; when a ping stays unanswered for 500 ms, it opens another socket,
// on any address, probes the way over it and moves the link there. A link can change its path twice.
//
// # Two connections
//
// When two nodes dial each other at once, the connection dialled by the lower node id stays and the other drains: it carries
// what it has and closes when nobody holds it. A second connection later than that means that its dialler has lost the
// first, which then drains; a peer with another boot id has restarted, and what it left behind is closed at once.
//
// # Closing
//
// Application error codes: 0 the node stops, 1 idle, 2 no answer to pings, 3 revoked, 4 protocol error, 5 the peer
// restarted, 6 too many connections. A node that was killed and is back resets its old connections (RFC 9000, 10.3), because
// its reset tokens come from its key.
//
// To extend: new stream kinds, new fields and new control lines are ignored or refused singly by older nodes; what an older
// node must not miss raises v.
//
// Capability 1 (2026-11): control, sip, packet, datagrams.
// Capability 2 (2026-11): several packets in a datagram.
// Capability 3 (2026-11): numbers of datagrams.
// Capability 4 (2026-11): calls, on links between switches and bridges.
// Capability 5 (2026-11): lamps.
package link
