//go:build !linux

package integration

import "syscall"

// withUs would have a process die with the one that started it; only Linux can.
func withUs() *syscall.SysProcAttr { return nil }
