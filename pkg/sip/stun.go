package sip

import (
	"encoding/binary"
	"net/netip"
)

// A phone behind a NAT keeps its flow over UDP alive by asking the port of SIP where it is seen from, and learns that its NAT has
// forgotten it when the answer is another (RFC 5626, 4.4.2). Of STUN (RFC 8489) no more is understood than that needs: a Binding request, without
// credentials.

// STUN as it looks on the wire (RFC 8489, 5, 14 and 18).
const (
	stunHeader  = 20
	stunCookie  = 0x2112a442
	stunBinding = 0x0001
	stunSuccess = 0x0101
	stunFailure = 0x0111

	stunMapped    = 0x0020 // XOR-MAPPED-ADDRESS
	stunErrorCode = 0x0009
	stunUnknown   = 0x000a // UNKNOWN-ATTRIBUTES
	stunOptional  = 0x8000 // attributes from here on need not be understood
)

// maxStunUnknown is how many attributes an answer says are not understood.
const maxStunUnknown = 8

// isSTUN tells STUN from SIP, which begins with a letter (RFC 5626, 8).
func isSTUN(b []byte) bool {
	return len(b) >= stunHeader && b[0]&0xc0 == 0 && binary.BigEndian.Uint32(b[4:]) == stunCookie
}

// bound answers a Binding request that came from somewhere; nil: it is none, and gets no answer.
func bound(b []byte, from netip.AddrPort) []byte {
	if !isSTUN(b) || binary.BigEndian.Uint16(b) != stunBinding || int(binary.BigEndian.Uint16(b[2:])) != len(b)-stunHeader {
		return nil
	}
	unknown, ok := notUnderstood(b[stunHeader:])
	if !ok {
		return nil
	}
	answer := append(make([]byte, 0, 64), b[:stunHeader]...)
	if len(unknown) > 0 { // RFC 8489, 6.3.1
		binary.BigEndian.PutUint16(answer, stunFailure)
		answer = attribute(answer, stunErrorCode, []byte{0, 0, 4, 20})
		var list []byte
		for _, a := range unknown {
			list = binary.BigEndian.AppendUint16(list, a)
		}
		answer = attribute(answer, stunUnknown, list)
	} else {
		binary.BigEndian.PutUint16(answer, stunSuccess)
		answer = attribute(answer, stunMapped, mapped(b[4:stunHeader], from))
	}
	binary.BigEndian.PutUint16(answer[2:], uint16(len(answer)-stunHeader))
	return answer
}

// mapped is an address as XOR-MAPPED-ADDRESS has it (RFC 8489, 14.2); mask is the cookie and the transaction ID.
func mapped(mask []byte, from netip.AddrPort) []byte {
	ip, family := from.Addr().Unmap().AsSlice(), byte(1)
	if len(ip) == 16 {
		family = 2
	}
	v := binary.BigEndian.AppendUint16([]byte{0, family}, from.Port()^uint16(stunCookie>>16))
	for i, c := range ip {
		v = append(v, c^mask[i])
	}
	return v
}

// attribute appends an attribute, filled up to four bytes.
func attribute(b []byte, kind uint16, value []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, kind)
	b = binary.BigEndian.AppendUint16(b, uint16(len(value)))
	b = append(b, value...)
	return append(b, make([]byte, -len(value)&3)...)
}

// notUnderstood names the attributes that would have to be understood, and says whether all are whole.
func notUnderstood(b []byte) (unknown []uint16, ok bool) {
	for len(b) > 0 {
		if len(b) < 4 {
			return nil, false
		}
		kind, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		n += -n & 3
		if len(b)-4 < n {
			return nil, false
		}
		if kind < stunOptional && len(unknown) < maxStunUnknown {
			unknown = append(unknown, kind)
		}
		b = b[4+n:]
	}
	return unknown, true
}
