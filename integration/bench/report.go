package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

// machine says what the figures are measured on, and with what.
func machine(pinned bool) string {
	cores := "servers and load on any core"
	if pinned {
		cores = "servers on core " + serverCore + ", load on core " + loadCore
	}
	return fmt.Sprintf("%s: %s, %d cores, Linux %s, %s, %s, %s, %s; %s", time.Now().UTC().Format("2006-01-02 15:04 UTC"),
		field("/proc/cpuinfo", "model name"), runtime.NumCPU(), word("/proc/sys/kernel/osrelease"), runtime.Version(),
		version("Kamailio", "kamailio", "-v"), version("rtpengine", "rtpengine", "--version"), version("Janus", "janus", "--version"), cores)
}

// field is a value of a file of "name : value" lines.
func field(file, name string) string {
	text, _ := os.ReadFile(file) // an unknown processor is shown as ""
	for line := range strings.Lines(string(text)) {
		if n, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(n) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func word(file string) string {
	text, _ := os.ReadFile(file) // as field
	return strings.TrimSpace(string(text))
}

// version is the first word with a digit of what a program says about itself.
func version(name, program, flag string) string {
	out, err := exec.Command(program, flag).CombinedOutput()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) { // Janus says its version and fails
		return "no " + name
	}
	for _, w := range strings.Fields(string(out)) {
		if strings.ContainsAny(w, "0123456789") {
			return name + " " + w
		}
	}
	return name
}

// report prints the table and writes the files that were asked for.
func (b *bench) report(machine string) error {
	fmt.Printf("%s\n\n", machine)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(heads(), "\t"))
	for _, r := range b.rows {
		fmt.Fprintln(w, strings.Join(r.cells(), "\t"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if b.markdown != "" {
		if err := refresh(b.markdown, machine, b.parts, b.rows); err != nil {
			return err
		}
	}
	if b.plots != "" {
		if err := draw(b.plots, b.parts, b.rows); err != nil {
			return err
		}
	}
	if b.json != "" {
		text, err := json.MarshalIndent(struct {
			Machine string `json:"machine"`
			Rows    []row  `json:"rows"`
		}{machine, b.rows}, "", "\t")
		if err != nil {
			return err
		}
		if err := os.WriteFile(b.json, append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	return nil
}
