package enrol

import (
	"context"
	"log/slog"
	"net/http"

	"strowger/pkg/proof"
	"strowger/pkg/rest"
	"strowger/pkg/wish"
)

// OwnPath is where a device asks for what is its user's, and changes it, below the base URL of the cloud: POST of an OwnRequest, with a
// proof.Request of its body in proof.Header.
func OwnPath(device string) string { return DevicePath + "/" + device + "/own" }

// OwnRequest is what a device asks about its user: one of its fields.
type OwnRequest struct {
	// Wishes changes what the user wishes of calls; an empty change only asks. The answer is an OwnReply.
	Wishes *wish.Change `json:"wishes,omitempty"`
	// Mailbox asks for the messages of the user.
	Mailbox *OwnMailbox `json:"mailbox,omitempty"`
}

// OwnMailbox is what a device does with the messages of its user: nothing, or one of what follows the PIN.
type OwnMailbox struct {
	// PIN of the mailbox. Without it the answer says how many messages there are, and nothing of whom.
	PIN string `json:"pin,omitempty" maxLength:"12"`
	// Hear is the id of a message, which counts as heard. The answer is a WAV file instead of an OwnReply.
	Hear string `json:"hear,omitempty" maxLength:"64"`
	// Delete is the id of a message, which is gone for good.
	Delete string `json:"delete,omitempty" maxLength:"64"`
	// NewPIN takes the place of the PIN: 4 to 12 digits. Without PIN it is the first one, and errs.Forbidden if there is one.
	NewPIN string `json:"new_pin,omitempty" maxLength:"12"`
}

// LogValue keeps PINs out of logs.
func (OwnRequest) LogValue() slog.Value {
	return slog.StringValue("(request of a device about its user)")
}

// OwnReply answers an OwnRequest.
type OwnReply struct {
	Wishes  *wish.State   `json:"wishes,omitempty"`
	Mailbox *rest.Mailbox `json:"mailbox,omitempty"`
}

// Wish changes what the user of the device wishes, and returns what they wish then.
func (d Device) Wish(ctx context.Context, c wish.Change) (wish.State, error) {
	var r OwnReply
	err := d.send(ctx, http.MethodPost, OwnPath(d.ID), proof.TypeOwn, OwnRequest{Wishes: &c}, &r)
	if err != nil || r.Wishes == nil {
		return wish.State{}, err
	}
	return *r.Wishes, nil
}

// Mailbox asks for the messages of the user of the device.
func (d Device) Mailbox(ctx context.Context, q OwnMailbox) (rest.Mailbox, error) {
	var r OwnReply
	q.Hear = ""
	err := d.send(ctx, http.MethodPost, OwnPath(d.ID), proof.TypeOwn, OwnRequest{Mailbox: &q}, &r)
	if err != nil || r.Mailbox == nil {
		return rest.Mailbox{}, err
	}
	return *r.Mailbox, nil
}

// Hear returns a message as a WAV file.
func (d Device) Hear(ctx context.Context, pin, message string) (wav []byte, err error) {
	err = d.send(ctx, http.MethodPost, OwnPath(d.ID), proof.TypeOwn, OwnRequest{Mailbox: &OwnMailbox{PIN: pin, Hear: message}}, &wav)
	return wav, err
}
