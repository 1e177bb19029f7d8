package trial

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"syscall"

	"strowger/pkg/errs"
	"strowger/pkg/ledger"
	"strowger/pkg/sip"
	"strowger/pkg/sitecopy"
)

// set is the command that changes a trunk.
func set(t sitecopy.Trunk, flags string) string { return "strowger trunk set " + t.Name + " " + flags }

// Trouble is what to change where a server is not reached.
func Trouble(t sitecopy.Trunk, err error) string {
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var dns *net.DNSError
	switch {
	case errors.As(err, &authority):
		return "this system does not know who signed its certificate: ask the company for that CA's certificate and " + set(t, "--tls-ca FILE")
	case errors.As(err, &name):
		return "its certificate is for another name: ask the company for the name of its server and " + set(t, "--server NAME")
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "its certificate is not valid at this time: look at the clock of the switch, and tell the company"
	case errors.As(err, &invalid):
		return "tell the company what is wrong with its certificate"
	case errors.As(err, &record):
		return "that port does not speak TLS: it is often 5061; " + set(t, "--server HOST:PORT") + ", or --transport tcp"
	case errors.As(err, &dns):
		return "look at how the name is written, and at the DNS of the switch: " + set(t, "--server HOST")
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, sip.ErrUnreachable):
		return "nobody listens there: ask the company for the port and the transport, and " + set(t, "--server HOST:PORT --transport NAME")
	}
	return unheard(t)
}

// unheard is what to change where nothing comes back.
func unheard(t sitecopy.Trunk) string {
	return fmt.Sprintf("let %s to that address through every firewall between, and its answers; ask the company whether it knows the address that this "+
		"switch comes from; if the port or the transport is another one: %s", cmp.Or(t.Transport, "udp"), set(t, "--server HOST:PORT --transport NAME"))
}

// calls is what a SIP status in answer to an INVITE asks for (RFC 3261, 21); wrong is false where the line itself works.
func calls(t sitecopy.Trunk, status int) (advice string, wrong bool) {
	switch status {
	case 401, 407:
		if t.User == "" {
			return "it wants a user name and a password: " + set(t, "--username NAME --password PASSWORD"), true
		}
		return "it does not take the user name and the password that it was shown: " + set(t, "--username NAME --password PASSWORD") +
			"; if both are right, it may want its own domain: --domain DOMAIN", true
	case 402:
		return "the account has no money left, or none for this number: ask the company", true
	case 403:
		return "the account may not call this number, or not show the number that it shows (" + cmp.Or(t.Number, "none") + "): show one of the company's, " +
			set(t, "--number NUMBER") + ", or where it looks for it, --caller-id pai; if it wants an account, --username and --password; else ask the company", true
	case 404, 410, 484, 604:
		return "it does not know the number in the form that it was sent, + and the country code first (E.164): try a number that surely exists; if that " +
			"fails too, ask the company for the form, and for its --domain", true
	case 405, 501:
		return "that server takes no calls: ask the company which one does, and " + set(t, "--server HOST:PORT"), true
	case 406, 415, 488, 606:
		return "it takes none of the codecs that it was offered, or wants the audio encrypted, or not: ask the company which it takes", true
	case 408, 504:
		return "the company got no answer behind it: try another number; if no number works, ask the company", true
	case 428:
		return "it wants calls signed: start the switch with --stir-cert, --stir-key and --stir-url", true
	case 436, 437, 438:
		return "it does not take the signature of the call: look at --stir-cert and --stir-url of the switch, and at its clock", true
	case 480, 486, 487, 600, 603, 607, 608:
		return "who is called is busy or does not want the call; the line works. For a whole test call somebody who answers", false
	case 421, 494:
		return "it asks for what this switch does not do: ask the company what it wants, and for another way in, --transport tls perhaps", true
	case 482, 483:
		return "the call goes in circles: is the number one of this organization, which the company sends back here?", true
	}
	switch {
	case status < 400:
		return "it sends the call elsewhere, which is not followed: ask the company for the server that takes calls, and " + set(t, "--server HOST"), true
	case status >= 500 && status < 600:
		return "trouble at the company, or a call that it cannot make sense of: try again later, ask it, or add another of its servers: " + set(t, "--server HOST --server OTHER"), true
	case status >= 600:
		return "who is called refuses; the line works", false
	}
	return "ask the company what it means by that", true
}

// without is what to change where the call ended without an answer of the company.
func without(t sitecopy.Trunk, c ledger.Cause) string {
	switch errs.Code(c.Code) {
	case errs.GuardNumber, errs.GuardCountry, errs.GuardCalls, errs.GuardCost, errs.GuardTime,
		errs.GuardTogether, errs.GuardNight, errs.GuardAlarm, errs.GuardTrunk, errs.GuardOutside:
		return "a guard against fraud refuses it, tests as well: call a number that people may call, or see strowger guard show"
	case errs.NoAnswer:
		return "nobody answered; as far as that, the line works"
	case errs.Congested, errs.NodeStopped, errs.Preempted:
		return "try again later"
	case errs.LegLost, errs.Offline, errs.NoLine:
		return unheard(t)
	}
	return ""
}
