package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// figures is what was measured of one server.
type figures struct {
	first, refresh, call []sample
	phone                float64 // bytes for a registration
}

// about says what the figures were measured on.
func about(pinned bool) {
	cores := "servers and load on any core"
	if pinned {
		cores = "servers on core " + serverCore + ", load on core " + loadCore
	}
	fmt.Printf("%s, %s, %d cores, Linux %s, %s; Kamailio %s; %s\n\n", time.Now().UTC().Format("2006-01-02 15:04 UTC"),
		field("/proc/cpuinfo", "model name"), runtime.NumCPU(), word("/proc/sys/kernel/osrelease"), runtime.Version(),
		kamailioVersion(), cores)
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

// kamailioVersion is the third word of "version: kamailio 5.6.3 (x86_64/linux)".
func kamailioVersion() string {
	out, _ := exec.Command("kamailio", "-v").Output() // without it the run fails, and says so
	if words := strings.Fields(string(out)); len(words) > 2 {
		return words[2]
	}
	return "?"
}

// table prints the figures of both and their ratio.
func table(ours, theirs server, a, b figures) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "CPU for a unit\t%s\tand its cloud\t%s\tratio\tlost\t\n", ours.name, theirs.name)
	for _, row := range []struct {
		name string
		a, b []sample
	}{{"REGISTER, first", a.first, b.first}, {"REGISTER, refresh", a.refresh, b.refresh}, {"call", a.call, b.call}} {
		x, y := median(row.a), median(row.b)
		fmt.Fprintf(w, "%s\t%v\t%v\t%v\t%.1f\t%d, %d\t\n", row.name, spread(row.a), micro(x.side), spread(row.b),
			float64(x.main)/float64(y.main), lost(row.a), lost(row.b))
	}
	fmt.Fprintf(w, "memory of a registration\t%.1f kB\t\t%.1f kB\t%.1f\t\t\n", a.phone/1000, b.phone/1000, a.phone/b.phone)
	_ = w.Flush() // nobody reads it when the output is gone
	most := 0.0
	for _, s := range slices.Concat(a.first, a.refresh, a.call, b.first, b.refresh, b.call) {
		most = max(most, s.others)
	}
	fmt.Printf("\nothers used at most %.0f %% of the machine\n", 100*most)
}

// spread is the median and, in parentheses, the least and the most.
func spread(of []sample) string {
	least, most := of[0].main, of[0].main
	for _, s := range of {
		least, most = min(least, s.main), max(most, s.main)
	}
	return fmt.Sprintf("%s (%d to %d)", micro(median(of).main), least.Microseconds(), most.Microseconds())
}

func micro(d time.Duration) string {
	return fmt.Sprintf("%d µs", d.Round(time.Microsecond).Microseconds())
}

// median is the run in the middle by CPU; the cloud's figure is that of the same run.
func median(of []sample) sample {
	sorted := slices.SortedFunc(slices.Values(of), func(x, y sample) int { return int(x.main - y.main) })
	return sorted[len(sorted)/2]
}

func lost(of []sample) (n int) {
	for _, s := range of {
		n += s.lost
	}
	return n
}
