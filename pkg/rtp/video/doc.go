// Package video carries the encoded pictures of a camera in RTP: VP8 (RFC 7741) and H.264 (RFC 6184), each picture in as many
// packets as it needs, with one timestamp, the last one marked.
//
//	payloads := video.NewPacketizer(video.VP8).Payloads(picture)
//	for _, picture := range assembler.Push(header, payload) { ... }
//
// Payloads are made and read by pion/rtp. An Assembler puts packets in order, waits for those that are late, and gives up a
// picture that stays incomplete: what follows cannot be decoded before the next key picture, for which RequestKey asks the sender
// (RFC 4585, 6.3.1).
//
// H.264 is given and taken as a byte stream (ITU-T H.264, annex B), a picture at a time. Codecs that cannot be told apart by their
// names alone (VP9, AV1 with their layers) are none of this package's.
package video
