package sipside

import (
	"strconv"
	"strings"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/call"
	"strowger/switchnode/internal/registrar"
	"strowger/switchnode/internal/sipleg"
)

// Register takes a REGISTER: RFC 3261, 10.3, steps 3 to 5 here, the rest in the registrar.
func (p *Phones) Register(req *sip.Request, from sip.Peer, respond sip.Respond) {
	account, denied := p.authenticate(req, from)
	if denied == nil {
		p.trust(from)
	}
	if denied == nil && req.To() != nil {
		denied = p.registers(account, req.To().Address.User)
	}
	if denied != nil {
		respond(denied.code, denied.cause.Words, denied.all()...)
		return
	}
	q, err := read(req, account.Device, from)
	if err != nil {
		respond(400, "Malformed Contact")
		return
	}
	if denied := p.reaches(account, q, from); denied != nil {
		respond(denied.code, denied.cause.Words, denied.all()...)
		return
	}
	wakes, err := wakeable(&q)
	if err != nil {
		respond(400, "Malformed Push Parameters")
		return
	}
	p.withServices(wakes, func(services []fabric.PushService, refused bool) {
		if refused {
			respond(555, "Push Notification Service Not Supported", capabilities(wakes, services)...)
			return
		}
		p.cfg.Registrar.Register(q, func(r registrar.Result) {
			respondTo(respond, r, append(capabilities(wakes, services), outbound(req, q)...))
			p.sleepers.registered(account.Device)
			m := sipleg.Moved{To: from, Connected: p.sip.Connected}
			for _, s := range r.Moved {
				m.From = append(m.From, peerOf(s))
			}
			p.roamers.registered(account.Device, m)
			p.lampsHeard(account.Device, from)
		})
	})
}

// respondTo writes the answer to a REGISTER.
func respondTo(respond sip.Respond, r registrar.Result, headers []sip.Header) {
	for _, c := range r.Contacts {
		headers = append(headers, sip.NewHeader("Contact", contactValue(c)))
	}
	if r.MinExpires > 0 {
		headers = append(headers, sip.NewHeader("Min-Expires", strconv.Itoa(r.MinExpires)))
	}
	respond(r.Code, r.Reason, headers...)
}

// registers says why an account may not register what To names: itself only (RFC 3261, 10.3, 4), by its user name or its
// number, or without a name; nobody else, and nothing that is not there (10.3, 5).
func (p *Phones) registers(a Account, name string) *denial {
	owner, ok := p.cfg.Accounts(name)
	switch {
	case name == "", name == a.Party.Number, ok && owner.Device == a.Device:
		return nil
	case ok:
		return deny(errs.Forbidden, "A phone may register only itself")
	}
	return &denial{code: 404, cause: call.CauseOf(errs.NotFound, "No device has this user name")}
}

// read takes a REGISTER apart.
func read(req *sip.Request, device string, from sip.Peer) (registrar.Register, error) {
	q := registrar.Register{
		Device: device, Expires: registrar.Absent,
		Source: registrar.Source{Addr: from.Addr, Transport: strings.ToLower(from.Transport), Connection: connection(from)},
	}
	if h := req.CallID(); h != nil {
		q.CallID = strings.Clone(h.Value()) // kept for long; the rest of the message is not
	}
	if h := req.CSeq(); h != nil {
		q.CSeq = h.SeqNo
	}
	if v, ok := first(req, "Expires"); ok {
		q.Expires = seconds(v)
	}
	if v, ok := first(req, "User-Agent"); ok {
		q.UserAgent = strings.Clone(v)
	}
	for h := range sip.Named(req, "Path") {
		q.Path = append(q.Path, strings.Clone(h.Value()))
	}
	for h := range sip.Named(req, "Contact") {
		value := h.Value() // written anew
		if strings.TrimSpace(value) == "*" {
			q.All = true
			continue
		}
		c, err := readContact(value)
		if err != nil {
			return q, err
		}
		q.Contacts = append(q.Contacts, c)
	}
	return q, nil
}

// first returns the value of the first header of a name.
func first(req *sip.Request, name string) (value string, ok bool) {
	for h := range sip.Named(req, name) {
		return h.Value(), true
	}
	return "", false
}

// connection names the stream of a peer within this run.
func connection(p sip.Peer) string {
	if p.Transport == sip.UDP {
		return ""
	}
	return p.Addr.String()
}

func readContact(value string) (registrar.Contact, error) {
	_, uri, params, err := sip.ParseAddress(value)
	if err != nil {
		return registrar.Contact{}, err
	}
	// RFC 3261, 10.2.1 allows other schemes, but nothing here rings one; and no URI has what would end it in a header (25.1).
	if s := uri.Scheme; s != "sip" && s != "sips" || uri.Host == "" || strings.ContainsFunc(uri.String(), delimits) {
		return registrar.Contact{}, errs.New(errs.Invalid, "contact %q is not a SIP URI", value)
	}
	c := registrar.Contact{URI: uri.String(), Expires: registrar.Absent, Q: 1}
	for name, v := range params {
		switch strings.ToLower(name) {
		case "expires":
			c.Expires = seconds(v)
		case "q":
			if q, err := strconv.ParseFloat(v, 64); err == nil && q >= 0 && q <= 1 {
				c.Q = q
			}
		case "+sip.instance":
			if id := strings.Trim(v, `"`); !strings.ContainsAny(id, `"\`) { // a URN (RFC 5626, 4.1) has neither
				c.Instance = strings.Clone(id)
			}
		case "reg-id":
			if n, err := strconv.Atoi(v); err == nil && n > 0 {
				c.RegID = n
			}
		}
	}
	return c, nil
}

func delimits(r rune) bool { return r <= ' ' || r == '"' || r == '<' || r == '>' || r == 0x7f }

// seconds reads delta-seconds. A malformed value counts as an hour (RFC 3261, 20.19).
func seconds(s string) int {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 32)
	if err != nil {
		return 3600
	}
	return int(n)
}

// contactValue is a binding as the 200 lists it.
func contactValue(c registrar.Contact) string {
	s := "<" + c.URI + ">;expires=" + strconv.Itoa(c.Expires)
	if c.Q < 1 {
		s += ";q=" + strconv.FormatFloat(c.Q, 'g', 3, 64)
	}
	if c.Instance != "" {
		s += `;+sip.instance="` + c.Instance + `"`
	}
	if c.RegID > 0 {
		s += ";reg-id=" + strconv.Itoa(c.RegID)
	}
	return s
}
