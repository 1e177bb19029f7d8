//go:build peers

package peers

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// event is what baresip's ctrl_tcp module says: an event of a call or a registration, or the response to a command.
type event struct {
	Type     string `json:"type"` // of an event, such as "CALL_INCOMING"
	Param    string `json:"param"`
	Response bool   `json:"response"`
	OK       bool   `json:"ok"`
	Data     string `json:"data"`
	Token    string `json:"token"` // of the command
}

func (e event) String() string {
	if e.Response {
		return fmt.Sprintf("%s: ok=%v %q", e.Token, e.OK, e.Data)
	}
	return e.Type + " " + e.Param
}

// control is the connection to a baresip's ctrl_tcp module: JSON in netstrings, both ways.
type control struct {
	name string
	conn net.Conn
	mu   sync.Mutex
	sent int
	seen []event // all but the measurements, which come all the time
	next int     // in seen: what await has not looked at
}

// dialControl connects to a baresip that is starting. The connection ends with the test.
func dialControl(t *testing.T, name, addr string) *control {
	t.Helper()
	c := &control{name: name}
	eventually(t, name+" takes commands", func() (err error) {
		c.conn, err = net.Dial("tcp", addr)
		return err
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.read(bufio.NewReader(c.conn))
	}()
	t.Cleanup(func() {
		_ = c.conn.Close() // baresip may be gone
		<-done
		if t.Failed() {
			c.mu.Lock()
			defer c.mu.Unlock()
			t.Logf("%s said %v", name, c.seen)
		}
	})
	return c
}

// read takes events until the connection ends.
func (c *control) read(r *bufio.Reader) {
	for {
		length, err := r.ReadString(':')
		if err != nil {
			return
		}
		n, err := strconv.Atoi(strings.TrimSuffix(length, ":"))
		if err != nil || n > 1<<20 {
			return
		}
		b := make([]byte, n+1) // with the comma
		if _, err := io.ReadFull(r, b); err != nil {
			return
		}
		var e event
		if err := json.NewDecoder(bytes.NewReader(b)).Decode(&e); err != nil || e.Type == "CALL_RTCP" {
			continue
		}
		c.mu.Lock()
		c.seen = append(c.seen, e)
		c.mu.Unlock()
	}
}

// do gives a command and returns its response.
func (c *control) do(t *testing.T, command, params string) string {
	t.Helper()
	c.mu.Lock()
	c.sent++
	token := command + " " + strconv.Itoa(c.sent)
	c.mu.Unlock()
	b, err := json.Marshal(map[string]string{"command": command, "params": params, "token": token})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(c.conn, "%d:%s,", len(b), b); err != nil {
		t.Fatalf("%s: %s: %v", c.name, command, err)
	}
	var reply event
	eventually(t, c.name+" does "+command, func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, e := range c.seen {
			if e.Response && e.Token == token {
				reply = e
				return nil
			}
		}
		return errors.New("no response")
	})
	if !reply.OK {
		t.Fatalf("%s: %s %s: %s", c.name, command, params, reply.Data)
	}
	return reply.Data
}

// await waits for the next event of a kind, passing over others, and returns its parameter.
func (c *control) await(t *testing.T, kind string) string {
	t.Helper()
	var found event
	eventually(t, c.name+": "+kind, func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		for i := c.next; i < len(c.seen); i++ {
			if c.seen[i].Type == kind {
				found, c.next = c.seen[i], i+1
				return nil
			}
		}
		return fmt.Errorf("only %v", c.seen[c.next:])
	})
	return found.Param
}

// count is how many events of a kind came so far.
func (c *control) count(kind string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, e := range c.seen {
		if e.Type == kind {
			n++
		}
	}
	return n
}
