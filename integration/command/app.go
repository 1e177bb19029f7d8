package command

import (
	"cmp"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"rsc.io/qr"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// addedApp is what adding an app prints for programs.
type addedApp struct {
	rest.Device
	Enrolment rest.EnrolmentCode `json:"enrolment"`
}

// sayLink says how an app enrols, or a browser; with a QR code on a terminal, or if that is wanted.
func (e *env) sayLink(d rest.Device, code rest.EnrolmentCode, wantQR bool) error {
	link, where, note := code.Link, "on the phone", ""
	if d.Kind == designation.Web {
		b, err := e.webBridge()
		if err != nil {
			return err
		}
		link, where, note = pageOf(b, code.Code), "in the browser", noteOf(b)
	}
	e.say("Open this link %s before %s:\n\n    %s\n\n", where, clock(&code.ExpiresAt), link)
	if wantQR || e.onTerminal() {
		c, err := qr.Encode(link, qr.L)
		if err != nil {
			return errs.New(errs.Internal, "draw the link of %d characters: %w", len(link), err)
		}
		e.say("Or scan it:\n\n%s\n", drawing(c.Size, c.Black))
	}
	if d.Kind == designation.Web {
		e.say("It works once; a new one comes from \"strowger device code\".\n%s", note)
		return nil
	}
	e.say("An app that asks for a code takes this one, with %s as the cloud:\n\n    %s\n\nIt works once; a new one comes from \"strowger device code\".\n",
		e.client.BaseURL, code.Code)
	return nil
}

// webBridge is a bridge whose softphone browsers can open, one that all of them can if there is one.
func (e *env) webBridge() (found rest.Bridge, err error) {
	for b, err := range e.client.Bridges().All(e.ctx, nil) {
		if err != nil {
			return b, err
		}
		if b.URL != "" && b.State != "revoked" && (found.URL == "" || noteOf(found) != "" && noteOf(b) == "") {
			found = b
		}
	}
	if found.URL == "" {
		return found, errs.New(errs.NotFound, "no bridge serves browsers: start one with --listen, then make a new link with \"strowger device code\"")
	}
	return found, nil
}

// pageOf is the address of a bridge's softphone with a code, which browsers do not send to the server.
func pageOf(b rest.Bridge, code string) string { return b.URL + "/#" + code }

// noteOf says which browsers do not open the page of a bridge, and what to do; empty if all do.
func noteOf(b rest.Bridge) string {
	u, err := url.Parse(b.URL)
	switch {
	case err != nil:
		return ""
	case b.WebKeyHash != "":
		return "note: bridge " + b.Name + " has no certificate that browsers trust, and they refuse its page: start it with --tls-cert, --tls-key and --url, then make a new link\n"
	}
	if a, err := netip.ParseAddr(u.Hostname()); u.Hostname() == "localhost" || err == nil && a.IsLoopback() {
		return "note: only browsers on the machine of bridge " + b.Name + " reach that; for others start it with --tls-cert and --tls-key\n"
	}
	return ""
}

// onTerminal says whether people look at the output.
func (e *env) onTerminal() bool {
	out, ok := e.out.(plain)
	if !ok {
		return false
	}
	f, ok := out.Writer.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// quiet is the empty modules around a QR code (ISO/IEC 18004, 5.3.8).
const quiet = 4

// drawing is a QR code of so many modules a side, two modules high a line. Light modules are drawn, for terminals are dark;
// cameras take the negative as well.
func drawing(size int, black func(x, y int) bool) string {
	var b strings.Builder
	for y := -quiet; y < size+quiet; y += 2 {
		for x := -quiet; x < size+quiet; x++ {
			upper, lower := !black(x, y), y+1 < size+quiet && !black(x, y+1)
			switch {
			case upper && lower:
				b.WriteRune('█')
			case upper:
				b.WriteRune('▀')
			case lower:
				b.WriteRune('▄')
			default:
				b.WriteByte(' ')
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

type deviceCode struct {
	Device string `arg:"" help:"Name or id of an app."`
	QR     bool   `help:"Draw the QR code even if the output is no terminal."`
}

// Run makes an enrolment code of an app.
func (c *deviceCode) Run(e *env) error {
	d, err := devices().find(e, c.Device)
	if err != nil {
		return err
	}
	code, err := e.client.DeviceCode(e.ctx, d.ID)
	if err != nil {
		return err
	}
	return e.showOr(code, func() error { return e.sayLink(d, code, c.QR) })
}

// addApp adds an app of a user, and makes its enrolment code.
func (c *deviceAdd) addApp(e *env, user rest.User) error {
	d, err := e.client.Devices().Create(e.ctx, rest.Device{User: user.ID, Name: cmp.Or(c.Name, c.Kind), Kind: c.kind(), Enabled: true})
	if err != nil {
		return err
	}
	code, err := e.client.DeviceCode(e.ctx, d.ID)
	if err != nil {
		return fmt.Errorf("the device was added, but it has no code: %w", err)
	}
	return e.showOr(addedApp{d, code}, func() error {
		e.say("Added %s device %s of %s (%s).\n\n", d.Kind, d.Name, user.Name, d.ID)
		return e.sayLink(d, code, c.QR)
	})
}
