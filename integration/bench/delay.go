package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// path is a way that packets take, and how long they take in one direction.
type path struct {
	oneWay atomic.Int64 // time.Duration
}

// late is something that is on its way.
type late struct {
	due  time.Time
	data []byte
}

// underWay bounds what is on a way; more is lost on UDP, and waits on TCP.
const underWay = 1 << 10

// delayer is the proxies that make paths long.
type delayer struct {
	running sync.WaitGroup
	mu      sync.Mutex
	open    []io.Closer
}

// keep has something closed in the end.
func (d *delayer) keep(c io.Closer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open = append(d.open, c)
}

// close ends all and waits.
func (d *delayer) close() {
	d.mu.Lock()
	for _, c := range d.open {
		_ = c.Close() // nothing is to be saved
	}
	d.mu.Unlock()
	d.running.Wait()
}

// udp passes packets between whoever sends to an address and a server. The server sees them come from, and may itself send
// to, the address that is returned.
func (d *delayer) udp(ctx context.Context, p *path, listen, server netip.AddrPort) (inner netip.AddrPort, err error) {
	outside, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(listen))
	if err != nil {
		return inner, err
	}
	d.keep(outside)
	inside, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return inner, err
	}
	d.keep(inside)
	var client atomic.Pointer[netip.AddrPort]
	d.pump(ctx, p, func(buffer []byte) (int, error) {
		n, from, err := outside.ReadFromUDPAddrPort(buffer)
		if err == nil {
			client.Store(&from)
		}
		return n, err
	}, func(data []byte) error {
		_, err := inside.WriteToUDPAddrPort(data, server)
		return err
	}, false)
	d.pump(ctx, p, func(buffer []byte) (int, error) {
		n, _, err := inside.ReadFromUDPAddrPort(buffer)
		return n, err
	}, func(data []byte) error {
		to := client.Load()
		if to == nil {
			return nil // nobody was there yet
		}
		_, err := outside.WriteToUDPAddrPort(data, *to)
		return err
	}, false)
	return netip.ParseAddrPort(inside.LocalAddr().String())
}

// tcp passes connections on to a server.
func (d *delayer) tcp(ctx context.Context, p *path, server string) (listen string, err error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	d.keep(listener)
	d.running.Go(func() {
		for {
			outside, err := listener.Accept()
			if err != nil {
				return
			}
			d.keep(outside)
			inside, err := net.Dial("tcp4", server)
			if err != nil {
				_ = outside.Close() // the client tries again
				continue
			}
			d.keep(inside)
			for _, way := range [][2]net.Conn{{outside, inside}, {inside, outside}} {
				from, to := way[0], way[1]
				d.pump(ctx, p, from.Read, func(data []byte) error {
					_, err := to.Write(data)
					return err
				}, true)
			}
		}
	})
	return listener.Addr().String(), nil
}

// copy passes on what comes on either connection, at once, until both are closed.
func (d *delayer) copy(a, b net.Conn) {
	for _, way := range [][2]net.Conn{{a, b}, {b, a}} {
		d.running.Go(func() {
			_, _ = io.Copy(way[0], way[1]) // the ends of the connection say what went wrong
			_ = way[0].Close()
		})
	}
}

// pump reads, waits and writes, in order, until one side is closed.
func (d *delayer) pump(ctx context.Context, p *path, read func([]byte) (int, error), write func([]byte) error, waits bool) {
	queue := make(chan late, underWay)
	d.running.Go(func() {
		defer close(queue)
		buffer := make([]byte, 64<<10)
		for {
			n, err := read(buffer)
			if err != nil {
				return
			}
			one := late{time.Now().Add(time.Duration(p.oneWay.Load())), append([]byte(nil), buffer[:n]...)}
			if waits {
				queue <- one // the writer takes all until the queue is closed
				continue
			}
			select {
			case queue <- one:
			default:
			}
		}
	})
	d.running.Go(func() {
		var failed error
		for one := range queue {
			if failed = errors.Join(failed, pause(ctx, time.Until(one.due))); failed == nil {
				failed = write(one.data)
			}
		}
	})
}
