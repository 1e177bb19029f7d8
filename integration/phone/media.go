package phone

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"strowger/pkg/rtp"
	"strowger/pkg/rtp/g711"
	"strowger/pkg/sdp"
)

const (
	rate     = 8000                    // Hz, of samples and of every RTP clock here
	frame    = 20 * time.Millisecond   // of audio in one packet
	samples  = rate / 50               // in a frame
	longest  = 10 * 60 * rate          // samples that are recorded
	firstRR  = 2500 * time.Millisecond // RFC 3550, 6.2: half of the minimum before the first report
	reportIn = 5 * time.Second         // RFC 3550, 6.2: the minimum between reports
)

// Quality is what a phone knows of its media.
type Quality struct {
	Sent, Received int // packets
	Lost           int64
	Jitter         time.Duration
	RoundTrip      time.Duration // by RTCP, 0 before there is one
}

// media is the audio of one call.
type media struct {
	wg      sync.WaitGroup
	stopped chan struct{}
	end     sync.Once
	digit   func(byte)
	speech  Speech
	strict  bool
	inside  netip.Addr // that it says in place of its own

	guardian *guardian // of the call's goroutine

	mu       sync.Mutex // guards what follows
	at       *sockets
	encrypts bool     // nothing passes without keys
	halves   [2]half  // of RTP and RTCP
	shaken   []string // with whom hands were shaken
	out      sender
	in       listener
	sent     int
	reports  rtp.RoundTrip
	trip     time.Duration
	toReport netip.AddrPort
}

// newMedia begins the audio of a call. digit is told the keys of the other side.
func newMedia(local netip.Addr, cfg Config, digit func(byte)) (*media, error) {
	m := &media{stopped: make(chan struct{}), digit: digit, speech: cfg.Speech, strict: cfg.Strict}
	if cfg.Inside != cfg.Local {
		m.inside, _ = netip.ParseAddr(cfg.Inside)
	}
	if err := m.move(local); err != nil {
		return nil, err
	}
	m.out = sender{ssrc: rand.Uint32(), sequence: uint16(rand.Uint32()), timestamp: rand.Uint32(), say: cfg.Say}
	m.wg.Go(m.speak)
	m.wg.Go(m.report)
	return m, nil
}

// sockets are where the audio comes in and goes out.
type sockets struct {
	rtp, control *net.UDPConn
	voice        *net.UDPConn // that RTP is sent from, nil: none is
}

func (s *sockets) close() {
	s.rtp.Close()
	s.control.Close()
	if s.voice != nil {
		s.voice.Close() // again, if it is the former
	}
}

// move binds sockets at an address, in place of those that there were.
func (m *media) move(local netip.Addr) error {
	next, err := bind(local, m.speech)
	if err != nil {
		return err
	}
	m.mu.Lock()
	was := m.at
	m.at = next
	m.mu.Unlock()
	if was != nil {
		was.close()
	}
	m.wg.Go(func() { m.listen(next.rtp) })
	m.wg.Go(func() { m.reported(next.control) })
	return nil
}

// bind binds an even port and the one after it (RFC 3550, 11).
func bind(local netip.Addr, speech Speech) (*sockets, error) {
	for range 64 {
		a, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, 0)))
		if err != nil {
			return nil, fmt.Errorf("bind a media port: %w", err)
		}
		port := a.LocalAddr().(*net.UDPAddr).AddrPort().Port()
		if port%2 == 0 {
			b, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, port+1)))
			if err == nil {
				s := &sockets{rtp: a, control: b, voice: a}
				if speech != Plain {
					s.voice = nil
				}
				if speech == Astray {
					if s.voice, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)}); err != nil {
						return nil, fmt.Errorf("bind a media port: %w", err)
					}
				}
				return s, nil
			}
		}
		a.Close()
	}
	return nil, fmt.Errorf("bind a media port: no free pair of ports at %s", local)
}

// sockets are those of the moment.
func (m *media) sockets() *sockets {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at
}

func (m *media) local() sdp.Local {
	at := m.sockets().rtp.LocalAddr().(*net.UDPAddr).AddrPort()
	if m.inside.IsValid() {
		at = netip.AddrPortFrom(m.inside, at.Port())
	}
	return sdp.Local{Addr: at}
}

// stop ends sending; what is on its way is still heard.
func (m *media) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.out.sends = false
}

func (m *media) close() {
	m.end.Do(func() {
		close(m.stopped)
		m.part()
		m.sockets().close()
	})
	m.wg.Wait()
}

// receive says what the payload types that we announced mean.
func (m *media) receive(formats []sdp.Format) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.in.formats = formats
}

// send follows their description and says whether it has a codec that we can speak.
func (m *media) send(s sdp.Session) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.toReport = s.RTCP
	return m.out.follow(s, m.in.formats)
}

// hush follows the description of who plays before the answer: keys can be pressed, and nothing is said.
func (m *media) hush(s sdp.Session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.out.follow(s, m.in.formats)
	m.out.sends = false
}

// press queues a digit as a telephone event, if that was negotiated.
func (m *media) press(key byte, length time.Duration) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.out.press(key, length)
}

func (m *media) say(samples []int16) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.out.say = samples
}

func (m *media) codec() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.out.format.Name
}

func (m *media) heard() []int16 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]int16(nil), m.in.audio...)
}

func (m *media) remote() netip.AddrPort {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.out.to
}

func (m *media) quality() Quality {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Quality{
		Sent: m.sent, Received: m.in.packets, Lost: m.in.stats.Lost(), Jitter: m.in.stats.Jitter(), RoundTrip: m.trip,
	}
}

// speak sends a frame every 20 ms.
func (m *media) speak() {
	ticker := time.NewTicker(frame)
	defer ticker.Stop()
	for {
		select {
		case <-m.stopped:
			return
		case <-ticker.C:
		}
		m.mu.Lock()
		packet, to := m.out.next()
		packet = m.seal(packet, false)
		if packet != nil {
			m.sent++
		}
		voice := m.at.voice
		m.mu.Unlock()
		if packet != nil && voice != nil {
			// A closed port at the other end is their affair: UDP reports it now and then.
			_, _ = voice.WriteToUDPAddrPort(packet, to)
		}
	}
}

// listen records what comes.
func (m *media) listen(rtpAt *net.UDPConn) {
	buf := make([]byte, 2048)
	for {
		n, from, err := rtpAt.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		h, payload, perr := rtp.Parse(m.open(buf[:n], false))
		if err != nil || perr != nil {
			continue
		}
		m.mu.Lock()
		var key byte
		var pressed bool
		if !m.strict || from == m.out.to {
			key, pressed = m.in.take(h, payload, time.Now())
		}
		m.mu.Unlock()
		if pressed {
			m.digit(key)
		}
	}
}

// report sends RTCP.
func (m *media) report() {
	timer := time.NewTimer(firstRR)
	defer timer.Stop()
	for {
		select {
		case <-m.stopped:
			return
		case now := <-timer.C:
			timer.Reset(reportIn)
			packet, to := m.compound(now)
			if packet != nil {
				_, _ = m.sockets().control.WriteToUDPAddrPort(packet, to)
			}
		}
	}
}

// compound is our sender report with what we know of their stream.
func (m *media) compound(now time.Time) ([]byte, netip.AddrPort) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.toReport.IsValid() || m.sent == 0 {
		return nil, netip.AddrPort{}
	}
	c := rtp.Control{Sender: m.out.ssrc, Report: &rtp.SenderReport{
		NTP: rtp.NTP(now), Timestamp: m.out.timestamp, Packets: uint32(m.sent), Octets: uint32(m.sent * samples),
	}}
	if b, ok := m.in.stats.Block(now); ok {
		c.Blocks = append(c.Blocks, b)
	}
	b, err := c.Marshal("phone")
	if err != nil {
		return nil, netip.AddrPort{}
	}
	m.reports.Sent(*c.Report, now)
	return m.seal(b, true), m.toReport
}

// reported reads RTCP.
func (m *media) reported(at *net.UDPConn) {
	buf := make([]byte, 2048)
	for {
		n, _, err := at.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		c, perr := rtp.ParseControl(m.open(buf[:n], true))
		if err != nil || perr != nil {
			continue
		}
		now := time.Now()
		m.mu.Lock()
		if c.Report != nil {
			m.in.stats.SenderReport(*c.Report, now)
		}
		for _, b := range c.Blocks {
			if d, ok := m.reports.Measure(b, now); ok {
				m.trip = d
			}
		}
		m.mu.Unlock()
	}
}

// lawOf returns how to code a format, if it is G.711.
func lawOf(f sdp.Format) (g711.Law, bool) {
	switch f.Name {
	case "PCMU":
		return g711.Mu, true
	case "PCMA":
		return g711.A, true
	}
	return 0, false
}
