package media

import (
	"log/slog"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// rest is how long a poller that is busy lets packets gather before it looks again: a wake-up costs several times what it
// costs to relay a packet. It is a twentieth of a packet's own length.
const rest = time.Millisecond

// opensOnce arms the gate.
const opensOnce = syscall.EPOLLIN | syscall.EPOLLONESHOT

// poller reads the sockets of ports. It starts with the first.
//
// The sockets are in one epoll. That is the only member of another, the gate, which the runtime waits for as for any
// file. The gate opens once for each time that it is armed, so that packets which come while the poller rests wake
// nobody.
type poller struct {
	log *slog.Logger

	mu      sync.Mutex
	sockets map[int32]*polledSocket // by their number
	started bool
	closed  bool

	epoll   int
	gate    *os.File
	stop    chan struct{}
	running sync.WaitGroup
}

// add begins to read a socket.
func (p *poller) add(s *polledSocket) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return net.ErrClosed
	}
	if err := p.start(); err != nil {
		return err
	}
	fd := int32(s.fd)
	p.sockets[fd] = s
	err := syscall.EpollCtl(p.epoll, syscall.EPOLL_CTL_ADD, s.fd, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: fd})
	if err != nil {
		delete(p.sockets, fd)
	}
	return err
}

// forget ends the reading of a socket. It may be called while the socket is read.
func (p *poller) forget(s *polledSocket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if fd := int32(s.fd); p.sockets[fd] == s {
		delete(p.sockets, fd)
		_ = syscall.EpollCtl(p.epoll, syscall.EPOLL_CTL_DEL, s.fd, nil) // it is there: add put it there
	}
}

// start brings the poller up, once. The caller holds mu.
func (p *poller) start() (err error) {
	if p.started {
		return nil
	}
	if p.epoll, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return err
	}
	gate, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		_ = syscall.Close(p.epoll) // the first error is the one to tell
		return err
	}
	err = syscall.EpollCtl(gate, syscall.EPOLL_CTL_ADD, p.epoll, &syscall.EpollEvent{})
	if err == nil {
		err = syscall.SetNonblock(gate, true) // has os.NewFile wait by the runtime
	}
	p.gate = os.NewFile(uintptr(gate), "epoll")
	conn, errConn := p.gate.SyscallConn()
	if err == nil {
		err = errConn
	}
	if err != nil {
		_ = syscall.Close(p.epoll) // as above
		_ = p.gate.Close()
		return err
	}
	p.started, p.stop = true, make(chan struct{})
	p.running.Go(func() { p.run(conn) })
	return nil
}

// close ends the poller; all its sockets are closed.
func (p *poller) close() {
	p.mu.Lock()
	closing := p.started && !p.closed
	p.closed = true
	p.mu.Unlock()
	if !closing {
		return
	}
	close(p.stop)
	_ = p.gate.Close() // an epoll holds nothing back
	p.running.Wait()
	_ = syscall.Close(p.epoll)
}

// run reads until the poller is closed. While packets come closer to each other than it rests, it looks once in that time
// and leaves the gate shut.
func (p *poller) run(gate syscall.RawConn) {
	var (
		buffer = make([]byte, maxPacket+1)
		events [128]syscall.EpollEvent
		timer  = time.NewTimer(rest)
		last   time.Time // something came
		busy   bool
	)
	defer timer.Stop()
	for {
		if !busy && p.await(gate) != nil {
			return
		}
		began := time.Now()
		packets := p.drain(events[:], buffer)
		busy = packets > 1 || packets == 1 && began.Sub(last) < rest
		if packets > 0 {
			last = began
		}
		if !busy {
			continue
		}
		timer.Reset(rest - time.Since(began))
		select {
		case <-timer.C:
		case <-p.stop:
			return
		}
	}
}

// await arms the gate and waits for it to open. An error means that it was closed.
func (p *poller) await(gate syscall.RawConn) error {
	armed := false
	return gate.Read(func(fd uintptr) bool {
		if !armed { // it may open before the runtime waits, and is asked at once
			armed = syscall.EpollCtl(int(fd), syscall.EPOLL_CTL_MOD, p.epoll, &syscall.EpollEvent{Events: opensOnce}) == nil
		}
		var opened [1]syscall.EpollEvent
		n, err := syscall.EpollWait(int(fd), opened[:], 0)
		return n > 0 || err != nil
	})
}

// drain reads a packet from each socket that has one, again and again until none has, and says how many. One socket's
// flood does not keep others waiting.
func (p *poller) drain(events []syscall.EpollEvent, buffer []byte) (packets int) {
	for {
		n, err := syscall.EpollWait(p.epoll, events, 0)
		if err != nil || n == 0 {
			return packets
		}
		for _, e := range events[:n] {
			if s := p.socket(e.Fd); s != nil {
				s.read(buffer)
			}
		}
		packets += n
	}
}

// socket finds a socket. Its number may have gone to another since the event; that one has nothing to read then.
func (p *poller) socket(fd int32) *polledSocket {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sockets[fd]
}
