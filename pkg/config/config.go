// Package config is the one way in which every program of Strowger is configured: a struct with kong tags (name, help,
// default, short, env) is filled from a TOML file, the environment and flags; flags win over the environment, which
// wins over the file.
//
// A key of the file is the name of a flag ("sip-port = 5060" is --sip-port=5060); lists are TOML arrays. The file is
// strict: a key that no flag has is an error that names the file, the line and the nearest key that exists.
package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
)

// Exit codes of every program.
const (
	OK     = 0
	Failed = 1
	Usage  = 2
)

// Flags are what every program has; embed it in the struct to be filled.
type Flags struct {
	Config  File    `help:"Read settings from a TOML file; its keys are the names of these flags." placeholder:"FILE" type:"path"`
	Version version `help:"Print the version and exit." env:"-"`
}

// Program is how a program presents itself on the command line.
type Program struct {
	Name        string
	Description string
	Examples    []string // whole command lines, shown by --help
	Version     string   // empty is what the binary was built from
	// Prefix, if set, lets every flag be set in the environment: with "STROWGER", --sip-port is STROWGER_SIP_PORT. A flag
	// with its own env tag keeps that.
	Prefix  string
	Stdout  io.Writer
	Stderr  io.Writer
	Options []kong.Option
}

// exit unwinds kong when --help or --version have printed all there is to do.
type exit struct{ code int }

// Parse fills the struct that into points to. When ok is false the program ends with the exit code: help, the version or
// what was wrong has been printed.
func (p Program) Parse(into any, args []string) (ctx *kong.Context, code int, ok bool) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case exit:
			ctx, code, ok = nil, r.code, false
		default:
			panic(r)
		}
	}()
	parser, err := kong.New(into, p.options()...)
	if err != nil {
		panic(fmt.Sprintf("the flags of %s are declared wrongly: %v", p.Name, err)) // a mistake in the struct's tags
	}
	ctx, err = parser.Parse(args)
	if err != nil {
		fmt.Fprintf(p.Stderr, "%s: %s\n", p.Name, mistake(err.Error()))
		var e *kong.ParseError
		if name := p.Name; errors.As(err, &e) && e.Context != nil {
			if node := e.Context.Selected(); node != nil {
				name = node.FullPath()
			}
			fmt.Fprintf(p.Stderr, "Run \"%s --help\" for how it is used.\n", name)
		}
		return nil, Usage, false
	}
	return ctx, OK, true
}

// mistake is kong's words for a wrong command line, without guesses that are no slip of the finger and without the empty value.
func mistake(words string) string {
	words = strings.Replace(words, `must be one of "",`, "must be one of ", 1)
	wrong, guesses, ok := strings.Cut(words, ", did you mean ")
	if !ok {
		return words
	}
	typed := strings.Trim(wrong[strings.LastIndexByte(wrong, ' ')+1:], `"-`)
	var near []string
	for _, guess := range regexp.MustCompile(`"[^"]*"`).FindAllString(guesses, -1) {
		known := strings.Trim(guess, `"-`)
		if strings.HasPrefix(known, typed) || nearest(typed, []string{known}) != "" {
			near = append(near, guess)
		}
	}
	switch len(near) {
	case 0:
		return wrong
	case 1:
		return wrong + ", did you mean " + near[0] + "?"
	}
	return wrong + ", did you mean one of " + strings.Join(near, ", ") + "?"
}

func (p Program) options() []kong.Option {
	options := []kong.Option{
		kong.Name(p.Name),
		kong.Description(p.Description),
		kong.Writers(p.Stdout, p.Stderr),
		kong.Exit(func(code int) { panic(exit{code}) }),
		kong.Vars{"state": StateDir(), "version": p.version()},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 100}),
		kong.Help(p.help),
	}
	if p.Prefix != "" {
		options = append(options, kong.DefaultEnvars(p.Prefix))
	}
	options = append(options, kong.PostBuild(noEnvironment))
	return append(options, p.Options...)
}

// noEnvironment takes env:"-" at its word also where DefaultEnvars does not.
func noEnvironment(k *kong.Kong) error {
	for _, f := range k.Model.Flags {
		if slices.Equal(f.Envs, []string{"-"}) {
			f.Envs, f.Tag.Envs = nil, nil
		}
	}
	return nil
}

// help prints the usual page and, on the first page, the examples.
func (p Program) help(options kong.HelpOptions, ctx *kong.Context) error {
	if err := kong.DefaultHelpPrinter(options, ctx); err != nil {
		return err
	}
	if ctx.Selected() != nil || len(p.Examples) == 0 {
		return nil
	}
	_, err := fmt.Fprintf(p.Stdout, "\nExamples:\n  %s\n", strings.Join(p.Examples, "\n  "))
	return err
}

func (p Program) version() string {
	if p.Version != "" {
		return p.Version
	}
	return Version()
}

// Version is what the binary was built from: the release, or the commit when it was built from a checkout.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

// StateDir is where programs keep their data unless told otherwise: $XDG_STATE_HOME/strowger, by default
// ~/.local/state/strowger (XDG Base Directory Specification).
func StateDir() string {
	// "All paths set in these environment variables must be absolute"; a relative one is to be ignored.
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "strowger")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = "." // an account without a home: beside the program, and every flag that uses it can be set
	}
	return filepath.Join(home, ".local", "state", "strowger")
}

// version is the --version flag.
type version bool

// BeforeReset prints the version before anything else is looked at.
func (version) BeforeReset(app *kong.Kong, vars kong.Vars) error {
	fmt.Fprintf(app.Stdout, "%s %s\n", app.Model.Name, vars["version"])
	app.Exit(OK)
	return nil
}

// Given returns a flag or an argument of the selected command and its value, as people would say it: --number "12a". It is false
// if the command has none of that name.
func Given(ctx *kong.Context, name string) (string, bool) {
	node := ctx.Selected()
	if node == nil {
		return "", false
	}
	for _, f := range node.Flags {
		if f.Name == name {
			return "--" + name + " " + said(f.Target), true
		}
	}
	for _, v := range node.Positional {
		if v.Name == name {
			return strings.ToUpper(name) + " " + said(v.Target), true
		}
	}
	return "", false
}

func said(v reflect.Value) string {
	if v = reflect.Indirect(v); !v.IsValid() {
		return "(none)"
	}
	if v.Kind() == reflect.String {
		return strconv.Quote(v.String())
	}
	return fmt.Sprint(v)
}
