// Package mailtest is a mail server for tests: it takes what a submission server takes (RFC 6409), over STARTTLS or TLS from the start and from
// who signs in, and notes whoever does not keep to RFC 5321.
package mailtest

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Server is one that runs.
type Server struct {
	Config
	Addr string // host:port
	CA   string // file with the certificate that it shows

	listener net.Listener
	tls      *tls.Config
	served   sync.WaitGroup

	mu     sync.Mutex
	open   map[net.Conn]bool
	says   map[string][]string // replies that are due, by command
	taken  []Mail
	wrongs []string
}

// Config is what a server is like.
type Config struct {
	Plain    bool   // it has no TLS
	Implicit bool   // TLS from the start
	User     string // who may sign in; "": nobody has to
	Password string
	Most     int // bytes of a mail; 0: 30 million
}

// Mail is one that was taken.
type Mail struct {
	From, To string
	User     string // who was signed in
	TLS      bool
	Text     string // as it came, without the dots
}

// Start starts a server, which ends with the test.
func Start(t testing.TB, cfg Config) *Server {
	t.Helper()
	if cfg.Most == 0 {
		cfg.Most = 30_000_000
	}
	s := &Server{Config: cfg, CA: filepath.Join(t.TempDir(), "mail.pem"), open: map[net.Conn]bool{}, says: map[string][]string{}}
	certificate, err := certify(s.CA)
	if err != nil {
		t.Fatal(err)
	}
	s.tls = &tls.Config{Certificates: []tls.Certificate{certificate}}
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	s.Addr = s.listener.Addr().String()
	s.served.Go(s.accept)
	t.Cleanup(func() {
		_ = s.listener.Close()
		s.mu.Lock()
		for c := range s.open {
			_ = c.Close()
		}
		s.mu.Unlock()
		s.served.Wait()
		for _, w := range s.wrongs {
			t.Errorf("against RFC 5321: %s", w)
		}
	})
	return s
}

// certify makes a certificate for this machine's own address and "mail.example", and writes it where it can be trusted.
func certify(file string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	of := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"mail.example"},
	}
	der, err := x509.CreateCertificate(rand.Reader, of, of, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600)
}

// Says has the next commands of a name ("MAIL", "RCPT", "DATA", "." for the end of a mail) answered so.
func (s *Server) Says(command string, replies ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.says[command] = append(s.says[command], replies...)
}

// Taken is the mails that were taken.
func (s *Server) Taken() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Mail(nil), s.taken...)
}

func (s *Server) said(command string) (reply string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if due := s.says[command]; len(due) > 0 {
		s.says[command] = due[1:]
		return due[0]
	}
	return ""
}

func (s *Server) wrong(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrongs = append(s.wrongs, fmt.Sprintf(format, args...))
}

func (s *Server) accept() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.open[c] = true
		s.mu.Unlock()
		s.served.Go(func() {
			s.serve(c)
			_ = c.Close()
			s.mu.Lock()
			delete(s.open, c)
			s.mu.Unlock()
		})
	}
}

// session is a connection.
type session struct {
	*Server
	c       net.Conn
	r       *bufio.Reader
	greeted bool
	secure  bool
	mail    Mail
	user    string
}

func (s *Server) serve(c net.Conn) {
	e := &session{Server: s, c: c, secure: s.Implicit}
	if s.Implicit {
		e.c = tls.Server(c, s.tls)
	}
	e.r = bufio.NewReader(e.c)
	e.say("220 mail.example ESMTP")
	for {
		line, err := e.r.ReadString('\n')
		if err != nil {
			return
		}
		if !strings.HasSuffix(line, "\r\n") || len(line) > 512 { // RFC 5321, 2.3.8 and 4.5.3.1.4
			s.wrong("the command line %q", line)
		}
		verb, argument, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		if !e.command(strings.ToUpper(verb), argument) {
			return
		}
	}
}

func (e *session) say(reply string) { _, _ = e.c.Write([]byte(reply + "\r\n")) }

// command does one command; false: the connection ends.
func (e *session) command(verb, argument string) bool {
	if reply := e.said(verb); reply != "" {
		e.say(reply)
		return true
	}
	switch verb {
	case "EHLO":
		e.ehlo(argument)
	case "STARTTLS":
		return e.startTLS()
	case "AUTH":
		e.auth(argument)
	case "MAIL":
		switch {
		case !e.greeted:
			e.wrong("MAIL before EHLO")
			e.say("503 5.5.1 EHLO first")
		case e.User != "" && e.user == "":
			e.say("530 5.7.0 Authentication required") // RFC 4954, 6
		default:
			e.mail = Mail{From: path(argument), User: e.user, TLS: e.secure}
			e.say("250 2.1.0 Ok")
		}
	case "RCPT":
		e.mail.To = path(argument)
		e.say("250 2.1.5 Ok")
	case "DATA":
		return e.data()
	case "RSET":
		e.mail = Mail{}
		e.say("250 2.0.0 Ok")
	case "NOOP":
		e.say("250 2.0.0 Ok")
	case "QUIT":
		e.say("221 2.0.0 Bye")
		return false
	default:
		e.say("502 5.5.1 Not known")
	}
	return true
}

func path(argument string) string {
	_, p, _ := strings.Cut(argument, "<")
	p, _, _ = strings.Cut(p, ">")
	return p
}

func (e *session) ehlo(name string) {
	if name == "" {
		e.wrong("EHLO without a name")
	}
	e.greeted, e.user = true, ""
	lines := []string{"mail.example", fmt.Sprintf("SIZE %d", e.Most), "8BITMIME", "ENHANCEDSTATUSCODES"}
	if !e.secure && !e.Plain {
		lines = append(lines, "STARTTLS")
	}
	if e.User != "" && e.secure {
		lines = append(lines, "AUTH PLAIN")
	}
	for i, l := range lines {
		mark := "-"
		if i == len(lines)-1 {
			mark = " "
		}
		e.say("250" + mark + l)
	}
}

func (e *session) startTLS() bool {
	if e.secure || e.Plain {
		e.say("502 5.5.1 Not known")
		return true
	}
	e.say("220 2.0.0 Go ahead")
	if e.r.Buffered() > 0 {
		e.wrong("commands in the open behind STARTTLS") // RFC 3207, 6
	}
	c := tls.Server(e.c, e.tls)
	if c.Handshake() != nil {
		return false
	}
	e.c, e.r, e.secure, e.greeted = c, bufio.NewReader(c), true, false // RFC 3207, 4.2: what was said before is forgotten
	return true
}

// auth is RFC 4954 with PLAIN (RFC 4616).
func (e *session) auth(argument string) {
	mechanism, initial, _ := strings.Cut(argument, " ")
	switch {
	case !e.secure:
		e.wrong("a password in the open")
		e.say("538 5.7.11 Encryption required")
		return
	case mechanism != "PLAIN":
		e.say("504 5.5.4 Not known")
		return
	case initial == "":
		e.say("334 ")
		line, _ := e.r.ReadString('\n')
		initial = strings.TrimRight(line, "\r\n")
	}
	b, _ := base64.StdEncoding.DecodeString(initial)
	if string(b) != "\x00"+e.User+"\x00"+e.Password {
		e.say("535 5.7.8 Authentication credentials invalid")
		return
	}
	e.user = e.User
	e.say("235 2.7.0 Welcome")
}

// data takes a mail.
func (e *session) data() bool {
	if e.mail.From == "" || e.mail.To == "" {
		e.wrong("DATA from %q to %q", e.mail.From, e.mail.To)
	}
	e.say("354 End with a dot")
	var text strings.Builder
	for {
		line, err := e.r.ReadString('\n')
		if err != nil {
			return false
		}
		if !strings.HasSuffix(line, "\r\n") || len(line) > 1000 { // RFC 5321, 4.5.3.1.6
			e.wrong("a line of the mail with %d octets: %.60q", len(line), line)
		}
		if line == ".\r\n" {
			break
		}
		text.WriteString(strings.TrimPrefix(line, ".")) // RFC 5321, 4.5.2
	}
	e.mail.Text = text.String()
	reply := e.said(".")
	switch {
	case reply != "":
	case text.Len() > e.Most:
		reply = "552 5.3.4 Message too big"
	default:
		reply = "250 2.0.0 Queued"
		e.mu.Lock()
		e.taken = append(e.taken, e.mail)
		e.mu.Unlock()
	}
	e.mail = Mail{}
	e.say(reply)
	return true
}
