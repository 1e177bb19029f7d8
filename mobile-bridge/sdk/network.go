package sdk

import (
	"net"

	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"
	"github.com/pion/webrtc/v4"
)

// listenUDP opens a socket, as net.ListenUDP does.
type listenUDP func(network string, at *net.UDPAddr) (*net.UDPConn, error)

// SetUDP has the phone open its sockets for UDP by another function than net.ListenUDP: one that fails stands for a network that
// blocks UDP. It is called before anything else.
func (p *Phone) SetUDP(listen func(network string, at *net.UDPAddr) (*net.UDPConn, error)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.udp = listen
}

func (p *Phone) sockets() listenUDP {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.udp
}

// openUDP opens a socket of the phone's.
func (p *Phone) openUDP() (*net.UDPConn, error) {
	if listen := p.sockets(); listen != nil {
		return listen("udp", nil)
	}
	return net.ListenUDP("udp", nil)
}

// network has the media take UDP, and TCP where that is blocked.
func (p *Phone) network(s *webrtc.SettingEngine) error {
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6})
	system, err := stdnet.NewNet()
	if err != nil {
		return err
	}
	if listen := p.sockets(); listen != nil {
		s.SetNet(otherUDP{present{system}, listen})
	} else {
		s.SetNet(present{system})
	}
	return nil
}

// present is the network of the system with the addresses that it has now, where stdnet.Net has those that it began with: a phone
// gets others in the call.
type present struct{ *stdnet.Net }

// Interfaces are those of the system now.
func (present) Interfaces() ([]*transport.Interface, error) {
	now, err := stdnet.NewNet()
	if err != nil {
		return nil, err
	}
	return now.Interfaces()
}

// otherUDP is the network of the system but for its sockets of UDP.
type otherUDP struct {
	present
	listen listenUDP
}

// ListenUDP opens a socket for media.
func (n otherUDP) ListenUDP(network string, at *net.UDPAddr) (transport.UDPConn, error) {
	c, err := n.listen(network, at)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// ListenPacket opens a socket towards a relay.
func (n otherUDP) ListenPacket(network, at string) (net.PacketConn, error) {
	local, err := net.ResolveUDPAddr(network, at)
	if err != nil {
		return nil, err
	}
	c, err := n.listen(network, local)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// relays are those that this leg of the call may use.
func (c *Call) relays() []webrtc.ICEServer {
	r := c.relay
	if r == nil {
		return nil
	}
	return []webrtc.ICEServer{{URLs: r.URLs, Username: r.Username, Credential: r.Credential}}
}
