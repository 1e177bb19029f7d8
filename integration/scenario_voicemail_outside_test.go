package integration

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"strowger/integration/phone"
	"strowger/integration/stack"
	"strowger/pkg/mailbox"
	"strowger/pkg/mailbox/mailtest"
	"strowger/pkg/rest"
	"strowger/switchnode"
)

// TestVoicemailOutside has a message go to its user by e-mail and by webhook. The mail server wants it later once, and the webhook is away
// once; somebody whom the server does not know stays without, and administrators are told why.
func TestVoicemailOutside(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, mailtest.Config{User: "office", Password: "secret"})
	var mu sync.Mutex
	var posted []map[string]any
	tries := 0
	hook := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var e map[string]any
		b, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(b, &e)
		mu.Lock()
		defer mu.Unlock()
		if tries++; tries == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		posted = append(posted, e)
	}))
	t.Cleanup(hook.Close)
	dir := t.TempDir()
	password, ca := filepath.Join(dir, "password"), filepath.Join(dir, "hook.pem")
	err := os.WriteFile(password, []byte("secret"), 0o600)
	if err == nil {
		err = os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: hook.Certificate().Raw}), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	w := alone(t, stack.Site{Name: "Office 40", Code: "40", Mail: switchnode.Mail{
		Server: "smtp://" + server.Addr, From: "phones@example.com", User: "office", Password: password, CA: []string{server.CA, ca},
	}})
	_, from := w.person(t, len(w.Offices)-1, "Ann", func(c *phone.Config) { c.Say = phone.Sine(low, 120) })
	bob, _ := w.person(t, len(w.Offices)-1, "Bob", nil)
	secret := mailbox.NewWebhookSecret()
	if err := w.Client.SetMailboxSecrets(soon(t), bob.user.ID, rest.MailboxSecrets{WebhookSecret: &secret}); err != nil {
		t.Fatal(err)
	}
	w.policy(t, bob, map[string]any{"dnd": true, "voicemail": map[string]any{"email": "bob@example.com", "webhook": hook.URL + "/vm"}})
	server.Says("RCPT", "451 4.7.1 Greylisted")
	leaves(t, dial(t, from, bob.number.Dial), 2)
	m := w.sent(t, bob.user, 2)
	for _, d := range m.Sent {
		if d.At == nil || d.Tries != 2 {
			t.Errorf("by %s: %+v", d.By, d)
		}
	}
	if taken := server.Taken(); len(taken) != 1 || taken[0].To != "bob@example.com" || !taken[0].TLS || !strings.Contains(taken[0].Text, "Voicemail from Ann") {
		t.Errorf("mailed: %.400v", taken)
	}
	mu.Lock()
	data, _ := posted[0]["data"].(map[string]any)
	if len(posted) != 1 || data["id"] != m.ID || fmt.Sprint(data["recording"])[:10] == "" {
		t.Errorf("posted: %.400v", posted)
	}
	mu.Unlock()

	w.policy(t, bob, map[string]any{"voicemail": map[string]any{"email": "nobody@example.com"}})
	server.Says("RCPT", "550 5.1.1 No such user")
	leaves(t, dial(t, from, bob.number.Dial), 2)
	if d := w.sent(t, bob.user, 1).Sent[0]; d.At != nil || d.Next != nil || !strings.Contains(d.Why, "No such user") {
		t.Errorf("whom the server does not know: %+v", d)
	}
	until(t, func() string {
		page, err := w.Client.Alerts().Page(soon(t), nil, 0, "")
		if err != nil {
			return err.Error()
		}
		for _, a := range page.Items {
			if strings.Contains(a.Words, "A message for Bob is not sent by email") && strings.Contains(a.Words, "No such user") {
				return ""
			}
		}
		return fmt.Sprintf("the alerts: %+v", page.Items)
	})
}

// sent waits until the last message of a user is no longer on its way by so many ways.
func (w *world) sent(t *testing.T, u rest.User, ways int) (m rest.Message) {
	t.Helper()
	until(t, func() string {
		all, err := w.Client.Mailbox(soon(t), u.ID, "")
		if err != nil {
			return err.Error()
		}
		over := 0
		if len(all.Items) > 0 {
			m = all.Items[len(all.Items)-1]
		}
		for _, d := range m.Sent {
			if d.Next == nil {
				over++
			}
		}
		if len(m.Sent) != ways || over != ways {
			return fmt.Sprintf("%+v", m.Sent)
		}
		return ""
	})
	return m
}
