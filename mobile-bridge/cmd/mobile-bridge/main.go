// Command mobile-bridge wakes phones that sleep.
package main

import (
	"context"
	"log/slog"
	"os"

	mobilebridge "strowger/mobile-bridge"
	"strowger/pkg/config"
	"strowger/pkg/life"
)

func main() {
	var flags struct {
		config.Flags
		mobilebridge.Config
		JSON bool `help:"Print what it does as one line of JSON on standard output when it serves." name:"json"`
	}
	program := config.Program{
		Name:        "mobile-bridge",
		Description: "Wakes phones that sleep, by the push services of Apple, Google and browsers.",
		Examples: []string{
			"mobile-bridge --enroll CODE --cloud cloud.example.com   # the first time; CODE is from 'strowger bridge add'",
			"mobile-bridge --apns-key AuthKey_ABC123DEFG.p8 --apns-key-id ABC123DEFG --apns-team DEF123GHIJ",
		},
		Prefix: "STROWGER", Stdout: os.Stdout, Stderr: os.Stderr,
	}
	if _, code, ok := program.Parse(&flags, os.Args[1:]); !ok {
		os.Exit(code)
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	flags.Logger = log
	flags.Started = func(s mobilebridge.Started) {
		if err := s.Print(os.Stdout, flags.JSON); err != nil {
			log.Error("cannot tell what it does", "error", err)
		}
	}
	os.Exit(life.Main(context.Background(), log, func(ctx context.Context) error {
		return mobilebridge.Run(ctx, flags.Config)
	}))
}
