// Package webside is the apps of a switch: how a device that sleeps is woken for a call, how it comes to it, and its media.
//
// # How an app comes in
//
// An app that a push woke dials https://NODE/call with WebTransport (HTTP/3 on the link port). The switch shows a self-signed
// certificate of at most 14 days, whose hash the sealed push names; the app accepts no other. The app opens one bidirectional
// stream and writes one line within 5 s:
//
//	{"key":SESSION KEY,"proof":CALL PROOF}   at most 16 KiB
//
// (packages sessionkey and proof). The switch answers by one line, and then either closes or speaks SIP (RFC 3261, framed by
// Content-Length) on the stream:
//
//	{"ok":true,"resume":TOKEN}
//	{"error":{"code":CODE,"words":WORDS}}
//
// The codes are those of package sessionkey; ghost, for a proof that names another ring attempt than the present one; gone,
// with the words why, for a call that is over: the app shows a missed call and does not ring; congested, when there are too
// many connections. Proofs are used once.
//
// Then the switch sends INVITE with its offer. An app whose connection is lost before it answered may come back with the same
// key and a fresh proof, until the leg is over: its old connection is closed, and it gets a new INVITE.
//
// # How it comes back in the call
//
// The first verdict, {"ok":true,"resume":TOKEN}, has a token of the leg. Once the leg is answered the key alone is replayed; with
// the token in the entry line, a fresh proof by the same device and of the same certificate, it takes the call up on another
// connection: {"ok":true,"resume":TOKEN,"resumed":true}, and the SIP dialog goes on on that stream. The old connection is closed.
// If the app is elsewhere now it offers an ICE restart (RFC 8445, 9) in a re-INVITE; DTLS and SRTP go on. An app that has no
// connection, or no way for its media, for 30 s is lost (see presence).
//
// An app that calls has that long before the answer, too. The verdict is {"ok":true,"resume":TOKEN} then: its dialog is not known
// any more, and it sends its INVITE once more, with the same offer. It is told how far the call is, or has the answer at once.
//
// An app that cannot dial the switch says the same on a stream of the connection that the switch keeps to a bridge (package link:
// "call"). The bridge sees what is said, and can change none of it that matters: the session key and the proof are judged as on
// a connection of the app's own, and the proof covers the certificate of the app's media, the key that of the switch's.
//
// # Media
//
// The offer is WebRTC: ICE with the host candidates of this switch on one UDP port, DTLS-SRTP, the codecs of the caller that
// WebRTC can carry, without transcoding. The fingerprint of the switch's certificate is that of its designation (Node.DTLS),
// that of the app's must be the one of its proof. RTCP ends here, and is the quality of
// the leg in the ledger, with the round trip of ICE; what the app is sent has one SSRC, and continuous sequence
// numbers and timestamps whoever speaks. Hold by the other side is not renegotiated; hold by the app is offered to the other
// side, and WebRTC goes on as it is.
//
// An app that calls, waits in a queue, and has no camera on hears this switch meanwhile: its offer is answered in a 183, with which
// ICE and DTLS begin, and the 200 has the same answer. Its media stay here then, whoever answers. What the callee's phone does not
// speak of that answer is offered away in a re-INVITE after it.
package webside
