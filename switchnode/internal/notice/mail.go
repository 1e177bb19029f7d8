package notice

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/textproto"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"strowger/pkg/errs"
	"strowger/pkg/mailbox"
)

// Mail is the mail server of the office.
type Mail struct {
	host     string
	port     int
	implicit bool // TLS
	from     string
	user     string
	password string // file, read each time: it may be changed
	roots    *x509.CertPool
	dial     gomail.DialContextFunc // nil: the usual
}

// mailTime is how long a server may take for a message with its recording.
const mailTime = 2 * time.Minute

// NewMail is the server at smtp://HOST[:PORT], whose connections change to TLS, or smtps://HOST[:PORT], which are TLS from the start. user and
// the file of its password are empty for a server that asks for none; roots are nil for those of the system.
func NewMail(server, from, user, password string, roots *x509.CertPool) (*Mail, error) {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "smtp" && u.Scheme != "smtps" || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" {
		return nil, errs.New(errs.Invalid, "--mail-server %q: want smtp://HOST or smtps://HOST, with a port or without", server)
	}
	m := &Mail{host: u.Hostname(), port: 587, implicit: u.Scheme == "smtps", from: from, user: user, password: password, roots: roots}
	if m.implicit {
		m.port = 465 // RFC 8314, 3.3
	}
	if u.Port() != "" {
		if m.port, err = strconv.Atoi(u.Port()); err != nil || m.port < 1 || m.port > 65535 {
			return nil, errs.New(errs.Invalid, "--mail-server %q: %q is not a port from 1 to 65535", server, u.Port())
		}
	}
	if _, err := mail.ParseAddress(from); err != nil {
		return nil, errs.New(errs.Invalid, "--mail-from %q: want an address such as phones@example.com", from)
	}
	if (user == "") != (password == "") {
		return nil, errs.New(errs.Invalid, "--mail-user and --mail-password go together")
	}
	return m, nil
}

// Send hands a notice to the mail server, without its recording where that is too large for it. errs.Invalid: the server will never take it.
func (m *Mail) Send(ctx context.Context, to string, n Notice) error {
	ctx, cancel := context.WithTimeout(ctx, mailTime)
	defer cancel()
	err := m.send(ctx, to, n, true)
	// RFC 5321, 4.2.3: 552, more than was allocated; RFC 3463, 3.4: X.3.4, larger than the system takes.
	if e := (*gomail.SendError)(nil); errors.As(err, &e) && (e.ErrorCode() == 552 || e.EnhancedStatusCode() == "5.3.4") {
		err = m.send(ctx, to, n, false)
	}
	return m.verdict(err)
}

func (m *Mail) verdict(err error) error {
	var failed *gomail.SendError
	var said *textproto.Error
	var doubted *tls.CertificateVerificationError
	var other x509.HostnameError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &other):
		return errs.New(errs.Unreachable, "mail server %s: its certificate has another name (%w): write that name in --mail-server", m.host, other)
	case errors.As(err, &doubted):
		return errs.New(errs.Unreachable, "mail server %s: its certificate is of no CA that this switch trusts (%w): name that CA, or the certificate if it signed itself, by --mail-ca FILE", m.host, doubted)
	case errors.As(err, &failed) && failed.ErrorCode() == 530: // RFC 3207, 4: it wants TLS, or the switch to sign in
		return errs.New(errs.Forbidden, "mail server %s lets this switch not in: %w", m.host, err)
	case errors.As(err, &failed) && failed.ErrorCode() >= 500:
		return errs.New(errs.Invalid, "mail server %s: %w", m.host, err) // RFC 5321, 4.2.1: not to be repeated
	case errors.As(err, &said):
		return errs.New(errs.Forbidden, "mail server %s lets this switch not in: %d %s", m.host, said.Code, said.Msg)
	}
	return errs.New(errs.Unreachable, "mail server %s: %w", m.host, err)
}

func (m *Mail) send(ctx context.Context, to string, n Notice, recording bool) error {
	letter, err := m.letter(to, n, recording)
	if err != nil {
		return err
	}
	options := []gomail.Option{
		gomail.WithPort(m.port), gomail.WithTimeout(mailTime), gomail.WithHELO(m.name()),
		gomail.WithTLSConfig(&tls.Config{ServerName: m.host, RootCAs: m.roots, MinVersion: tls.VersionTLS12}),
	}
	if m.dial != nil {
		options = append(options, gomail.WithDialContextFunc(m.dial))
	}
	switch {
	case m.implicit:
		options = append(options, gomail.WithSSL())
	case m.here():
		options = append(options, gomail.WithTLSPolicy(gomail.TLSOpportunistic))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory)) // RFC 3207, 4: what the other side does not offer is not sent in the open
	}
	if m.user != "" {
		b, err := os.ReadFile(m.password)
		if err != nil {
			return err
		}
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(m.user), gomail.WithPassword(strings.TrimSpace(string(b))))
	}
	host := m.host
	if strings.Contains(host, ":") {
		host = "[" + host + "]" // IPv6, before a port
	}
	c, err := gomail.NewClient(host, options...)
	if err != nil {
		return err
	}
	if err := c.DialAndSendWithContext(ctx, letter); !letter.IsDelivered() { // what it did not say goodbye to was taken all the same
		return err
	}
	return nil
}

// here says that the server is on this machine, where nobody is between.
func (m *Mail) here() bool {
	a, err := netip.ParseAddr(m.host)
	return m.host == "localhost" || err == nil && a.IsLoopback()
}

// name is what the switch calls itself. RFC 5321, 4.1.4: an address literal of who has no name that is known.
func (m *Mail) name() string {
	a, err := mail.ParseAddress(m.from)
	if err != nil {
		return "localhost"
	}
	domain := a.Address[strings.LastIndex(a.Address, "@")+1:]
	if net.ParseIP(domain) != nil {
		return "localhost"
	}
	return domain
}

func (m *Mail) letter(to string, n Notice, recording bool) (*gomail.Msg, error) {
	l := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	whom := mail.Address{Name: n.Name, Address: to} // which quotes the name
	if err := errors.Join(l.From(m.from), l.AddTo(whom.String())); err != nil {
		return nil, errs.New(errs.Invalid, "the e-mail to %s: %w", to, err)
	}
	subject, body := words(n, recording)
	l.Subject(strings.ReplaceAll(subject, "=?", "= ?")) // RFC 2047, 2: what a caller calls itself is no encoded word
	l.SetDateWithValue(n.At)
	l.SetMessageIDWithValue(n.ID + "@" + m.name())     // the same at each try: who gets it twice sees it once
	l.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834, 5: nobody is on holiday to a machine
	l.SetGenHeader("Content-Language", cmp.Or(n.Language, "en"))
	l.SetBodyString(gomail.TypeTextPlain, body)
	if !recording {
		return l, nil
	}
	name := "voicemail-" + n.At.Format("2006-01-02-150405") + ".wav"
	if err := l.AttachReader(name, bytes.NewReader(n.WAV), gomail.WithFileContentType(mailbox.WAVType)); err != nil {
		return nil, fmt.Errorf("attach the recording: %w", err)
	}
	return l, nil
}

// words are what the e-mail says.
func words(n Notice, recording bool) (subject, body string) {
	from := strings.TrimSpace(n.From.Name + " " + n.From.Number)
	length := fmt.Sprintf("%d:%02d", int(n.Length.Minutes()), int(n.Length.Seconds())%60)
	if n.Language == "zh" {
		from = cmp.Or(from, "未显示的号码")
		subject = fmt.Sprintf("语音留言：%s（%s）", from, length)
		body = fmt.Sprintf("%s 于 %s 给您留言，时长 %s。\n", from, n.At.Format("2006-01-02 15:04"), length)
		if n.By != "" {
			body += fmt.Sprintf("由 %s 转发给您。\n", n.By)
		}
		if !recording {
			body += "录音过大，无法随邮件发送。\n"
		}
		return subject, body + "在话机上拨 " + mailbox.Own + " 收听。\n"
	}
	from = cmp.Or(from, "a withheld number")
	subject = fmt.Sprintf("Voicemail from %s (%s)", from, length)
	body = fmt.Sprintf("%s left you a message of %s on %s.\n", from, length, n.At.Format("Monday 2 January 2006 at 15:04"))
	if n.By != "" {
		body += fmt.Sprintf("%s sent it on to you.\n", n.By)
	}
	if n.Cut {
		body += "The end of it was cut off.\n"
	}
	if !recording {
		body += "The recording is too large for the mail server.\n"
	}
	return subject, body + "It is in your mailbox: dial " + mailbox.Own + " to hear it and to delete it there.\n"
}
