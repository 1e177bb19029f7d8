package link

import (
	"errors"
	"net"

	"github.com/quic-go/quic-go"

	"strowger/pkg/errs"
)

// Application error codes of a closed connection; see the package doc.
const (
	closeStopped   quic.ApplicationErrorCode = 0
	closeIdle      quic.ApplicationErrorCode = 1
	closeDead      quic.ApplicationErrorCode = 2
	closeRevoked   quic.ApplicationErrorCode = 3
	closeProtocol  quic.ApplicationErrorCode = 4
	closeRestarted quic.ApplicationErrorCode = 5
	closeLimit     quic.ApplicationErrorCode = 6
)

// streamRefused resets a stream whose opener is late, malformed or of an unknown kind.
const streamRefused quic.StreamErrorCode = 1

// close ends the connection; the first reason stays.
func (c *Conn) close(code quic.ApplicationErrorCode, words string) {
	_ = c.qc.CloseWithError(code, words) // always nil
}

// ended says whether an error of a stream is the end of its connection.
func ended(err error) bool { return errors.Is(err, net.ErrClosed) }

// closeError says in our words why a connection to a peer ended.
func closeError(peer string, cause error) error {
	if refusal := fromAlert(cause); refusal != nil {
		return refusal
	}
	code := errs.LinkLost
	var app *quic.ApplicationError
	if errors.As(cause, &app) {
		switch app.ErrorCode {
		case closeStopped:
			code = errs.NodeStopped
		case closeIdle:
			code = errs.Gone
		case closeRevoked:
			code = errs.Revoked
		case closeRestarted:
			code = errs.Restarted
		case closeLimit:
			code = errs.Congested
		}
	}
	return errs.New(code, "link to %s: %w", peer, cause)
}
