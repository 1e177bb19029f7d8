package life

import "syscall"

// OpenFiles is how many files and sockets this process may have open at once, 0 if that is not known. The Go runtime has
// raised the soft limit to the hard one at its start (package syscall, rlimit.go).
func OpenFiles() int {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0
	}
	return int(min(uint64(l.Cur), maxFiles)) // signed on some systems
}

// maxFiles stands for no limit.
const maxFiles = 1 << 30

// Share is one of parts equal shares of the files that this process may have open, and at most most: what connections to one port
// may take, since anybody opens those. The roles of one process share its files, and calls need some.
func Share(parts, most int) int {
	if all := OpenFiles(); all > 0 {
		return min(most, max(1, all/parts))
	}
	return most
}
