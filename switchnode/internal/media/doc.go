// Package media relays the audio of calls: RTP and RTCP between two legs, each of them a pair of UDP ports towards a
// phone or a flow on a link towards another switch.
//
// A packet passes unchanged but for its payload type, which is that of the same codec on the other leg, and the duration of a
// telephone event whose clock is another one there; its timestamp is that of the speech on both. Sequence numbers, timestamps and
// synchronization sources stay, so RTCP passes unchanged too (a translator in the words of RFC 3550, 7.1), and both ends see the whole
// path. What a phone, or a phone company, hears after that of another source, of music say or of who was transferred, goes on with the
// numbers of the first (rtp.Continuity), and reports pass with them. The relay reads reports for the quality of each leg.
//
// A leg that renumbers what it is sent, as WebRTC does, has RTCP of its own: see Relay.OpenEnd.
//
// # Whose packets are taken
//
// A phone behind a NAT sends from another address than it signals, and anybody can send to an open UDP port. A leg's
// packets are taken from one source at a time:
//
//  1. A source is allowed if it is the address that the leg's SDP names, or any port of the IP that the leg's SIP comes
//     from. RTP must have a payload type that we told the leg to send; RTCP must be well formed.
//
//  2. The first allowed source is latched: it is heard, and what the leg is to get is sent there instead of to the
//     signalled address. RTP and RTCP latch each for itself.
//
//  3. The signalled address itself may take over at any time: nobody but the phone could name it.
//
//  4. Another port of the SIP's IP takes over after the latched source has been silent for 500 ms and 5 packets in a row
//     came from it. That lets a phone go on whose NAT forgot it, at the price of half a second of silence; and somebody
//     else behind that NAT cannot take a call over whose phone is talking.
//
//  5. Any other IP is a stranger until a new offer or answer names it. A description that changes nothing keeps the
//     latched source, so that hold and resume open no gap for others.
//
//  6. A signalled address at another IP than the SIP's may be anybody's. Until RTP or RTCP came from that IP, it gets no
//     more than 250 packets in the leg's whole life, whatever else was signalled and answered meanwhile. A phone that sends
//     nothing at all, not even RTCP, can be at the IP of its SIP only.
//
// What comes on a link is authenticated by the link and taken as it is. There RTP and RTCP share one flow and are told
// apart by RFC 5761, 4.
//
// A leg is heard at no more than the rate of audio: phones in league could else have each other's ports, or those of two
// switches, send to each other for ever, and a phone could turn the relay into a hose for whoever its SDP names.
//
// Each drop is counted by its Reason. Nothing is queued: what cannot be sent at once is dropped. On Linux a relay that is
// busy looks for packets once in a millisecond, which is the most that it delays one.
package media
