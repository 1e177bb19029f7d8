package standin

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"
)

// Message is a push on its way to a device, and then what the device shows for it.
type Message struct {
	Token    string // of the device
	Payload  []byte // what its app gets
	Collapse string // a message replaces an undelivered one with the same; empty: none
	Urgent   bool
	Expires  time.Time // undelivered by then, it is dropped
}

// waiting bounds what waits for Deliver; more is lost, as the phones of a push service are not slower than that.
const waiting = 1 << 10

// Devices is where the messages of a push service go. It is safe for concurrent use.
type Devices struct {
	// MaxCollapse is how many collapse ids may wait for one device; the oldest goes. 0: any number.
	MaxCollapse int

	deliver func(Message)
	now     func() time.Time
	queue   chan Message

	mu    sync.Mutex
	all   map[string]*device
	shown []Message
}

type device struct {
	removed time.Time
	asleep  bool
	held    []Message
}

// NewDevices returns devices whose messages are given to deliver, one after the other; it may be nil.
func NewDevices(deliver func(Message), now func() time.Time) *Devices {
	if deliver == nil {
		deliver = func(Message) {}
	}
	return &Devices{deliver: deliver, now: now, queue: make(chan Message, waiting), all: map[string]*device{}}
}

// Add makes a device.
func (d *Devices) Add(token string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all[token] = &device{}
}

// Remove ends a device's token, as when its user removes the app.
func (d *Devices) Remove(token string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if one := d.all[token]; one != nil {
		one.removed, one.held = d.now(), nil
	}
}

// Find says whether there is, or was, a device, and when it was removed if it was.
func (d *Devices) Find(token string) (removed time.Time, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	one := d.all[token]
	if one == nil {
		return time.Time{}, false
	}
	return one.removed, true
}

// Sleep takes a device off the net: its messages are held.
func (d *Devices) Sleep(token string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all[token].asleep = true
}

// Wake brings a device back: it gets what is held and not expired.
func (d *Devices) Wake(token string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	one := d.all[token]
	one.asleep = false
	for _, m := range one.held {
		if m.Expires.After(d.now()) {
			d.show(m)
		}
	}
	one.held = nil
}

// Put delivers a message, or holds it.
func (d *Devices) Put(m Message) {
	d.mu.Lock()
	defer d.mu.Unlock()
	one := d.all[m.Token]
	switch {
	case !one.asleep:
		d.show(m)
	case m.Expires.After(d.now()):
		one.hold(m, d.MaxCollapse)
	}
}

// hold keeps a message in place of those that it replaces.
func (o *device) hold(m Message, most int) {
	if m.Collapse != "" {
		o.held = slices.DeleteFunc(o.held, func(old Message) bool { return old.Collapse == m.Collapse })
	}
	o.held = append(o.held, m)
	if most > 0 && len(o.held) > most {
		o.held = o.held[1:]
	}
}

// show notes what a device shows, and has it delivered.
func (d *Devices) show(m Message) {
	d.shown = append(d.shown, m)
	select {
	case d.queue <- m:
	default: // see waiting
	}
}

// Shown is what devices have shown, in order.
func (d *Devices) Shown() []Message {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.shown)
}

// Run delivers until ctx ends.
func (d *Devices) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-d.queue:
			d.deliver(m)
		}
	}
}

// Sealed is the sealed wake that an app finds in its payload: in the field "strowger" of JSON, or as it came.
func (m Message) Sealed() []byte {
	var fields struct {
		Strowger []byte `json:"strowger"`
	}
	if json.Unmarshal(m.Payload, &fields) == nil && fields.Strowger != nil {
		return fields.Strowger
	}
	return m.Payload
}
