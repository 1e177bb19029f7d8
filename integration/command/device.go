package command

import (
	"cmp"
	"fmt"
	"net"
	"strings"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/rest"
)

func devices() noun[rest.Device] {
	return noun[rest.Device]{
		word: "device", kind: ident.Device, in: rest.Client.Devices,
		by:    func(ref string) []rest.Filter { return []rest.Filter{{"username": ref}, {"name": ref}} },
		meta:  func(v rest.Device) rest.Meta { return v.Meta },
		label: deviceLabel,
		uses:  []ident.Kind{ident.User, ident.Switch},
		columns: func(n names) []column[rest.Device] {
			return []column[rest.Device]{
				{head: "name", cell: func(v rest.Device) string { return v.Name }},
				{head: "kind", cell: func(v rest.Device) string { return string(v.Kind) }},
				{head: "user", cell: func(v rest.Device) string { return n.of(v.User) }},
				{head: "switch", cell: func(v rest.Device) string { return n.of(v.Switch) }},
				{head: "sip user", cell: func(v rest.Device) string { return v.Username }},
				{head: "reachable", cell: reachability},
				{head: "enrolled", detail: true, cell: func(v rest.Device) string { return clock(v.EnrolledAt) }},
				{head: "platform", detail: true, cell: func(v rest.Device) string { return v.Platform }},
				{head: "pushes by", detail: true, cell: pushedBy},
				{head: "enabled", cell: func(v rest.Device) string { return yesNo(v.Enabled) }},
				{head: "rings", detail: true, cell: ringsAfter},
				{head: "srtp", detail: true, cell: func(v rest.Device) string { return v.SRTP }},
				{head: "certificate", detail: true, cell: func(v rest.Device) string { return v.Certificate }},
				{head: "signs in by", detail: true, cell: signsInBy},
				{head: "last audio", detail: true, cell: n.lastAudio},
				{head: "id", cell: func(v rest.Device) string { return v.ID }},
			}
		},
	}
}

// reachability is how a device is reached, or why it is not.
func reachability(v rest.Device) string {
	switch {
	case !v.Enabled:
		return "no: disabled"
	case v.Registered:
		return "registered"
	case v.Awake:
		return "awake"
	case v.Reachable:
		return "asleep, push wakes it"
	case v.Unreachable != "":
		return "no: " + v.Unreachable
	}
	return "no: not registered"
}

// signsInBy is what a desk phone has to show.
func signsInBy(v rest.Device) string {
	switch v.SignIn {
	case "either":
		return "certificate or password"
	case "both":
		return "certificate and password"
	}
	return v.SignIn
}

// lastCalls is how many calls of a user are looked at for one of a device.
const lastCalls = 20

// lastAudio is how the audio of a desk phone's last call was encrypted, "" if that is not known.
func (n names) lastAudio(v rest.Device) string {
	if v.Kind != designation.DeskPhone {
		return ""
	}
	calls, err := n.env.client.Calls().Page(n.env.ctx, rest.Filter{"user": v.User}, lastCalls, "")
	if err != nil {
		return ""
	}
	for _, c := range calls.Items {
		if c, err = n.env.client.Calls().Get(n.env.ctx, c.ID); err != nil {
			return ""
		}
		for _, l := range c.Legs {
			if q := l.Quality; l.Device == v.ID && q != nil && q.Encryption != "" {
				return fmt.Sprintf("encryption: %s, %s", q.Encryption, clock(&c.StartedAt))
			}
		}
	}
	return ""
}

// pushedBy is who delivers the pushes to an app.
func pushedBy(v rest.Device) string {
	var all []string
	for _, p := range v.Push {
		all = append(all, fmt.Sprintf("%s %s since %s", p.Provider, p.App, clock(&p.UpdatedAt)))
	}
	return strings.Join(all, ", ")
}

func deviceLabel(v rest.Device) string { return strings.TrimSpace(v.Name + " " + v.Username) }

// sipAccount is a desk phone with all that has to be typed into it.
type sipAccount struct {
	rest.Device
	Server []string `json:"server,omitempty"` // "host:port;transport=udp"; none while the switch has not reported in
}

// newAccount is a phone that got its password just now, with where its switch takes phones.
func newAccount(d rest.Device, sw rest.Switch) *sipAccount {
	a := &sipAccount{Device: d, Server: sw.SIP}
	if len(a.Server) > 0 {
		return a
	}
	// Without a word of the switch about SIP: its addresses for links, at SIP's default port (RFC 3261, 19.1.2).
	for _, at := range sw.Addresses {
		if host, _, err := net.SplitHostPort(at); err == nil {
			a.Server = append(a.Server, net.JoinHostPort(host, "5060"))
		}
	}
	return a
}

func (a *sipAccount) tell(e *env) {
	server := strings.Join(a.Server, "  or  ")
	if server == "" {
		server = "the address of switch " + e.names().of(a.Switch) + ", which is not running yet"
	}
	e.say("SIP account of the phone; the password is not shown again:\n\n    server    %s\n    user      %s\n    password  %s\n",
		server, a.Username, a.Password)
}

// addPhone adds a desk phone of a user on the switch that ref means, or else the only one that it can be.
func addPhone(e *env, user rest.User, name, switchRef, site, username string) (*sipAccount, error) {
	sw, err := phoneSwitch(e, user, switchRef, site)
	if err != nil {
		return nil, err
	}
	d := rest.NewDevice(user.ID, name)
	d.Switch, d.Username = sw.ID, username
	if username == "" {
		if d.Username, err = freeUsername(e, user); err != nil {
			return nil, err
		}
	}
	if d, err = e.client.Devices().Create(e.ctx, d); err != nil {
		return nil, err
	}
	return newAccount(d, sw), nil
}

// phoneSwitch is the switch that a user's phone goes to.
func phoneSwitch(e *env, user rest.User, ref, site string) (rest.Switch, error) {
	if ref != "" {
		return switches().find(e, ref)
	}
	if site == "" {
		p, err := e.client.Numbers().Page(e.ctx, rest.Filter{"user": user.ID}, rest.MaxPage, "")
		if err != nil {
			return rest.Switch{}, err
		}
		for _, n := range p.Items {
			if n.Site != "" {
				site = n.Site
				break
			}
		}
	}
	filter := rest.Filter{}
	if site != "" {
		filter["site"] = site
	}
	p, err := e.client.Switches().Page(e.ctx, filter, rest.MaxPage, "")
	if err != nil {
		return rest.Switch{}, err
	}
	var good []rest.Switch
	for _, sw := range p.Items {
		if sw.State != "revoked" {
			good = append(good, sw)
		}
	}
	switch len(good) {
	case 1:
		return good[0], nil
	case 0:
		return rest.Switch{}, errs.New(errs.NotFound, "a desk phone needs a switch and there is none: strowger switch add NAME --site SITE")
	}
	return rest.Switch{}, errs.New(errs.Conflict, "there are %d switches that the phone could use: choose one with --switch", len(good))
}

// maxPhones is how many phones of one number get a SIP user after it.
const maxPhones = 9

// freeUsername is a SIP user that people recognize, the number of the user, if it is still free; else the cloud makes one.
func freeUsername(e *env, user rest.User) (string, error) {
	p, err := e.client.Numbers().Page(e.ctx, rest.Filter{"user": user.ID}, 1, "")
	if err != nil || len(p.Items) == 0 {
		return "", err
	}
	base := dialled(e, p.Items[0])
	if strings.Trim(base, "0123456789") != "" {
		return "", nil // * # + are no letters of a SIP user that every phone can type
	}
	for i := 1; i <= maxPhones; i++ {
		name := base
		if i > 1 {
			name = fmt.Sprintf("%s-%d", base, i)
		}
		p, err := e.client.Devices().Page(e.ctx, rest.Filter{"username": name}, 1, "")
		if err != nil || len(p.Items) == 0 {
			return name, err
		}
	}
	return "", nil
}

type deviceCmds struct {
	Add      deviceAdd      `cmd:"" help:"Add a device; of a desk phone, print the SIP account, of an app, the link that enrols it."`
	Code     deviceCode     `cmd:"" help:"Print a new link and code for an app; the ones before are void."`
	Import   deviceImport   `cmd:"" help:"Add people with a desk phone each from a CSV file."`
	Password devicePassword `cmd:"" help:"Give a desk phone a new password and print it once."`
	List     deviceList     `cmd:"" help:"List devices."`
	Show     deviceShow     `cmd:"" help:"Show one device."`
	Set      deviceSet      `cmd:"" help:"Change a device."`
	Remove   deviceRemove   `cmd:"" help:"Remove devices."`
}

type deviceAdd struct {
	User     string `required:"" help:"Whose device it is: name, number or id." placeholder:"USER"`
	Name     string `help:"Its name. Default: desk phone, or the kind of an app." placeholder:"NAME"`
	Switch   string `help:"Switch of a desk phone, name or id. Default: the only one that it can be." placeholder:"SWITCH"`
	Username string `help:"SIP user of a desk phone. Default: the number of the user." placeholder:"NAME"`
	Kind     string `help:"What it is: deskphone, mobile or web. Default: ${default}." default:"deskphone" enum:"deskphone,mobile,web" placeholder:"KIND"`
	QR       bool   `help:"Draw the QR code of an app even if the output is no terminal."`
}

func (c *deviceAdd) kind() designation.Kind { return designation.Kind(c.Kind) }

// Run adds a device.
func (c *deviceAdd) Run(e *env) error {
	user, err := users().find(e, c.User)
	if err != nil {
		return err
	}
	if c.kind() != designation.DeskPhone {
		return c.addApp(e, user)
	}
	account, err := addPhone(e, user, cmp.Or(c.Name, "desk phone"), c.Switch, "", c.Username)
	if err != nil {
		return err
	}
	return e.show(account, func() {
		e.say("Added %s of %s (%s).\n", account.Name, user.Name, account.ID)
		account.tell(e)
	})
}

type devicePassword struct {
	Device string `arg:"" help:"SIP user, name or id."`
}

// Run sets a new password.
func (c *devicePassword) Run(e *env) error {
	d, err := devices().find(e, c.Device)
	if err != nil {
		return err
	}
	if d, err = e.client.SetPassword(e.ctx, d.ID, ""); err != nil {
		return err
	}
	sw, err := e.client.Switches().Get(e.ctx, d.Switch)
	if err != nil {
		return err
	}
	account := newAccount(d, sw)
	return e.show(account, func() { account.tell(e) })
}

type deviceList struct {
	User   string `help:"Only those of this user: name, number or id." placeholder:"USER"`
	Switch string `help:"Only those of this switch: name or id." placeholder:"SWITCH"`
}

// Run lists devices.
func (c *deviceList) Run(e *env) error {
	filter := rest.Filter{}
	if err := e.filterBy(filter, "user", c.User, idOf(users())); err != nil {
		return err
	}
	if err := e.filterBy(filter, "switch", c.Switch, idOf(switches())); err != nil {
		return err
	}
	return devices().list(e, filter)
}

type deviceShow struct {
	Device string `arg:"" help:"SIP user, name or id."`
}

// Run shows a device.
func (c *deviceShow) Run(e *env) error { return devices().show(e, c.Device) }

type deviceSet struct {
	Device      string  `arg:"" help:"SIP user, name or id."`
	Name        *string `help:"New name." placeholder:"NAME"`
	User        *string `help:"Whose device it is: name, number or id." placeholder:"USER"`
	Switch      *string `help:"Home switch of a desk phone: name or id." placeholder:"SWITCH"`
	Delay       *int    `help:"Seconds before it rings, 0 to 60; -1: never. See strowger user ring." placeholder:"SECONDS"`
	SRTP        *string `help:"Whether a desk phone's audio is encrypted (SRTP): required, preferred (where the phone can) or off. Keys in SDP are taken over TLS only, DTLS-SRTP over anything." placeholder:"WHETHER" name:"srtp"`
	Certificate *string `help:"Name in the client certificate that a desk phone shows over TLS: SIP URI, host name or, of one with neither, common name, as makers put the MAC address there. Its switch must know the maker's CA (--phone-ca). Empty: none, at once." placeholder:"NAME"`
	SignIn      *string `help:"What a phone with --certificate has to show: either (certificate or password), certificate, or both." placeholder:"WHAT" name:"sign-in"`
	Enable      bool    `help:"Let it register and ring again." xor:"enabled"`
	Disable     bool    `help:"Keep it out." xor:"enabled"`
}

// Run changes a device.
func (c *deviceSet) Run(e *env) error {
	change := change{}
	put(change, "name", c.Name)
	put(change, "delay_seconds", c.Delay)
	put(change, "srtp", c.SRTP)
	put(change, "certificate", c.Certificate)
	put(change, "sign_in", c.SignIn)
	change.switched(c.Enable, c.Disable)
	if err := e.putRef(change, "user", c.User, idOf(users())); err != nil {
		return err
	}
	if err := e.putRef(change, "switch", c.Switch, idOf(switches())); err != nil {
		return err
	}
	return devices().set(e, c.Device, change)
}

type deviceRemove struct {
	Device []string `arg:"" help:"SIP users, names or ids."`
}

// Run removes devices.
func (c *deviceRemove) Run(e *env) error { return devices().remove(e, c.Device) }
