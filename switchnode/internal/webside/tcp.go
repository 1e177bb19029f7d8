package webside

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"

	"strowger/pkg/hostaddr"
	"strowger/pkg/limit"
)

// Limits of connections for media, of apps whose UDP is blocked: nobody knows whose one is before its first check (RFC 6544, 10.1).
const (
	maxTCP          = 1024
	maxTCPPerSource = 32
	firstCheck      = 5 * time.Second
	tcpBuffer       = 64 << 10 // bytes that wait for a slow app, some seconds of audio; what is too much is dropped
)

// listenTCP opens the TCP port for media beside the UDP port: the same number if that was chosen, else any.
func (r *RTC) listenTCP(addr netip.AddrPort) error {
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(addr))
	if err != nil {
		return err
	}
	mux := ice.NewTCPMuxDefault(ice.TCPMuxParams{
		Listener: limit.Connections(l, maxTCP, maxTCPPerSource), Logger: r.quiet.NewLogger("ice"), ReadBufferSize: 32, WriteBufferSize: tcpBuffer,
		FirstStunBindTimeout: firstCheck, AliveDurationForConnFromStun: firstCheck,
	})
	r.tcp = oneTCPPort{mux, &net.TCPAddr{IP: localIP(addr.Addr(), r.host).AsSlice(), Port: l.Addr().(*net.TCPAddr).Port}}
	return nil
}

// localIP is the address of this machine that connections to the told one come in at.
func localIP(bound, host netip.Addr) netip.Addr {
	if !bound.IsUnspecified() {
		return bound
	}
	own, err := net.InterfaceAddrs()
	for _, a := range own {
		if p, parsed := netip.ParsePrefix(a.String()); parsed == nil && p.Addr().Unmap() == host {
			return host
		}
	}
	if a, outward := hostaddr.Outward(); err == nil && outward == nil {
		return a
	}
	return host
}

// oneTCPPort is a mux with one host candidate.
type oneTCPPort struct {
	*ice.TCPMuxDefault
	at *net.TCPAddr
}

// LocalAddr is the one address of the candidate.
func (o oneTCPPort) LocalAddr() net.Addr { return o.at }

// spare closes the connections that an app made in case its UDP is blocked, when it is not: they hold 38 to 78 kB of a leg, and places of
// the source's. Where the app goes next, an ICE restart makes others.
func (r *RTC) spare(conn *webrtc.PeerConnection) {
	ways := conn.SCTP().Transport().ICETransport() // the one transport of all
	pair, err := ways.GetSelectedCandidatePair()
	if err != nil || pair == nil || pair.Local.Protocol != webrtc.ICEProtocolUDP {
		return
	}
	if own, err := ways.GetLocalParameters(); err == nil {
		r.tcp.RemoveConnByUfrag(own.UsernameFragment)
	}
}

// told has the candidates in a description name the addresses that apps are told: those for TCP too, and all of them that of a NAT as
// well. What comes there comes to the same port of ours, so that ICE needs not know of it.
func (r *RTC) told(description string) string {
	var b strings.Builder
	for l := range strings.Lines(description) {
		f := strings.Fields(l)
		if !strings.HasPrefix(l, "a=candidate:") || len(f) < 8 {
			b.WriteString(l)
			continue
		}
		if strings.EqualFold(f[2], "tcp") {
			f[4] = r.host.String()
		}
		b.WriteString(strings.Join(f, " ") + "\r\n")
		if priority, err := strconv.ParseUint(f[3], 10, 32); err == nil && r.public.IsValid() {
			f[0] += "1"                                  // RFC 8445, 5.1.1.3: addresses of different bases have different foundations
			f[3] = strconv.FormatUint(priority-1<<8, 10) // RFC 8445, 5.1.2.1: the next local preference
			f[4] = r.public.String()
			b.WriteString(strings.Join(f, " ") + "\r\n")
		}
	}
	return b.String()
}
