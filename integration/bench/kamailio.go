package main

import (
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed kamailio.cfg
var kamailioConfig string

// kamailio starts a Kamailio that knows everyone who has the password.
func (l *launcher) kamailio(p plan) (s server, err error) {
	if _, err := exec.LookPath("kamailio"); err != nil {
		return s, fmt.Errorf("%w: './test tools' installs it", err)
	}
	if s.sip, err = freePort(); err != nil {
		return s, err
	}
	config := filepath.Join(l.dir, "kamailio.cfg")
	text := strings.NewReplacer("ADDRESS", s.sip.String(), "PASSWORD", password).Replace(kamailioConfig)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return s, err
	}
	cmd, _, err := l.start("kamailio", "-DD", "-E", "-m", "256", "-M", "16", "-f", config, "-Y", l.dir)
	if err != nil {
		return s, err
	}
	s.name, s.main = "kamailio", cmd.Process.Pid
	for i := range talkers + p.phones {
		s.phones = append(s.phones, phoneOf(i))
	}
	s.talkers, s.phones = s.phones[:talkers], s.phones[talkers:]
	return s, nil
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
