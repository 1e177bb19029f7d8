// Package command is the strowger command: what people type to run and to look after a system. Everything but "up" and
// "demo" works through the public REST API alone.
package command

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"strowger/pkg/config"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// grammar is the whole command line.
type grammar struct {
	config.Flags
	connection

	Up     upCommand     `cmd:"" help:"Run everything that a single office needs, in one process."`
	Demo   demoCommand   `cmd:"" help:"Run two offices and place a real call between them."`
	Login  loginCommand  `cmd:"" help:"Remember a cloud and an API key."`
	Doctor doctorCommand `cmd:"" help:"Check that everything works, and say what to do where it does not."`
	Org    orgCommands   `cmd:"" help:"Organizations (tenants)." aliases:"organization"`
	Site   siteCommands  `cmd:"" help:"Sites (offices) and their dialling codes."`
	Switch switchCmds    `cmd:"" help:"Edge switches: add, enrol, renew, revoke."`
	Bridge bridgeCmds    `cmd:"" help:"Bridges, which wake apps: add, enrol, revoke."`
	User   userCommands  `cmd:"" help:"Users: people and services."`
	Device deviceCmds    `cmd:"" help:"Phones and their SIP accounts."`
	Number numberCmds    `cmd:"" help:"Numbers: what can be dialled."`
	lineCommands
	Alert alertCommands `cmd:"" help:"What administrators are to know: emergency calls and trouble."`
	Key   keyCommands   `cmd:"" help:"API keys."`
	Call  callCommands  `cmd:"" help:"Call records."`
	calleeCommands
	featureCommands
	Phone phoneCommands `cmd:"" help:"A phone on the command line, which sleeps until it is called."`
}

// calleeCommands are for what numbers lead to beside users, and when.
type calleeCommands struct {
	Queue    queueCommands    `cmd:"" help:"Queues of several users, and calls that wait."`
	Schedule scheduleCommands `cmd:"" help:"Opening hours and holidays."`
	Group    groupCommands    `cmd:"" help:"Groups of users: who picks up whose calls, and who is paged."`
	Contact  contactCommands  `cmd:"" help:"The phone book: names of numbers outside, and short numbers for all."`
}

// lineCommands are for lines to the phone network.
type lineCommands struct {
	Trunk trunkCommands `cmd:"" help:"Lines to phone companies."`
	Route routeCommands `cmd:"" help:"Which trunks take which calls."`
	Guard guardCommands `cmd:"" help:"What may be called in the phone network: limits against fraud."`
}

// Main runs one command line and returns the exit code: 0 done, 1 failed, 2 wrong usage.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var g grammar
	program := config.Program{
		Name:        "strowger",
		Description: "A phone system with no PBX in the middle.",
		Examples: []string{
			"strowger demo                                               two offices on this machine, and a call",
			"strowger up                                                 a single office, for real",
			"strowger login https://cloud.example.com sk_...             remember where the cloud is",
			"strowger site add Berlin --code 20                          an office",
			"strowger switch add edge --site 20                          its switch: prints the code that enrols it",
			"strowger user add Anna --number 1001 --site 20 --phone      a person with a number and a desk phone",
			"strowger call list --since 1h                               what happened",
		},
		Stdout: stdout, Stderr: stderr,
	}
	parsed, code, ok := program.Parse(&g, args)
	if !ok {
		return code
	}
	e := &env{connection: g.connection, ctx: ctx, out: plain{stdout}, err: plain{stderr}, now: time.Now}
	var err error
	if _, ok := parsed.Selected().Target.Addr().Interface().(unconnected); !ok {
		err = e.connect()
	}
	if err == nil {
		err = parsed.Run(e)
	}
	if e.client.BaseURL != "" && errs.CodeOf(err) == errs.CloudAway {
		err = errs.New(errs.CloudAway, "%w; %s", err, whenAway)
	}
	if err != nil {
		e.fail(inWords(err, func(name string) (string, bool) { return config.Given(parsed, name) }))
		return config.Failed
	}
	return config.OK
}

// unconnected commands start without a cloud to talk to.
type unconnected interface{ unconnected() }

// env is what a command works with.
type env struct {
	connection
	ctx      context.Context // of the one command that this process runs
	out, err io.Writer
	now      func() time.Time
	client   rest.Client // zero until connect
}

// say prints for people; with --json it is silent.
func (e *env) say(format string, args ...any) {
	if !e.JSON {
		fmt.Fprintf(e.out, format, args...)
	}
}

// show prints v for programs if they asked, else has people shown.
func (e *env) show(v any, people func()) error {
	if !e.JSON {
		people()
		return nil
	}
	enc := json.NewEncoder(e.out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// showOr is show for what people may not be shown in whole.
func (e *env) showOr(v any, people func() error) error {
	if !e.JSON {
		return people()
	}
	return e.show(v, nil)
}

func (e *env) fail(err error) {
	if e.JSON {
		_ = json.NewEncoder(e.err).Encode(errs.From(err)) // nobody is left to tell
		return
	}
	fmt.Fprintf(e.err, "strowger: %v\n", err)
}
