package command

import (
	"os"
	"os/exec"
	"runtime"

	"strowger/pkg/designation"
	"strowger/pkg/rest"
)

// inviteBrowser tells how to join in with a browser, and shows it where a person sits at this machine.
func (d *demo) inviteBrowser() error {
	page, dial, err := d.browser()
	if err != nil {
		return err
	}
	d.say("\nOr call from a browser on this machine: open this page, allow the microphone, and dial one of those; its number is %s.\n\n  %s\n", dial, page)
	if d.onTerminal() {
		d.open(page)
	}
	return nil
}

// browser makes a user of the first office whose only phone is a browser, and returns the page that makes one it.
func (d *demo) browser() (page, dial string, err error) {
	c := d.stack.Client
	u, err := c.Users().Create(d.ctx, rest.NewUser("Guest with a browser"))
	if err != nil {
		return "", "", err
	}
	n, err := c.Numbers().Create(d.ctx, rest.Number{Site: d.stack.Offices[0].Site.ID, Digits: "2003", User: u.ID})
	if err != nil {
		return "", "", err
	}
	device, err := c.Devices().Create(d.ctx, rest.Device{User: u.ID, Kind: designation.Web, Name: "Browser", Enabled: true})
	if err != nil {
		return "", "", err
	}
	code, err := c.DeviceCode(d.ctx, device.ID)
	if err != nil {
		return "", "", err
	}
	e := *d.env
	e.client = c
	b, err := e.webBridge()
	return pageOf(b, code.Code), n.Dial, err
}

// open shows a page in the person's browser, if there is a display. Where that fails the page is on the terminal.
func (d *demo) open(page string) {
	program := "xdg-open"
	switch {
	case runtime.GOOS == "darwin":
		program = "open"
	case os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "":
		return
	}
	if cmd := exec.CommandContext(d.ctx, program, page); cmd.Start() == nil {
		go func() { _ = cmd.Wait() }() // it ends with the demo at the latest
	}
}
