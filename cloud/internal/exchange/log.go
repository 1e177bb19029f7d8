package exchange

import (
	"fmt"
	"log/slog"
)

// serverLog is the NATS server's log in ours. Violations of permissions come as errors.
type serverLog struct {
	log   *slog.Logger
	fatal chan<- error
}

const serverMessage = "fabric server"

func (l serverLog) Noticef(format string, v ...any) {
	l.log.Debug(serverMessage, "text", fmt.Sprintf(format, v...))
}

func (l serverLog) Warnf(format string, v ...any) {
	l.log.Warn(serverMessage, "text", fmt.Sprintf(format, v...))
}

func (l serverLog) Errorf(format string, v ...any) {
	l.log.Warn(serverMessage, "text", fmt.Sprintf(format, v...))
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
