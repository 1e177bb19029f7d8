package sip

import (
	"log/slog"
	"math"
	"sync"

	"github.com/emiago/sipgo/sip"
)

// once guards sipgo's package variables: its limits and its logger, set before its first use.
var once sync.Once

func setGlobals() {
	// Phones on UDP get what is due to them, fragmented if need be: they offer no other transport (RFC 3261, 18.1.1 would
	// change to TCP above 1,300 bytes). sipgo keeps 200 bytes of this for itself.
	sip.UDPMTUSize = 65_507 + 200
	sip.TransportBufferReadSize = math.MaxUint16
	// sipgo logs messages that it cannot parse in full, credentials included; what matters is counted or an error here.
	sip.SetDefaultLogger(slog.New(slog.DiscardHandler))
}
