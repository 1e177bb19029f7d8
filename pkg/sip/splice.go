package sip

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"strowger/pkg/errs"
)

// MaxMessage is the largest message of a stream, in bytes.
const MaxMessage = maxMessage

// First returns the length of the message that a stream's bytes begin with, and 0 if it is not whole yet. CRLFs before it,
// which are keep-alives (RFC 5626, 3.5.1), count as a message of their own. It is for who passes messages on without reading
// them.
func First(b []byte) (int, error) {
	if rest := bytes.TrimLeft(b, "\r\n"); len(rest) < len(b) {
		return len(b) - len(rest), nil
	}
	n, err := frame(b, true)
	if errors.Is(err, errPartial) || len(b) < 4 {
		return 0, nil
	}
	return n, err
}

// Whole returns what came as one message (RFC 7118, 5: one in each frame of a WebSocket) as a stream carries it: with its
// Content-Length. errs.Invalid: it is not exactly one message.
func Whole(b []byte) ([]byte, error) {
	n, err := frame(b, false)
	if err == nil && n != len(b) {
		err = fmt.Errorf("%d bytes follow the message", len(b)-n)
	}
	if err != nil {
		return nil, errs.New(errs.Invalid, "not one SIP message: %w", err)
	}
	end := bytes.Index(b, []byte("\r\n\r\n")) // frame found it
	_, fields, _ := bytes.Cut(b[:end+2], []byte("\r\n"))
	if _, found, _ := contentLength(fields); found {
		return b, nil
	}
	whole := append(bytes.Clone(b[:end+2]), "Content-Length: "+strconv.Itoa(len(b)-end-4)...)
	return append(append(whole, "\r\n\r\n"...), b[end+4:]...), nil
}
