package sipside

import (
	"net/url"
	"strconv"
	"time"

	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/lamp"
)

// Lamps is what phones may watch. Its methods must not block.
type Lamps interface {
	// Watch says what a device watches that subscribes to an event package of a number, as it would dial it.
	Watch(event string, by Account, number string) (lamp.Resource, error)
	// Judge says what is known of the watcher's right to it.
	Judge(r lamp.Resource) (sip.Standing, error)
	// Document is what the watcher is shown of it. of is the URI that they know it by.
	Document(event string, r lamp.Resource, of lamp.Entity, version uint32) ([]byte, sip.Standing)
}

// ServeLamps has phones subscribe to what lamps show (RFC 6665), and tells those that do not what waits for their users. It is called before Run;
// what it returns runs beside that.
func (p *Phones) ServeLamps(l Lamps, m Mail) *sip.Notifier {
	p.mail.of = m
	p.notifier = p.sip.Notify(watched{p, l}, map[string]string{
		lamp.Dialogs: lamp.DialogsType, lamp.Presence: lamp.PresenceType, lamp.Messages: lamp.MessagesType,
	}, lamp.Dialogs, lamp.Presence, lamp.Messages)
	return p.notifier
}

// lampsHeard has a phone that registered, perhaps from a new address, be told what it missed.
func (p *Phones) lampsHeard(device string, at sip.Peer) {
	if p.notifier != nil {
		p.notifier.Heard(device, at)
		p.mail.at(device, time.Now().Add(askTime))
	}
}

// watched is the lamps as the notifier knows them.
type watched struct {
	*Phones
	lamps Lamps
}

// grant is what a subscription may see.
type grant struct {
	resource lamp.Resource
	of       lamp.Entity
}

// Watch authenticates a SUBSCRIBE, and asks whether its device may watch what it names.
func (w watched) Watch(req *sip.Request, from sip.Peer, event sip.Watched) (sip.Watching, *sip.Denied) {
	account, denied := w.authenticate(req, from)
	if denied != nil {
		return sip.Watching{}, &sip.Denied{Code: denied.code, Reason: denied.cause.Words, Headers: denied.all()}
	}
	w.trust(from)
	watching := sip.Watching{Watcher: account.Device}
	user := req.Recipient.User
	number, err := url.PathUnescape(user)
	if err != nil {
		return watching, &sip.Denied{Code: 400, Reason: "The number is escaped wrongly: " + strconv.Quote(user)}
	}
	if owner, ok := w.cfg.Accounts(number); number == "" || ok && owner.Device == account.Device { // a phone knows itself by its user name
		number = account.Party.Number
	}
	r, err := w.lamps.Watch(event.Package, account, number)
	if err != nil {
		return watching, deniedBy(err)
	}
	if event.Package == lamp.Messages {
		w.mail.subscribed(account.Device, event.Time)
	}
	host := w.cfg.to(from.Addr.Addr())
	watching.Resource, watching.Grant = r.Name(event.Package), grant{r, lamp.Entity{User: number, Host: host}}
	return watching, nil
}

// deniedBy is the answer to a SUBSCRIBE that an error refuses.
func deniedBy(err error) *sip.Denied {
	cause := call.CauseOfError(err)
	d := denial{code: cause.SIP, cause: cause}
	return &sip.Denied{Code: d.code, Reason: cause.Words, Headers: d.all()}
}

// Judge says whether the right to a subscription is known.
func (w watched) Judge(s sip.Watching) (sip.Standing, *sip.Denied) {
	standing, err := w.lamps.Judge(s.Grant.(grant).resource)
	if err != nil {
		return standing, deniedBy(err)
	}
	return standing, nil
}

// Document is what a subscription shows now.
func (w watched) Document(s sip.Watching, version uint32) ([]byte, sip.Standing) {
	g := s.Grant.(grant)
	return w.lamps.Document(s.Package, g.resource, g.of, version)
}
