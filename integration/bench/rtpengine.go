package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"time"
)

// engine is a running rtpengine, and its control protocol ("ng"): a cookie, a space and a bencoded dictionary, by UDP.
type engine struct {
	server
	conn   net.Conn
	asked  int
	buffer []byte
}

// engine starts an rtpengine that relays in user space.
func (l *launcher) engine(ctx context.Context) (*engine, error) {
	if _, err := exec.LookPath("rtpengine"); err != nil {
		return nil, fmt.Errorf("%w: './test tools' installs it, --alone goes without", err)
	}
	control, err := freePort()
	if err != nil {
		return nil, err
	}
	cmd, _, err := l.start("rtpengine", "--interface=127.0.0.1", "--listen-ng="+control.String(), "--port-min=40000", "--port-max=60000",
		"--table=-1", "--num-threads=1", "--foreground", "--log-stderr", "--log-level=4", "--config-file=none")
	if err != nil {
		return nil, err
	}
	conn, err := net.Dial("udp4", control.String())
	if err != nil {
		return nil, err
	}
	e := &engine{
		server: server{name: "rtpengine", main: []program{{name: "rtpengine", pid: cmd.Process.Pid}}}, conn: conn, buffer: make([]byte, 64<<10),
	}
	const tries = 50
	for range tries {
		if _, err = e.ask(map[string]string{"command": "ping"}); err == nil || ctx.Err() != nil {
			return e, err
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("rtpengine does not answer: %w; --verbose shows why", err)
}

func (e *engine) close() { _ = e.conn.Close() } // a UDP socket holds nothing back

// ask sends one command and returns the answer to it.
func (e *engine) ask(command map[string]string) (map[string]any, error) {
	const wait = time.Second
	e.asked++
	cookie := fmt.Appendf(nil, "%d_%d ", os.Getpid(), e.asked)
	if _, err := e.conn.Write(append(cookie, encode(command)...)); err != nil {
		return nil, err
	}
	if err := e.conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return nil, err
	}
	for {
		n, err := e.conn.Read(e.buffer)
		if err != nil {
			return nil, err
		}
		text, ours := bytes.CutPrefix(e.buffer[:n], cookie)
		if !ours {
			continue // to a command that was given up
		}
		value, err := decode(text)
		if err != nil {
			return nil, err
		}
		answer, ok := value.(map[string]any)
		if result := answer["result"]; !ok || result != "ok" && result != "pong" {
			return nil, fmt.Errorf("rtpengine refuses %s: %v", command["command"], value)
		}
		return answer, nil
	}
}

// connect sets up one more call, as a proxy does that passes the offer and the answer on, and notes where both sides send.
func (e *engine) connect(a *audio) error {
	id := fmt.Sprint("call-", e.asked)
	for _, step := range []struct {
		command  string
		from, to int
	}{{"offer", callerSide, calleeSide}, {"answer", calleeSide, callerSide}} {
		command := map[string]string{"command": step.command, "call-id": id, "from-tag": "caller", "sdp": a.description(step.from)}
		if step.command == "answer" {
			command["to-tag"] = "callee"
		}
		answer, err := e.ask(command)
		if err != nil {
			return err
		}
		description, ok := answer["sdp"].(string)
		if !ok || !strings.Contains(description, "m=audio ") {
			return errors.New("rtpengine answers without a description")
		}
		a.heard(step.to, []byte(description))
	}
	return nil
}

// destinations are where the sides of so many calls are to send.
func (a *audio) destinations(calls int) (sides [2][]netip.AddrPort, err error) {
	for side := range sides {
		if len(a.at[side]) < calls {
			return sides, fmt.Errorf("%d of %d calls are up", len(a.at[side]), calls)
		}
		sides[side] = a.at[side][:calls]
	}
	return sides, nil
}
