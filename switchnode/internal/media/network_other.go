//go:build !linux

package media

import "log/slog"

func newNetwork(log *slog.Logger) network { return plainNetwork{log} }
