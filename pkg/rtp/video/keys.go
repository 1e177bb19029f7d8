package video

import "github.com/pion/rtcp"

// maxControl is how many packets of one compound are looked at.
const maxControl = 32

// KeyWanted says whether an RTCP packet asks the sender of a source for a key picture: Picture Loss Indication (RFC 4585, 6.3.1)
// or Full Intra Request (RFC 5104, 4.3.1). What is malformed asks for nothing.
func KeyWanted(control []byte, source uint32) bool {
	packets, err := rtcp.Unmarshal(control)
	if err != nil {
		return false
	}
	for _, p := range packets[:min(len(packets), maxControl)] {
		switch p := p.(type) {
		case *rtcp.PictureLossIndication:
			if p.MediaSSRC == source {
				return true
			}
		case *rtcp.FullIntraRequest:
			for _, e := range p.FIR { // RFC 5104, 4.3.1.2: the source stands in the entries
				if e.SSRC == source {
					return true
				}
			}
		}
	}
	return false
}

// RequestKey asks the sender of a source for a key picture, as pion's connections send it.
func RequestKey(source uint32) []rtcp.Packet {
	return []rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: source}}
}
