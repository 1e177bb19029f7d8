package cloud

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"strowger/pkg/rest"
)

// TestAlertsWaitForNoOtherAddress has the program of one organization not answer, while it has more alerts than one: another
// organization hears of its own.
func TestAlertsWaitForNoOtherAddress(t *testing.T) {
	stuck, reached := make(chan struct{}), make(chan struct{}, 2)
	dead := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stuck }))
	defer dead.Close()
	alive := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached <- struct{}{} }))
	defer alive.Close()
	m := mailer{client: &http.Client{}, log: slog.New(slog.DiscardHandler), waiting: map[string][]rest.Alert{}}
	for range 2 {
		m.add(t.Context(), dead.URL, rest.Alert{})
		m.add(t.Context(), alive.URL, rest.Alert{})
	}
	for range 2 {
		select {
		case <-reached:
		case <-time.After(time.Minute):
			t.Fatal("an alert waits for those of another address")
		}
	}
	close(stuck)
	m.work.Wait()
	if len(m.waiting) != 0 {
		t.Errorf("%d addresses are kept", len(m.waiting))
	}
}
