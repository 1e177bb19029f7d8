package api

import (
	"context"
	"log/slog"
	"testing"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/rest"
)

// fullDisk is the mailboxes of a switch that can note nothing any more.
type fullDisk struct{}

func (fullDisk) Order(context.Context, string, string, fabric.MailboxOrder) (fabric.Mailbox, error) {
	return fabric.Mailbox{}, errs.New(errs.Congested, "the disk of the switch is full")
}

func (fullDisk) Speech(_ context.Context, _, _, _, pin string) ([]byte, error) {
	if pin != "48151" {
		return nil, errs.New(errs.Forbidden, "the PIN is not right")
	}
	return make([]byte, 8000), nil
}

func (fullDisk) SetSecrets(context.Context, string, string, rest.MailboxSecrets, bool) error {
	return nil
}

// TestHearFromAFullDisk: what cannot be marked as heard is heard all the same.
func TestHearFromAFullDisk(t *testing.T) {
	a := &API{asking: asking{mailboxes: fullDisk{}}, log: slog.New(slog.DiscardHandler)}
	if wav, err := a.hear(t.Context(), "og_1", "us_1", "vm_1", "48151"); err != nil || len(wav) < 16000 {
		t.Errorf("%d bytes, %v", len(wav), err)
	}
	if _, err := a.hear(t.Context(), "og_1", "us_1", "vm_1", "11111"); errs.CodeOf(err) != errs.Forbidden {
		t.Errorf("with a wrong PIN: %v", err)
	}
}
