package lamp

import (
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"

	"strowger/pkg/fabric"
)

// The event packages, and the types of their documents.
const (
	Dialogs  = "dialog"          // RFC 4235
	Presence = "presence"        // RFC 3856
	Messages = "message-summary" // RFC 3842

	DialogsType  = "application/dialog-info+xml"
	PresenceType = "application/pidf+xml"
	MessagesType = "application/simple-message-summary"
)

// The directions of a dialog (RFC 4235, 4.1.1).
const (
	Initiator = "initiator"
	Recipient = "recipient"
)

// Dialog is a user's side of a call, as a lamp shows it; State is as a call.Phase.
type Dialog = fabric.LampDialog

// Identity is somebody as a lamp shows them.
type Identity = fabric.LampIdentity

// Entity is whom a document is about: who watches knows them by this URI.
type Entity struct{ User, Host string }

func (e Entity) uri() string { return uri(e.User, e.Host) }

// uri is a SIP URI of a user at a host, with what may not stand in its user part escaped (RFC 3261, 25.1).
func uri(user, host string) string {
	var b strings.Builder
	b.WriteString("sip:")
	for _, c := range []byte(user) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.!~*'()&=+$,;?/", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	if strings.Contains(host, ":") && !strings.HasPrefix(host, "[") {
		host = "[" + host + "]"
	}
	b.WriteString("@" + host)
	return b.String()
}

type dialogInfo struct {
	XMLName xml.Name        `xml:"urn:ietf:params:xml:ns:dialog-info dialog-info"`
	Version string          `xml:"version,attr"`
	State   string          `xml:"state,attr"`
	Entity  string          `xml:"entity,attr"`
	Dialogs []dialogElement `xml:"dialog"`
}

type dialogElement struct {
	ID        string       `xml:"id,attr"`
	CallID    string       `xml:"call-id,attr,omitempty"`
	LocalTag  string       `xml:"local-tag,attr,omitempty"`
	RemoteTag string       `xml:"remote-tag,attr,omitempty"`
	Direction string       `xml:"direction,attr,omitempty"`
	State     string       `xml:"state"`
	Local     *participant `xml:"local"`
	Remote    *participant `xml:"remote"`
}

type participant struct {
	Identity identityElement `xml:"identity"`
	Target   targetElement   `xml:"target"`
}

type identityElement struct {
	Display string `xml:"display,attr,omitempty"`
	URI     string `xml:",chardata"`
}

type targetElement struct {
	URI string `xml:"uri,attr"`
}

// DialogInfo writes the calls of somebody, in full (RFC 4235, 4). Without any there is one that has ended: the lamps of some phones go out
// only when they are told of an end.
func DialogInfo(of Entity, version uint32, all []Dialog) []byte {
	doc := dialogInfo{Version: strconv.FormatUint(uint64(version), 10), State: "full", Entity: of.uri()}
	for _, d := range all {
		doc.Dialogs = append(doc.Dialogs, dialogElement{
			ID: clean(d.ID), CallID: clean(d.Call), LocalTag: clean(d.LocalTag), RemoteTag: clean(d.RemoteTag), Direction: d.Direction, State: d.State,
			Local: participantOf(d.Local, of.Host), Remote: participantOf(d.Remote, of.Host),
		})
	}
	if len(all) == 0 {
		doc.Dialogs = []dialogElement{{ID: "none", State: "terminated"}}
	}
	return document(doc)
}

func participantOf(i Identity, host string) *participant {
	if i.Number == "" {
		return nil
	}
	u := uri(clean(i.Number), host)
	return &participant{Identity: identityElement{Display: clean(i.Name), URI: u}, Target: targetElement{URI: u}}
}

type presence struct {
	XMLName xml.Name `xml:"urn:ietf:params:xml:ns:pidf presence"`
	DM      string   `xml:"xmlns:dm,attr"`
	RPID    string   `xml:"xmlns:rpid,attr"`
	Entity  string   `xml:"entity,attr"`
	Tuple   tuple    `xml:"tuple"`
	Person  *person  `xml:"dm:person"`
}

type tuple struct {
	ID      string `xml:"id,attr"`
	Basic   string `xml:"status>basic"`
	Contact string `xml:"contact"`
	Note    string `xml:"note,omitempty"`
}

type person struct {
	ID         string     `xml:"id,attr"`
	Activities activities `xml:"rpid:activities"`
}

type activities struct {
	OnThePhone *struct{} `xml:"rpid:on-the-phone"`
}

// PIDF writes whether somebody can be called (RFC 3863), and that they are on the phone (RFC 4480, 3.2).
func PIDF(of Entity, reachable, busy, rings bool) []byte {
	doc := presence{
		DM: "urn:ietf:params:xml:ns:pidf:data-model", RPID: "urn:ietf:params:xml:ns:pidf:rpid", Entity: of.uri(),
		Tuple: tuple{ID: "phone", Basic: "open", Contact: of.uri()},
	}
	switch {
	case busy:
		doc.Tuple.Note, doc.Person = "On the phone", &person{ID: "user", Activities: activities{OnThePhone: &struct{}{}}}
	case rings:
		doc.Tuple.Note = "Ringing"
	case !reachable:
		doc.Tuple.Basic, doc.Tuple.Note = "closed", "Offline"
	default:
		doc.Tuple.Note = "Ready"
	}
	return document(doc)
}

func document(v any) []byte {
	b, err := xml.Marshal(v)
	if err != nil {
		panic(err) // plain data always marshals
	}
	return append([]byte(xml.Header), b...)
}

// Summary writes how many messages wait in somebody's mailbox (RFC 3842, 5.2).
func Summary(of Entity, fresh, old int) []byte {
	waiting := "no"
	if fresh > 0 {
		waiting = "yes"
	}
	return fmt.Appendf(nil, "Messages-Waiting: %s\r\nMessage-Account: %s\r\nVoice-Message: %d/%d\r\n", waiting, of.uri(), fresh, old)
}
