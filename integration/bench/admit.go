package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// brokerTest is the benchmark of admissions, as a program.
const brokerTest = "broker.test"

// buildBroker puts it into a folder.
func buildBroker(ctx context.Context, dir string) error {
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-o", filepath.Join(dir, brokerTest), "strowger/cloud/internal/broker")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the benchmark of the broker: %w\n%s", err, out)
	}
	return nil
}

// admissionLine is one line of its output: devices in the registry, and nanoseconds of CPU.
var admissionLine = regexp.MustCompile(`^BenchmarkAdmit/devices=(\d+)(?:-\d+)?\s.*\s([0-9.]+) cpu-ns/op`)

// admission is a benchmark's result.
type admission struct {
	devices     int
	nanoseconds float64
}

func parseAdmission(line string) (a admission, ok bool) {
	m := admissionLine.FindStringSubmatch(line)
	if m == nil {
		return a, false
	}
	devices, errDevices := strconv.Atoi(m[1])
	ns, errNs := strconv.ParseFloat(m[2], 64)
	return admission{devices, ns}, errDevices == nil && errNs == nil && ns > 0
}

// admissions measures what the cloud decides a second on one core: who calls, who is called, the key and the plan, without
// the network.
func (b *bench) admissions(ctx context.Context) error {
	args := []string{"-test.run=^$", "-test.bench=Admit/devices=(" + b.plan.devices + ")$", fmt.Sprint("-test.count=", b.plan.runs), "-test.benchtime=" + b.plan.benchtime}
	cmd, stdout, err := b.startWith([]string{"GOMAXPROCS=1"}, filepath.Join(b.dir, brokerTest), args...)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() }) // it may have ended
	defer stop()
	values := map[int][]float64{}
	var order []int
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		a, ok := parseAdmission(lines.Text())
		if !ok {
			continue
		}
		if values[a.devices] == nil {
			order = append(order, a.devices)
		}
		values[a.devices] = append(values[a.devices], 1e9/a.nanoseconds)
		progress("strowger: admissions with %d devices: %.0f/s", a.devices, 1e9/a.nanoseconds)
	}
	if err := lines.Err(); err != nil && err != io.EOF {
		return err
	}
	for _, devices := range order {
		b.rows = append(b.rows, row{Part: "admit", Name: "admissions on one core", Load: fmt.Sprint(devices, " devices"), Unit: "/s", Ours: values[devices]})
	}
	if len(order) == 0 {
		return fmt.Errorf("no admission was measured; --verbose shows why")
	}
	return ctx.Err()
}
