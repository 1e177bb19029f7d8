// Command strowger runs and looks after a phone system with no PBX in the middle.
package main

import (
	"context"
	"os"

	"strowger/integration/command"
)

func main() {
	os.Exit(command.Main(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}
