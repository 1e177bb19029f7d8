// Command switchnode is the edge switch of an office.
package main

import (
	"context"
	"log/slog"
	"os"

	"strowger/pkg/config"
	"strowger/pkg/life"
	"strowger/switchnode"
)

func main() {
	var flags struct {
		config.Flags
		switchnode.Config
		JSON bool `help:"Print where it is reached as one line of JSON on standard output when it serves." name:"json"`
	}
	program := config.Program{
		Name:        "switchnode",
		Description: "The edge switch of an office: desk phones by SIP, other offices by direct links.",
		Examples: []string{
			"switchnode --enroll CODE --cloud cloud.example.com   # the first time; CODE is from 'strowger switch add'",
			"switchnode                                           # ever after",
		},
		Prefix: "STROWGER", Stdout: os.Stdout, Stderr: os.Stderr,
	}
	if _, code, ok := program.Parse(&flags, os.Args[1:]); !ok {
		os.Exit(code)
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	flags.Logger = log
	flags.Started = func(s switchnode.Started) {
		if err := s.Print(os.Stdout, flags.JSON); err != nil {
			log.Error("cannot tell where it is reached", "error", err)
		}
	}
	os.Exit(life.Main(context.Background(), log, func(ctx context.Context) error {
		return switchnode.Run(ctx, flags.Config)
	}))
}
