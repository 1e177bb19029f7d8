package video

import "strowger/pkg/rtp"

// Bounds of what an Assembler keeps.
const (
	maxPicture = 4 << 20        // bytes of a picture
	maxWaiting = 512            // packets that wait for one that is missing
	maxWait    = Clock * 3 / 10 // that they wait, by their timestamps: longer than a packet that is sent again takes
	maxStep    = 3000           // numbers; a packet further ahead or behind is of a source that began anew (RFC 3550, A.1)
)

// Picture is what one sampling of a camera became.
type Picture struct {
	Data      []byte
	Timestamp uint32 // RTP, Clock a second
	Key       bool   // it can be decoded without those before
}

// Assembler puts the packets of one stream together. What it returns can be decoded: after a loss, that begins again with a key
// picture. It is not safe for concurrent use.
type Assembler struct {
	codec   string
	begun   bool
	next    uint16 // the number that is due
	waiting map[uint16]packet
	depack  depacketizer
	data    []byte // of the picture that comes
	stamp   uint32
	open    bool // there is a picture that comes, from its beginning
	broken  bool // what comes cannot be decoded before a key picture
	lost    int64
}

type packet struct {
	header  rtp.Header
	payload []byte
}

// NewAssembler returns an assembler of VP8 or H264.
func NewAssembler(codec string) *Assembler {
	return &Assembler{codec: codec, waiting: map[uint16]packet{}, broken: true}
}

// Lost is how many packets were given up.
func (a *Assembler) Lost() int64 { return a.lost }

// NeedsKey says whether nothing can be decoded before a key picture comes.
func (a *Assembler) NeedsKey() bool { return a.broken }

// Miss says that a picture was not decoded: what follows cannot be before the next key picture.
func (a *Assembler) Miss() { a.broken = true }

// Push takes a packet, of which it keeps a copy, and returns the pictures that are whole now.
func (a *Assembler) Push(h rtp.Header, payload []byte) (pictures []Picture) {
	switch ahead := int(int16(h.Sequence - a.next)); {
	case !a.begun, ahead > maxStep, ahead < -maxStep:
		a.restart(h.Sequence)
	case ahead < 0: // too late, or twice
		return nil
	}
	a.waiting[h.Sequence] = packet{h, append([]byte(nil), payload...)}
	for {
		for p, ok := a.waiting[a.next]; ok; p, ok = a.waiting[a.next] {
			delete(a.waiting, a.next)
			a.next++
			pictures = a.take(p, pictures)
		}
		if len(a.waiting) <= maxWaiting && !a.tooLong(h) {
			return pictures
		}
		a.skip()
	}
}

func (a *Assembler) restart(at uint16) {
	a.begun, a.next, a.open, a.broken = true, at, false, true
	clear(a.waiting)
}

// tooLong says whether the first of what waits is so much older than the packet that came last that it waits no longer.
func (a *Assembler) tooLong(last rtp.Header) bool {
	for _, p := range a.waiting {
		if int32(last.Timestamp-p.header.Timestamp) > maxWait {
			return true
		}
	}
	return false
}

// skip gives up what is missing before the first packet that waits.
func (a *Assembler) skip() {
	for first := a.next; ; first++ {
		if _, ok := a.waiting[first]; ok {
			a.lost += int64(first - a.next)
			a.next, a.open, a.broken = first, false, true
			return
		}
	}
}

// take appends a packet, which is the next one, to the picture that comes.
func (a *Assembler) take(p packet, to []Picture) []Picture {
	if len(p.payload) == 0 { // padding
		return to
	}
	if !a.open || p.header.Timestamp != a.stamp {
		if a.open { // its last packet had no mark
			to = a.whole(to)
		}
		a.depack, a.data, a.stamp = newDepacketizer(a.codec), nil, p.header.Timestamp
		if a.open = a.depack.IsPartitionHead(p.payload); !a.open {
			a.broken = true
			return to
		}
	}
	part, err := a.depack.Unmarshal(p.payload)
	if err != nil || len(a.data)+len(part) > maxPicture {
		a.open, a.broken = false, true
		return to
	}
	a.data = append(a.data, part...)
	if p.header.Marker {
		return a.whole(to)
	}
	return to
}

// whole ends a picture.
func (a *Assembler) whole(to []Picture) []Picture {
	p := Picture{Data: a.data, Timestamp: a.stamp, Key: Key(a.codec, a.data)}
	a.open, a.data = false, nil
	if a.broken = a.broken && !p.Key; a.broken || len(p.Data) == 0 {
		return to
	}
	return append(to, p)
}
