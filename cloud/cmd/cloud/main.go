// Command cloud is the directory and broker.
package main

import (
	"context"
	"log/slog"
	"os"

	"strowger/cloud"
	"strowger/pkg/config"
	"strowger/pkg/life"
)

func main() {
	var flags struct {
		config.Flags
		cloud.Config
		FabricConfig string `help:"Write what the servers of --nats need into folders below this one, and exit." type:"path" placeholder:"DIR"`
		JSON         bool   `help:"Print where it is reached as one line of JSON on standard output when it serves." name:"json"`
	}
	program := config.Program{
		Name:        "cloud",
		Description: "The directory of a Strowger installation: registry, admission, records, REST API.",
		Examples: []string{
			"cloud --host cloud.example.com                          # SQLite, first start prints an admin API key",
			"cloud --db postgres://strowger@db/strowger --master-key-file /etc/strowger/master.key",
			"cloud ... --nats n1:4222,n2:4222,n3:4222 --fabric-config servers   # writes the configuration of a NATS cluster",
			"cloud ... --nats n1:4222,n2:4222,n3:4222                           # uses it; so may other instances of the cloud",
		},
		Prefix: "STROWGER", Stdout: os.Stdout, Stderr: os.Stderr,
	}
	if _, code, ok := program.Parse(&flags, os.Args[1:]); !ok {
		os.Exit(code)
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	flags.Logger = log
	flags.Started = func(s cloud.Started) {
		if err := s.Print(os.Stdout, flags.JSON); err != nil {
			log.Error("cannot tell where it is reached", "error", err)
		}
	}
	os.Exit(life.Main(context.Background(), log, func(ctx context.Context) error {
		if flags.FabricConfig != "" {
			return cloud.WriteFabricConfig(ctx, flags.Config, flags.FabricConfig, os.Stdout)
		}
		return cloud.Run(ctx, flags.Config)
	}))
}
