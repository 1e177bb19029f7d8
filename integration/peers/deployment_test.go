//go:build peers

package peers

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"strowger/cloud"
	"strowger/pkg/enrol"
	"strowger/pkg/rest"
	"strowger/switchnode"
)

// deployment is a cloud and the switches of two offices, each program on a machine of its own, set up as an operator
// does it: the cloud is started, the registry filled over its API, and each switch enrolled with its code.
type deployment struct {
	owner   *testing.T // its programs end when this test does, whichever part of it started them
	net     *network
	machine host // of the cloud
	dir     string
	started cloud.Started
	cloud   *process
	api     rest.Client
	x, y    *office
}

// office is one site with its switch.
type office struct {
	owner    *testing.T // as the deployment's
	net      *network
	machine  host
	dir      string
	site     rest.Site
	node     rest.Switch
	sw       *process
	started  switchnode.Started
	accounts chan account
}

// account is a user with a number and a phone that may sign in.
type account struct {
	office    *office
	user      rest.User
	device    string
	username  string
	password  string
	extension string // dialled within the office
	dial      string // dialled from everywhere
}

// How long an unanswered call rings, in seconds.
const (
	shortRing = 15 // for who waits for its end
	longRing  = 60 // for who waits for something else
)

// How many phones the tests of one deployment need in one office.
const (
	fewPhones  = 12
	manyPhones = 60
)

// deploy brings up a deployment on a network of its own, where an unanswered call rings for some seconds.
func deploy(t *testing.T, network, ringSeconds int) *deployment {
	t.Helper()
	return deployLarge(t, network, ringSeconds, fewPhones)
}

// deployLarge is deploy with so many phones in each office.
func deployLarge(t *testing.T, network, ringSeconds, phones int) *deployment {
	t.Helper()
	d := found(t, network, "Peers", ringSeconds)
	d.x, d.y = d.office(t, "20", phones), d.office(t, "30", phones)
	return d
}

// found brings up the cloud of a deployment, with an organization that has no offices yet.
func found(t *testing.T, network int, name string, ringSeconds int) *deployment {
	t.Helper()
	need(t)
	d := &deployment{owner: t, net: newNetwork(t, network), dir: t.TempDir()}
	d.machine = d.net.host(t)
	d.startCloud(t)
	_, pin, err := enrol.ParseAPIKey(d.started.APIKey)
	if err != nil {
		t.Fatalf("API key of the first start: %v", err)
	}
	client := enrol.Trust{Pin: pin}.Client()
	t.Cleanup(client.CloseIdleConnections)
	d.api = rest.Client{BaseURL: d.started.API, Key: d.started.APIKey, HTTP: client}
	organization := rest.NewOrganization(name)
	organization.RingSeconds = ringSeconds
	create(t, d.api.Organizations(), organization)
	return d
}

// startCloud starts the cloud, for the first time or again.
func (d *deployment) startCloud(t *testing.T) {
	t.Helper()
	d.cloud = start(d.owner, d.machine, program("cloud"), "--data", filepath.Join(d.dir, "data"),
		"--master-key-file", filepath.Join(d.dir, "master.key"), "--host", d.machine.addr.String(), "--metrics", "", "--json")
	var s cloud.Started
	if err := json.Unmarshal([]byte(d.cloud.firstLine(t)), &s); err != nil {
		t.Fatalf("first line of the cloud: %v", err)
	}
	d.started = s
}

// office adds a site with a switch and its phones, and enrols the switch.
func (d *deployment) office(t *testing.T, code string, phones int) *office {
	t.Helper()
	return d.officeOn(t, d.net, code, phones)
}

// officeOn is office on a network, with flags for the switch.
func (d *deployment) officeOn(t *testing.T, net *network, code string, phones int, args ...string) *office {
	t.Helper()
	return d.officeAt(t, net, net.host(t), code, phones, args...)
}

// officeAt is officeOn with the switch on a machine that is there already.
func (d *deployment) officeAt(t *testing.T, net *network, machine host, code string, phones int, args ...string) *office {
	t.Helper()
	o := &office{owner: d.owner, net: net, machine: machine, dir: t.TempDir(), accounts: make(chan account, phones)}
	o.site = create(t, d.api.Sites(), rest.Site{Name: "Office " + code, Code: code})
	o.node = create(t, d.api.Switches(), rest.Switch{Name: "edge-" + code, Site: o.site.ID})
	for i := range phones {
		o.accounts <- d.addPhone(t, o, fmt.Sprint(1001+i))
	}
	enrolment, err := d.api.EnrolmentCode(t.Context(), o.node.ID)
	if err != nil {
		t.Fatal(err)
	}
	o.startSwitch(t, append(args, "--enroll", enrolment.Code, "--cloud", d.started.API)...)
	d.waitLive(t, o)
	return o
}

// waitLive waits until the cloud knows that the switch of an office serves.
func (d *deployment) waitLive(t *testing.T, o *office) {
	t.Helper()
	eventually(t, o.node.Name+" is live", func() error {
		sw, err := d.api.Switches().Get(t.Context(), o.node.ID)
		if err == nil && !sw.Live {
			err = errors.New("no lease")
		}
		return err
	})
}

// startSwitch starts the switch of the office, for the first time or again.
func (o *office) startSwitch(t *testing.T, args ...string) {
	t.Helper()
	// Neither baresip 1.0 nor SIPp 3.6 gets past a challenge that offers SHA-256 (RFC 8760, 2.4 asks them to ignore it).
	args = append(args, "--digest", "MD5", "--data", o.dir, "--host", o.machine.addr.String(), "--metrics", "", "--json")
	o.sw = start(o.owner, o.machine, program("switchnode"), args...)
	if err := json.Unmarshal([]byte(o.sw.firstLine(t)), &o.started); err != nil {
		t.Fatalf("first line of the switch: %v", err)
	}
}

// create adds an object to the registry.
func create[T any](t *testing.T, c rest.Collection[T], v T) T {
	t.Helper()
	made, err := c.Create(t.Context(), v)
	if err != nil {
		t.Fatalf("create %T: %v", v, err)
	}
	return made
}

// addPhone adds a user with an extension and a desk phone.
func (d *deployment) addPhone(t *testing.T, o *office, extension string) account {
	t.Helper()
	return d.addPerson(t, o, "User "+o.site.Code+extension, extension)
}

// addPerson is addPhone of somebody with a name.
func (d *deployment) addPerson(t *testing.T, o *office, name, extension string) account {
	t.Helper()
	user := create(t, d.api.Users(), rest.NewUser(name))
	phone := rest.NewDevice(user.ID, "Phone "+o.site.Code+extension)
	phone.Switch = o.node.ID
	device := create(t, d.api.Devices(), phone)
	number := create(t, d.api.Numbers(), rest.Number{Site: o.site.ID, Digits: extension, User: user.ID})
	return account{
		office: o, user: user, device: device.ID, username: device.Username, password: device.Password,
		extension: extension, dial: number.Dial,
	}
}

// settle waits until the switch of an office knows all that has been added so far: who was added last may sign in, at a SIPp.
func (d *deployment) settle(t *testing.T, o *office, extension string) line {
	t.Helper()
	l := o.line(t, d.addPhone(t, o, extension))
	eventually(t, "the phone of "+l.dial+" may sign in", func() error {
		return l.run(t, registerScenario, scenario{}).wait(t)
	})
	return l
}

// account hands out an account that no other test uses.
func (o *office) account(t *testing.T) account {
	t.Helper()
	select {
	case a := <-o.accounts:
		return a
	default:
		t.Fatalf("more than %d accounts of %s are used", cap(o.accounts), o.site.Name)
		return account{}
	}
}

// pair starts a phone in each of two offices.
func pair(t *testing.T, from, to *office, c codec) (a, b *phone) {
	t.Helper()
	return from.phone(t, from.account(t), handset{codec: c, tone: low}), to.phone(t, to.account(t), handset{codec: c, tone: high})
}

// outcome is how a call ended, as its record must say it.
type outcome struct {
	code string
	sip  int
	by   string
}

var hungUpByCaller = outcome{"normal", 200, "caller"}

// record waits until the latest call of an account has ended in the way wanted and has the figures of the legs of
// devices: the cloud hears of a call from each of its switches.
func (d *deployment) record(t *testing.T, caller account, want outcome, devices ...string) (c rest.Call) {
	t.Helper()
	eventually(t, "record of the call from "+caller.dial, func() error {
		page, err := d.api.Calls().Page(t.Context(), rest.Filter{"user": caller.user.ID}, 1, "")
		switch {
		case err != nil:
			return err
		case len(page.Items) == 0:
			return errors.New("no call")
		}
		if c, err = d.api.Calls().Get(t.Context(), page.Items[0].ID); err != nil {
			return err
		}
		if c.State != "ended" || c.Cause == nil || c.EndedAt == nil {
			return fmt.Errorf("call %s is %q with cause %+v", c.ID, c.State, c.Cause)
		}
		if got := (outcome{c.Cause.Code, c.Cause.SIP, c.EndedBy}); got != want {
			return fmt.Errorf("call %s ended as %+v, want %+v:\n%s", c.ID, got, want, ladder(c))
		}
		for _, device := range devices {
			if legOf(c, device).Quality == nil {
				return fmt.Errorf("call %s: no figures of device %s:\n%s", c.ID, device, ladder(c))
			}
		}
		return nil
	})
	if c.Cause.Q850 < 1 || c.Cause.Q850 > 127 || c.Cause.Words == "" {
		t.Errorf("call %s: cause %+v lacks a Q.850 value or words", c.ID, *c.Cause)
	}
	if c.From.User != caller.user.ID || c.From.Number != caller.dial {
		t.Errorf("call %s: from %+v, want user %s and number %s", c.ID, c.From, caller.user.ID, caller.dial)
	}
	return c
}

// conversation checks the record of a call that was answered: both parties, codec, and what each leg measured. The
// phones' own legs are the ones that name a device.
func (d *deployment) conversation(t *testing.T, from, to account, codec string, want outcome) rest.Call {
	t.Helper()
	c := d.record(t, from, want, from.device, to.device)
	if c.To.User != to.user.ID || c.To.Number != to.dial {
		t.Errorf("call %s: to %+v, want user %s and number %s", c.ID, c.To, to.user.ID, to.dial)
	}
	if c.AnsweredAt == nil || c.RingingAt == nil || c.Codec != codec {
		t.Errorf("call %s: ringing at %v, answered at %v, codec %q; want times and %q", c.ID, c.RingingAt, c.AnsweredAt, c.Codec, codec)
	}
	for _, device := range []string{from.device, to.device} {
		l := legOf(c, device)
		if q := *l.Quality; q.PacketsReceived == 0 || q.PacketsSent == 0 {
			t.Errorf("call %s: leg %s of device %s: %+v, want packets both ways", c.ID, l.Leg, device, q)
		}
		if l.Codec != codec || l.Local == "" || l.Remote == "" {
			t.Errorf("call %s: leg %s: codec %q from %q to %q, want %q and addresses", c.ID, l.Leg, l.Codec, l.Local, l.Remote, codec)
		}
	}
	return c
}

// legOf is the leg of a device, a zero one if there is none.
func legOf(c rest.Call, device string) rest.CallLeg {
	for _, l := range c.Legs {
		if l.Device == device {
			return l
		}
	}
	return rest.CallLeg{}
}

// ladder is the events of a call for the log of a failed test.
func ladder(c rest.Call) string {
	var b strings.Builder
	for _, e := range c.Ladder {
		line, err := json.Marshal(e)
		fmt.Fprintln(&b, string(line), err)
	}
	return b.String()
}
