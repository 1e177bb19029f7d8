package sdk

import (
	"encoding/json"

	"strowger/pkg/enrol"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
	"strowger/pkg/wish"
)

// Wishes changes what the user of the phone wishes of calls, by a JSON object, and returns as JSON what they wish then; "{}" or "" only
// asks. The members are those of the API: dnd, call_waiting, forward_always, forward_busy, forward_no_answer, forward_unreachable,
// forward_seconds, block and unblock (lists), speed_dial, override.
func (p *Phone) Wishes(change string) (state string, err error) {
	var c wish.Change
	if change != "" {
		if err := json.Unmarshal([]byte(change), &c); err != nil {
			return "", errs.New(errs.Invalid, "wishes: not a JSON object of changes: %w", err)
		}
	}
	d, err := p.device()
	if err != nil {
		return "", err
	}
	s, err := d.Wish(p.life, c)
	return asJSON(s, err)
}

// Messages is the voicemail of the user, as JSON: new, old, no_pin, and, for who has the PIN of the mailbox, items with id, from, at, seconds
// and heard.
func (p *Phone) Messages(pin string) (mailbox string, err error) {
	return p.mailbox(enrol.OwnMailbox{PIN: pin})
}

// DeleteMessage deletes a message for good, and returns what is left.
func (p *Phone) DeleteMessage(pin, id string) (mailbox string, err error) {
	return p.mailbox(enrol.OwnMailbox{PIN: pin, Delete: id})
}

// ChangePIN sets the PIN of the mailbox, 4 to 12 digits, in place of the old one, which is empty as long as there is none (no_pin of
// Messages).
func (p *Phone) ChangePIN(old, pin string) error {
	_, err := p.mailbox(enrol.OwnMailbox{PIN: old, NewPIN: pin})
	return err
}

// Hear returns a message as a WAV file. It counts as heard.
func (p *Phone) Hear(pin, id string) (wav []byte, err error) {
	d, err := p.device()
	if err != nil {
		return nil, err
	}
	return d.Hear(p.life, pin, id)
}

func (p *Phone) mailbox(q enrol.OwnMailbox) (string, error) {
	d, err := p.device()
	if err != nil {
		return "", err
	}
	m, err := d.Mailbox(p.life, q)
	return asJSON[rest.Mailbox](m, err)
}

// device is the phone as the cloud knows it.
func (p *Phone) device() (enrol.Device, error) {
	id, err := p.enrolled()
	if err != nil {
		return enrol.Device{}, err
	}
	return p.deviceOf(id), nil
}

func (p *Phone) deviceOf(id *identity) enrol.Device {
	return enrol.Device{Cloud: id.Cloud, Trust: enrol.Trust{Pin: id.Pin, SystemRoots: true}, ID: id.Info.Device, Key: p.keys.signing}
}

func asJSON[T any](v T, err error) (string, error) {
	if err != nil {
		return "", err
	}
	b, err := json.Marshal(v)
	return string(b), err
}
