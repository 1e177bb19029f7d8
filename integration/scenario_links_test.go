package integration

import (
	"net"
	"path/filepath"
	"strings"
	"testing"

	"strowger/pkg/designation"
	"strowger/pkg/enrol"
	"strowger/pkg/fabric"
	"strowger/pkg/ident"
)

// identity is that of an office's switch.
func (w *world) identity(t *testing.T, office int) *enrol.Identity {
	t.Helper()
	id, err := enrol.Load(filepath.Join(w.folder(office), "identity"))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// ready connects to the cloud as a node does.
func (w *world) ready(t *testing.T, id *enrol.Identity) *fabric.Client {
	t.Helper()
	c := w.join(t, id)
	if err := c.Ready(soon(t)); err != nil {
		t.Fatal(err)
	}
	return c
}

// designated is what the cloud says of the switch that a subscriber's call to a number is sent to.
func (w *world) designated(t *testing.T, from subscriber, dialled string) designation.Node {
	t.Helper()
	id := w.identity(t, from.office)
	a, err := fabric.Request[fabric.Admit, fabric.Admitted](soon(t), w.ready(t, id), fabric.SubjectAdmit(id.Org, id.Node), fabric.Admit{
		Header: fabric.Header{ID: ident.New(ident.Request)}, Call: ident.New(ident.Call), Device: from.device.ID, Dialled: dialled,
		Media: []string{"audio"},
	})
	if err != nil || a.Designation == nil {
		t.Fatalf("admitted %+v: %v", a, err)
	}
	return a.Designation.Node
}

// says has the cloud hear from a switch that it is at other addresses.
func (w *world) says(t *testing.T, office int, n designation.Node, addresses ...string) {
	t.Helper()
	n.Addresses = addresses
	id := w.identity(t, office)
	_, err := fabric.Request[fabric.Lease, fabric.Reply](soon(t), w.ready(t, id), fabric.SubjectLease(id.Org, id.Node), fabric.Lease{Node: n})
	if err != nil {
		t.Fatal(err)
	}
}

// TestSwitchThatCannotBeDialled leads the callers of an office to an address that swallows everything, as a router without
// a mapping does: its switch is told to dial, and the call comes through.
func TestSwitchThatCannotBeDialled(t *testing.T) {
	t.Parallel()
	w := alone(t)
	swallows, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer swallows.Close()
	ann, from := w.person(t, 0, "Ann", says(1))
	bob, to := w.person(t, 1, "Bob", says(2))
	w.registered(t, bob, true) // its switch has nothing new to say now, which would take this back
	w.says(t, 1, w.designated(t, ann, bob.number.Dial), swallows.LocalAddr().String())
	out, in := connect(t, from, bob.number.Dial, to)
	if got := w.log.since(0); !strings.Contains(got, "the cloud tells this switch to dial one that does not reach it") {
		t.Error("the call came through, but nobody was told to dial")
	}
	hears(t, in, 1)
	hears(t, out, 2)
	hangUp(t, out, in)
	if r := w.record(t, ann.user, 2); r.AnsweredAt == nil {
		t.Errorf("the record: %+v", r)
	}
}
