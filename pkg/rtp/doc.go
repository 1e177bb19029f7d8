// Package rtp reads and writes what a call's media consist of: RTP packets, RTCP packets (RFC 3550) and telephone events
// (RFC 4733), and keeps the statistics of RFC 3550, appendix A. G.711 is in the sub-package g711.
//
// The header is read by our own few lines, which neither allocate nor take extensions apart: a relay looks at the fixed
// part of every packet and at nothing else. RTCP is read and written with pion/rtcp. The tests hold both against pion.
package rtp
