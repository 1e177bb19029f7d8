package fabric

import (
	"time"

	"strowger/pkg/designation"
)

// MaxMailbox is how many messages a Mailbox lists.
const MaxMailbox = 500

// MailboxOrder asks the home switch of a user for their mailbox, and may change it first. Subject o.<org>.node.<node>.mailbox, from the
// cloud. The answer is Mailbox. Who calls, and what they say, is for who shows the PIN: an administrator sees how many messages there are,
// and deletes.
type MailboxOrder struct {
	Header
	User   string `json:"user"`
	PIN    string `json:"pin,omitempty"`
	Delete string `json:"delete,omitempty"` // id of a message, which is gone for good
	Heard  string `json:"heard,omitempty"`  // id of a message that was heard; needs the PIN
	Unlock bool   `json:"unlock,omitempty"` // wrong PINs are forgotten
	Lock   bool   `json:"lock,omitempty"`   // nobody gets in for a day
	Audio  string `json:"audio,omitempty"`  // id of a message whose speech is wanted; needs the PIN
	Piece  int    `json:"piece,omitempty"`  // of it, from 0
}

// Mailbox is what a user has at their home switch.
type Mailbox struct {
	Reply
	New      int              `json:"new"`
	Old      int              `json:"old"`
	Locked   time.Time        `json:"locked,omitzero"` // until then nobody gets in
	Messages []MailboxMessage `json:"messages,omitempty"`
	Audio    []byte           `json:"audio,omitempty"` // G.722, a piece of PieceSize bytes, or less at the end
	Pieces   int              `json:"pieces,omitempty"`
	NoPIN    bool             `json:"no_pin,omitempty"` // none was chosen yet
}

// MailboxMessage is a message in a mailbox.
type MailboxMessage struct {
	ID     string             `json:"id"`
	From   *designation.Party `json:"from,omitempty"` // for who showed the PIN
	At     time.Time          `json:"at"`
	Length time.Duration      `json:"length"`
	Heard  bool               `json:"heard,omitempty"`
	By     string             `json:"by,omitempty"`  // who sent it on
	Cut    bool               `json:"cut,omitempty"` // its recording was cut off
	Sent   []MailboxDelivery  `json:"sent,omitempty"`
}

// MailboxDelivery is what became of a message by one way out of the switch (package mailbox).
type MailboxDelivery struct {
	By    string    `json:"by"`
	Tries int       `json:"tries,omitempty"`
	Next  time.Time `json:"next,omitzero"` // when it is tried again
	Done  time.Time `json:"done,omitzero"` // when it was taken; with neither the switch has given up
	Why   string    `json:"why,omitempty"` // what was wrong at the last try
}

// SubjectMailbox is where a switch is asked for mailboxes: MailboxOrder.
func SubjectMailbox(org, node string) string { return subject(org, familyNode, node, "mailbox") }

// PINChange is a PIN that a user chose at the phone, at their home switch, who sends it hashed. Subject o.<org>.sw.<switch>.pin. The
// answer is Reply.
type PINChange struct {
	Header
	User string `json:"user"`
	Hash string `json:"hash"` // package mailbox
}

// SubjectPIN is where a switch has a PIN changed: PINChange.
func SubjectPIN(org, sw string) string { return subject(org, familySwitch, sw, "pin") }
