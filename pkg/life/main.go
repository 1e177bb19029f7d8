package life

import (
	"context"
	"log/slog"
	"os/signal"
	"syscall"
)

// Main runs a role until it ends or the process gets SIGINT or SIGTERM, and returns the exit code: 0, or 1 after an error,
// which it logs. The first signal ends the context of run; a second one kills the process, but for a SIGINT that was
// ignored when the process began.
func Main(ctx context.Context, log *slog.Logger, run func(ctx context.Context) error) int {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	forget := context.AfterFunc(ctx, func() {
		stop() // the default action is back
		log.Info("shutting down; a second signal kills")
	})
	defer forget()
	if err := run(ctx); err != nil {
		log.Error("stopped", "error", err)
		return 1
	}
	return 0
}
