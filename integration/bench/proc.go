package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tree is a process and all that descend from it.
func tree(root int) ([]int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	children := map[int][]int{}
	for _, name := range stats {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		// proc_pid_stat(5): the name, in parentheses, may hold anything; state and parent follow it.
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		pid, errPID := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		parent, errParent := strconv.Atoi(fields[1])
		if err := errors.Join(errPID, errParent); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		children[parent] = append(children[parent], pid)
	}
	all := []int{root}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all, nil
}

// trees is the processes of all programs.
func trees(of []program) (all []int, err error) {
	for _, p := range of {
		pids, err := tree(p.pid)
		if err != nil {
			return nil, err
		}
		all = append(all, pids...)
	}
	return all, nil
}

// cpu is the time that the threads of programs have run. One that ended in between is missed; no server ends threads.
func cpu(of []program) (total time.Duration, err error) {
	pids, err := trees(of)
	if err != nil {
		return 0, err
	}
	for _, pid := range pids {
		names, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
		if err != nil {
			return 0, err
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return 0, err
			}
			ran, _, _ := strings.Cut(string(text), " ") // the kernel's sched-stats: nanoseconds on the CPU come first
			ns, err := strconv.ParseInt(ran, 10, 64)
			if err != nil {
				return 0, fmt.Errorf("%s: %w", name, err)
			}
			total += time.Duration(ns)
		}
	}
	return total, nil
}

// memory is what programs hold, in bytes, with what their processes share counted once (PSS).
func memory(of []program) (total int64, err error) {
	pids, err := trees(of)
	if err != nil {
		return 0, err
	}
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return 0, err
		}
		for line := range strings.Lines(string(text)) {
			var kB int64
			if n, _ := fmt.Sscanf(line, "Pss: %d kB", &kB); n == 1 {
				total += kB << 10
			}
		}
	}
	return total, nil
}

// busy is the share of the machine that was used since it started, in ticks: used and all.
func busy() (used, all int64, err error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	for i, f := range strings.Fields(line)[1:9] { // proc_stat(5): up to steal; guest time is in user
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("/proc/stat: %w", err)
		}
		all += n
		if i != 3 && i != 4 { // idle, iowait
			used += n
		}
	}
	return used, all, nil
}
