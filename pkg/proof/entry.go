package proof

import (
	"encoding/json"
	"io"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
)

// Limits of the lines that open a connection to a node, in bytes.
const (
	MaxEntry   = 16 << 10
	MaxVerdict = 4 << 10
)

// Entry is the first line of a device on the stream that it opens to a node: JSON, ended by a line feed. SIP follows once the
// node has answered with a Verdict.
type Entry struct {
	Key    string `json:"key"`              // session key
	Proof  string `json:"proof"`            // a Call
	Resume string `json:"resume,omitempty"` // of the Verdict of an earlier connection to this leg
}

// Verdict is the node's answer: a line of JSON too. After an error nothing follows.
type Verdict struct {
	OK    bool        `json:"ok,omitempty"`
	Error *errs.Error `json:"error,omitempty"`
	// Resume is the token that takes the leg up once it is answered, on another connection, with the same key and a fresh proof. It
	// is the same for each connection of the leg.
	Resume string `json:"resume,omitempty"`
	// Resumed says that the leg is answered, and that its dialog goes on on this connection; else an INVITE follows.
	Resumed bool `json:"resumed,omitempty"`

	Relay *designation.Relay `json:"relay,omitempty"` // for the media of the leg, where there is one
}

// ReadLine reads a line of JSON of at most limit bytes into v, and not one byte beyond it: what follows is SIP. A line that
// is too long or no JSON is errs.Invalid, any other error is the reader's.
func ReadLine(r io.Reader, limit int, v any) error {
	line := make([]byte, 0, 1<<10)
	for one := make([]byte, 1); ; {
		if _, err := io.ReadFull(r, one); err != nil {
			return err
		}
		if one[0] == '\n' {
			break
		}
		if len(line) == limit {
			return errs.New(errs.Invalid, "first line of more than %d bytes", limit)
		}
		line = append(line, one[0])
	}
	if err := json.Unmarshal(line, v); err != nil {
		return errs.New(errs.Invalid, "first line: %w", err)
	}
	return nil
}

// WriteLine writes v as a line of JSON, in one Write.
func WriteLine(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}
