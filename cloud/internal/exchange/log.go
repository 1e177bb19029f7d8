package exchange

import (
	"fmt"
	"log/slog"
	"strings"

	"strowger/pkg/limit"
)

// serverLog is the NATS server's log in ours. Violations of permissions come as errors.
type serverLog struct {
	log   *slog.Logger
	fatal chan<- error
	told  *limit.Buckets[string] // of whom it tells, by address
}

const serverMessage = "fabric server"

func (l serverLog) Noticef(format string, v ...any) {
	l.log.Debug(serverMessage, "text", fmt.Sprintf(format, v...))
}

func (l serverLog) Warnf(format string, v ...any) { l.warn(fmt.Sprintf(format, v...)) }

func (l serverLog) Errorf(format string, v ...any) { l.warn(fmt.Sprintf(format, v...)) }

// warn tells a text. Handshakes that fail and connections that are one too many, which anybody can cause, begin with an address, and
// of each it tells a few. Who has shown a certificate is told of each time.
func (l serverLog) warn(text string) {
	from, _, _ := strings.Cut(text, " - ")
	if stranger := strings.Contains(text, "handshake error") || strings.Contains(text, "maximum connections"); !stranger || l.told.Take(limit.Host(from)) {
		l.log.Warn(serverMessage, "text", text)
	}
}

// Fatalf keeps the first reason for Start.
func (l serverLog) Fatalf(format string, v ...any) {
	select {
	case l.fatal <- fmt.Errorf(format, v...):
	default:
	}
}

func (l serverLog) Debugf(format string, v ...any) {
	l.log.Debug(serverMessage, "text", fmt.Sprintf(format, v...))
}

// Tracef drops the texts of messages: they carry secrets.
func (l serverLog) Tracef(string, ...any) {}
