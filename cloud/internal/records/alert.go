package records

import (
	"fmt"
	"slices"
	"time"

	"strowger/pkg/ledger"
	"strowger/pkg/rest"
)

// maxAlert is how many bytes an alert may say; its kind and its subject are shorter.
const maxAlert = 1000

// badAlert says what is wrong with an alert, "" if nothing.
func badAlert(e ledger.Event) string {
	switch {
	case e.Sender == "" || len(e.Sender) > maxKind:
		return fmt.Sprintf("alert: its kind has %d bytes, not 1 to %d", len(e.Sender), maxKind)
	case !slices.Contains([]string{"info", "warning", "critical"}, e.By):
		return fmt.Sprintf("alert: severity %q is none of info, warning and critical", e.By)
	case e.Text == "" || len(e.Text) > maxAlert || len(e.Receiver) > maxAlert:
		return fmt.Sprintf("alert: says %d bytes, not 1 to %d", len(e.Text), maxAlert)
	}
	return ""
}

// alert is what a node raised, with what is known here of its site.
func (s *sifter) alert(e ledger.Event) (rest.Alert, error) {
	a := rest.Alert{Kind: e.Sender, Severity: e.By, Node: s.node, Subject: e.Receiver, Call: e.Call, Words: e.Text}
	a.CreatedAt = time.UnixMicro(e.At).UTC()
	registry, err := s.cfg.Snapshot(s.org)
	if err != nil {
		return a, err
	}
	a.Site = registry.SiteOf(s.node)
	if e.From != nil && e.From.Site != "" {
		a.Site = e.From.Site
	}
	if e.Sender == ledger.Emergency {
		a.Contacts = registry.EmergencyContacts(a.Site)
	}
	return a, nil
}
