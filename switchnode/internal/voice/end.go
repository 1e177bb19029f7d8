package voice

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/rtp"
	"strowger/pkg/sdp"
	"strowger/switchnode/internal/media"
)

// Carried is what carries the media of an End, in the words of the ledger.
const Carried = "the switch"

const flowNumber = 1

// maxKeys is how many keys wait for who listens to them.
const maxKeys = 32

// End is where a leg talks to code of ours. Listen and Say are called by one goroutine, once in 20 ms; the rest is safe for concurrent
// use.
type End struct {
	port    *media.Port
	receive func(packet []byte) // by the relay: as if it came from a leg
	keys    chan byte
	dropped atomic.Uint64

	header  rtp.Header // of what is said next
	payload []byte
	packet  []byte
	encoder Encoder

	mu  sync.Mutex // guards what follows
	ear ear
	key keyed
}

// keyed is the telephone event that came last.
type keyed struct {
	known     bool
	ssrc      uint32
	timestamp uint32
}

// speech are the codecs of an End, by its payload types.
func speech() []sdp.Format {
	return []sdp.Format{
		{PT: ptG722, Codec: sdp.Codec{Name: "G722", Clock: 8000, Channels: 1}},
		{PT: ptMu, Codec: sdp.Codec{Name: "PCMU", Clock: 8000, Channels: 1}},
		{PT: ptA, Codec: sdp.Codec{Name: "PCMA", Clock: 8000, Channels: 1}},
	}
}

// taken are the formats that an End takes: more than it sends.
func taken() []sdp.Format {
	const digits = "0-15"
	return append(speech(),
		sdp.Format{PT: ptOpus, Codec: sdp.Codec{Name: "opus", Clock: 48000, Channels: 2}},
		sdp.Format{PT: ptKeys, Codec: sdp.Codec{Name: sdp.TelephoneEvent, Clock: 8000, Channels: 1, Fmtp: digits}},
		sdp.Format{PT: ptOpusKeys, Codec: sdp.Codec{Name: sdp.TelephoneEvent, Clock: 48000, Channels: 1, Fmtp: digits}},
	)
}

// Offered is what an End has, for who is to be invited to talk to it. Opus is not among it: it cannot be answered in kind.
func Offered() sdp.Description {
	d := sdp.Session{Formats: speech(), Direction: sdp.SendRecv}.Description()
	d.Codecs = append(d.Codecs, sdp.Codec{Name: sdp.TelephoneEvent, Clock: 8000, Channels: 1, Fmtp: "0-15"})
	return d
}

// Answer is what an End answers to an offer: the first codec of it that can be spoken here, and its telephone events. Without one it is
// errs.NoCommonCodec, with words.
func Answer(offer sdp.Description) (sdp.Description, error) {
	answer := sdp.Description{Direction: facing(offer.Direction), Ptime: 20}
	for _, c := range offer.Codecs {
		if _, has := answer.Speech(); c.Name == sdp.TelephoneEvent || !has && spoken(c) {
			answer.Codecs = append(answer.Codecs, c)
		}
	}
	if _, ok := answer.Speech(); !ok {
		return answer, errs.New(errs.NoCommonCodec, "the switch speaks %s, and was offered %s: turn one of its codecs on in the phone",
			sdp.Names(Offered().Codecs[:len(speech())]), sdp.Names(offer.Codecs))
	}
	return answer, nil
}

// facing is the direction that answers another: RFC 3264, 6.1.
func facing(d sdp.Direction) sdp.Direction {
	switch d {
	case sdp.SendOnly:
		return sdp.RecvOnly
	case sdp.RecvOnly:
		return sdp.SendOnly
	case sdp.Inactive:
		return sdp.Inactive
	}
	return sdp.SendRecv
}

// Open opens an end that talks to nobody yet.
func Open(r *media.Relay) (*End, error) {
	e := &End{
		keys:   make(chan byte, maxKeys),
		header: rtp.Header{Marker: true, SSRC: rand.Uint32(), Sequence: uint16(rand.Uint32()), Timestamp: rand.Uint32()},
	}
	port, err := r.OpenEnd((*wire)(e), Carried)
	if err != nil {
		return nil, err
	}
	e.port = port
	port.SetLocal(speech())
	port.SetRemote(sdp.Session{Formats: taken(), Direction: sdp.SendRecv, Flow: flowNumber}, port.Local().Addr.Addr())
	return e, nil
}

// Port is for media.Bridge.
func (e *End) Port() *media.Port { return e.port }

// Close ends it. It may be called more than once.
func (e *End) Close() { e.port.Close() }

// Keys are those that the leg's user presses, however they come.
func (e *End) Keys() <-chan byte { return e.keys }

// Press takes a key that came by another way than with the media.
func (e *End) Press(digit byte) {
	select {
	case e.keys <- digit:
	default:
		e.dropped.Add(1)
	}
}

// KeysDropped is how many keys nobody took.
func (e *End) KeysDropped() uint64 { return e.dropped.Load() }

// Heard says whether somebody hears what is said, and in which coding.
func (e *End) Heard() (Coding, bool) {
	f, ok := e.port.PeerHears(spoken)
	if !ok {
		return 0, false
	}
	return codingOf(f.Codec)
}

// Say says 20 ms to the leg. It is false if nobody hears it.
func (e *End) Say(frame []int16) bool {
	coding, ok := e.Heard()
	if !ok {
		e.Pass()
		return false
	}
	e.payload = e.encoder.Encode(e.payload[:0], coding, frame)
	e.SayCoded(coding, e.payload)
	return true
}

// SayCoded says 20 ms that are coded already.
func (e *End) SayCoded(coding Coding, payload []byte) {
	e.header.PT = coding.payloadType()
	e.packet = e.header.Append(e.packet[:0], payload)
	e.receive(e.packet)
	e.header.Marker = false
	e.header.Sequence++
	e.header.Timestamp += octets
}

// Pass says nothing for 20 ms.
func (e *End) Pass() {
	e.header.Marker = true // RFC 3551, 4.1: what is said next begins a talkspurt
	e.header.Timestamp += octets
}

// Listen fills a frame with the next 20 ms of the leg. It is false, and the frame silent, if the leg says nothing.
func (e *End) Listen(frame []int16, at time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ear.take(frame, at)
}

// hear takes a packet of the leg.
func (e *End) hear(packet []byte, at time.Time) {
	h, payload, err := rtp.Parse(packet)
	if err != nil {
		return
	}
	if h.PT == ptKeys || h.PT == ptOpusKeys {
		e.press(h, payload)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ear.put(h, payload, at)
}

// press takes a packet of a telephone event. Its first counts, whichever of them that is: all have the timestamp of the beginning (RFC
// 4733, 2.2).
func (e *End) press(h rtp.Header, payload []byte) {
	event, err := rtp.ParseEvent(payload)
	digit, ok := event.Digit()
	if err != nil || !ok {
		return
	}
	e.mu.Lock()
	before, now := e.key, keyed{true, h.SSRC, h.Timestamp}
	e.key = now
	e.mu.Unlock()
	if now != before {
		e.Press(digit)
	}
}

// wire is an End as the relay's media.Link: in the same process.
type wire End

// NewFlow begins to receive what is said.
func (w *wire) NewFlow(receive func(packet []byte)) (media.Flow, error) {
	w.receive = receive
	return flow{}, nil
}

var errNotMedia = errors.New("an end inside the switch takes flow 1 only")

// Send takes a packet of the leg.
func (w *wire) Send(number uint64, packet []byte, _ bool) error {
	if number != flowNumber {
		return errNotMedia
	}
	(*End)(w).hear(packet, time.Now())
	return nil
}

type flow struct{}

// ID is any number: there is one flow.
func (flow) ID() uint64 { return flowNumber }

// Close does nothing: the port is closed already.
func (flow) Close() {}
