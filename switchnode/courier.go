package switchnode

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"os"

	"strowger/pkg/errs"
	"strowger/pkg/mailbox"
	"strowger/switchnode/internal/notice"
	"strowger/switchnode/internal/voicemail"
)

// Mail configures how voicemail leaves a switch.
type Mail struct {
	Server   string   `help:"Mail server that takes voicemail to the e-mail of users: smtp://HOST (port 587, STARTTLS) or smtps://HOST (port 465). Without it none is sent." name:"mail-server" placeholder:"URL"`
	From     string   `help:"Address that the e-mails are from." name:"mail-from" placeholder:"ADDR"`
	User     string   `help:"Who signs in at the mail server, if it wants that." name:"mail-user" placeholder:"NAME"`
	Password string   `help:"File with the password of --mail-user; read each time." name:"mail-password" type:"existingfile" placeholder:"FILE"`
	CA       []string `help:"PEM certificates of CAs that the mail server and webhooks may have theirs of, in place of the CAs of the system." name:"mail-ca" type:"existingfile" placeholder:"FILE"`
}

func (m Mail) validate() error {
	_, _, err := m.open()
	return err
}

// open is the mail server, nil if there is none, and the CAs of servers outside, nil for those of the system.
func (m Mail) open() (*notice.Mail, *x509.CertPool, error) {
	var roots *x509.CertPool
	for _, file := range m.CA {
		if roots == nil {
			roots = x509.NewCertPool()
		}
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, nil, fmt.Errorf("--mail-ca: %w", err)
		}
		if !roots.AppendCertsFromPEM(pem) {
			return nil, nil, errs.New(errs.Invalid, "--mail-ca %s: there is no certificate in it; want PEM", file)
		}
	}
	if m.Server == "" {
		if m.From != "" || m.User != "" || m.Password != "" {
			return nil, nil, errs.New(errs.Invalid, "--mail-from, --mail-user and --mail-password are of a mail server: name it with --mail-server")
		}
		return nil, roots, nil
	}
	server, err := notice.NewMail(m.Server, m.From, m.User, m.Password, roots)
	return server, roots, err
}

// openCourier makes who takes messages out of the switch.
func (n *node) openCourier() error {
	server, roots, err := n.Mail.open()
	if err != nil {
		return err
	}
	n.mail, n.webhooks = server, notice.NewWebhooks(roots, n.now)
	n.courier = &voicemail.Courier{
		Store: n.mailboxes.Store, Carry: n.carry, Now: n.now, Logger: n.log,
		GaveUp: func(p voicemail.Post) {
			o, _ := n.mailboxOwner(p.User)
			n.raise("voicemail", "warning", p.User, p.Call, fmt.Sprintf("A message for %s is not sent by %s, and stays in the mailbox: %s", cmp.Or(o.Name, p.User), p.By, p.Why))
		},
	}
	return nil
}

// carry takes a message to its user.
func (n *node) carry(ctx context.Context, p voicemail.Post, speech []byte) error {
	s := n.copy.Snapshot()
	u, secret, ok := s.Mailbox(p.User)
	if !ok {
		return errs.New(errs.Invalid, "the user has no mailbox at this switch any more")
	}
	language := u.Voicemail.Language
	if language == "" {
		language = n.calls.library.Language()
	}
	v := notice.Notice{
		ID: p.Message.ID, User: u.ID, Name: u.Name, From: p.From, At: p.At.In(s.Zone()), Length: p.Length(), By: p.Envelope.By, Cut: p.Cut, Language: language,
		WAV: mailbox.WAV(speech),
	}
	switch p.Delivery.By {
	case mailbox.ByEmail:
		switch {
		case u.Voicemail.Email == "":
			return errs.New(errs.Invalid, "the user wants no e-mail any more")
		case n.mail == nil:
			return errs.New(errs.Disabled, "this switch has no mail server: start it with --mail-server and --mail-from")
		}
		return n.mail.Send(ctx, u.Voicemail.Email, v)
	case mailbox.ByWebhook:
		if u.Voicemail.Webhook == "" {
			return errs.New(errs.Invalid, "the user has no webhook any more")
		}
		return n.webhooks.Post(ctx, u.Voicemail.Webhook, secret.Webhook, v)
	}
	return errs.New(errs.Invalid, "%q is no way of this release", p.Delivery.By)
}
