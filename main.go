// Command strowger runs and looks after a phone system with no PBX in the middle.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"strowger/integration/command"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal kills
	os.Exit(command.Main(ctx, os.Args[1:], os.Stdout, os.Stderr))
}
