package link

import (
	"encoding/json"
	"io"
	"time"

	"strowger/pkg/errs"
)

const (
	version    = 1       // of openers and hello; another one needs an upgrade
	capability = 5       // newest dated capability of the package doc
	maxLine    = 4 << 10 // bytes of an opener or control line with its line feed
)

// The first with several packets in a datagram, the first with numbers of datagrams, the first with apps that come through
// bridges, and the first with lamps.
const (
	capabilityMany   = 2
	capabilityNumber = 3
	capabilityCalls  = 4
	capabilityLamps  = 5
)

// What a stream can be.
const (
	streamControl = "control"
	streamSIP     = "sip"
	streamCall    = "call"
	streamPacket  = "packet"
	streamLamps   = "lamps"
)

// opener is the line that every stream begins with.
type opener struct {
	Stream string `json:"stream"`
	V      int    `json:"v"`
	From   string `json:"from,omitempty"` // of a call: where the app is seen
}

func decodeOpener(line []byte) (opener, error) {
	var o opener
	if err := json.Unmarshal(line, &o); err != nil {
		return opener{}, errs.New(errs.Invalid, "stream opener is not a JSON object: %w", err)
	}
	if o.Stream == "" {
		return opener{}, errs.New(errs.Invalid, "stream opener does not say which stream it opens")
	}
	if o.V != version {
		return opener{}, errs.New(errs.Upgrade, "stream %q has version %d, this node speaks %d", o.Stream, o.V, version)
	}
	return o, nil
}

// hello is the first line on the control stream after its opener.
type hello struct {
	V          int       `json:"v"`
	Capability int       `json:"capability"`
	Node       string    `json:"node"`
	Boot       string    `json:"boot"`
	Now        time.Time `json:"now"`
}

func decodeHello(line []byte) (hello, error) {
	var h hello
	if err := json.Unmarshal(line, &h); err != nil {
		return hello{}, errs.New(errs.Invalid, "hello is not a JSON object: %w", err)
	}
	if h.V != version {
		return hello{}, errs.New(errs.Upgrade, "hello has version %d, this node speaks %d", h.V, version)
	}
	if h.Node == "" || h.Boot == "" {
		return hello{}, errs.New(errs.Invalid, "hello lacks the node or the boot id")
	}
	return h, nil
}

// message is a line on the control stream after the hello. A line with neither number is from a newer release: ignored.
type message struct {
	Ping uint64 `json:"ping,omitempty"`
	Held bool   `json:"held,omitempty"`
	Pong uint64 `json:"pong,omitempty"`
}

func decodeMessage(line []byte) (message, error) {
	var m message
	if err := json.Unmarshal(line, &m); err != nil {
		return message{}, errs.New(errs.Invalid, "control line is not a JSON object: %w", err)
	}
	return m, nil
}

// encodeLine returns v as one JSON line.
func encodeLine(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings, numbers and times always marshal
	}
	return append(b, '\n')
}

// readLine reads one line without its line feed. It reads byte by byte: what follows an opener belongs to someone else.
func readLine(r io.Reader) ([]byte, error) {
	line := make([]byte, 0, 64)
	var b [1]byte
	for len(line) < maxLine {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return nil, err
		}
		if b[0] == '\n' {
			return line, nil
		}
		line = append(line, b[0])
	}
	return nil, errs.New(errs.Invalid, "line is longer than %d bytes", maxLine)
}
