package integration

import "syscall"

// withUs has a process die with the one that started it, however that ends.
func withUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
