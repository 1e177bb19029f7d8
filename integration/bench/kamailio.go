package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

//go:embed kamailio.cfg
var kamailioConfig string

// kamailio starts a Kamailio for each office, at most two, that know everyone who has the password.
func (l *launcher) kamailio(_ context.Context, offices, talkers, others int) (s server, err error) {
	if _, err := exec.LookPath("kamailio"); err != nil {
		return s, fmt.Errorf("%w: './test tools' installs it, --alone goes without", err)
	}
	s = server{name: "kamailio"}
	for i := range offices {
		o := office{code: officeCode(i)}
		for n := range talkers + others {
			o.phones = append(o.phones, phoneOf(i*officeSize+n))
		}
		o.talkers, o.phones = o.phones[:talkers], o.phones[talkers:]
		at, err := freePort()
		if err != nil {
			return s, err
		}
		s.offices, others = append(s.offices, o.reachedAt(at)), 0
	}
	for i, o := range s.offices {
		pid, err := l.proxy(o, s.offices[len(s.offices)-1-i])
		if err != nil {
			return s, err
		}
		s.main = append(s.main, program{name: "kamailio-" + o.code, pid: pid})
	}
	return s, nil
}

// proxy starts the Kamailio of an office; the other one may be itself.
func (l *launcher) proxy(o, other office) (pid int, err error) {
	config := filepath.Join(l.dir, "kamailio-"+l.unique()+".cfg")
	text := strings.NewReplacer(
		"ADDRESS", o.sip.String(), "PASSWORD", password,
		"OTHERCODE", other.code, "OTHERPORT", strconv.Itoa(int(other.sip.Port())), "OTHER", other.sip.String(),
	).Replace(kamailioConfig)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return 0, err
	}
	args := []string{"-DD", "-E", "-m", "256", "-M", "16", "-f", config, "-Y", l.dir}
	if o.sip != other.sip {
		args = append(args, "-A", "TWO")
	}
	cmd, _, err := l.start("kamailio", args...)
	if err != nil {
		return 0, err
	}
	return cmd.Process.Pid, nil
}

// freePort is an address that nobody has; Kamailio cannot ask the system for one.
func freePort() (netip.AddrPort, error) {
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return netip.AddrPort{}, err
	}
	a, err := netip.ParseAddrPort(conn.LocalAddr().String())
	return a, errors.Join(err, conn.Close())
}

// localhost is where everything is.
func localhost() netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, 1}) }
