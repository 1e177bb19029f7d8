package command

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"strowger/pkg/config"
)

// TestDemo: the demo has desk phones and apps call each other, and then tells how to join in with a browser.
func TestDemo(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	r, w := io.Pipe()
	var steps bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- Main(ctx, []string{"demo", "--host", "127.0.0.1"}, w, &steps)
		w.Close()
	}()
	wants := []string{
		"Office 30 heard what office 20 said", "Office 20 heard what office 30 said",
		"The app heard what office 20 said", "Office 20 heard what the app said",
		"Office 20 heard what the app said", "The app heard what office 20 said",
		"The second app heard what the first app said", "The first app heard what the second app said",
		"server 127.0.0.1:", "  http://",
	}
	lines := bufio.NewScanner(r)
	for len(wants) > 0 && lines.Scan() {
		if !strings.Contains(lines.Text(), wants[0]) {
			continue
		}
		if wants = wants[1:]; len(wants) == 0 {
			page := strings.TrimSpace(lines.Text())
			if answer, err := http.Get(page); err != nil || answer.StatusCode != http.StatusOK || answer.Body.Close() != nil || !strings.Contains(page, "/#") {
				t.Errorf("the page %s: %v", page, err)
			}
		}
	}
	stop()
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.Error(err)
	}
	if code := <-ended; code != config.OK || len(wants) > 0 {
		t.Errorf("ended with %d, and did not say %q:\n%s", code, wants, steps.String())
	}
}

// TestDemoQueue: callers wait for who is on the phone, and are answered in their order; one of them is called back.
func TestDemoQueue(t *testing.T) {
	t.Parallel()
	var out, steps bytes.Buffer
	if code := Main(t.Context(), []string{"demo", "--once", "--part", "queue", "--host", "127.0.0.1"}, &out, &steps); code != config.OK {
		t.Fatalf("ended with %d:\n%s%s", code, out.String(), steps.String())
	}
	for _, want := range []string{
		"Watson to 302001 Bell: rang at once", "Ada to 302001 Bell: queued 1, queued kept, unqueued called-back",
		"Ada to 302001 Bell: called back, and answered", "Grace to 302001 Bell: queued 2, queued 1, unqueued answered",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("did not say %q:\n%s", want, out.String())
		}
	}
}

// TestDemoPstn: calls leave by the line that costs least, come in, and are summed up.
func TestDemoPstn(t *testing.T) {
	t.Parallel()
	var out, steps bytes.Buffer
	if code := Main(t.Context(), []string{"demo", "--once", "--part", "pstn", "--host", "127.0.0.1"}, &out, &steps); code != config.OK {
		t.Fatalf("ended with %d:\n%s%s", code, out.String(), steps.String())
	}
	for _, want := range []string{
		"1. trunk Cheap", "in another office, three minutes cost 0.06 EUR", "Refused with 403: +499001234567 is a premium-rate number", "Refused with 404",
		"203001 Anna to +442079460123: left by trunk Cheap, cost 0.02 EUR", "203001 Anna to +442079460123: left by trunk Near, cost 0.09 EUR",
		"+4930999000 a customer of Near to +4930200 Anna: came in", "203003 Emil to 112: left by trunk Near",
		"Cheap  1      1         1:00 min  0.02 EUR", "Near   1      1         1:00 min  0.09 EUR", "0:01 min  not known",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("did not say %q:\n%s", want, out.String())
		}
	}
}

// TestDemoPhone: a desk phone's user puts on hold, transfers, picks up and dials a star code; who hears whom is told.
func TestDemoPhone(t *testing.T) {
	t.Parallel()
	var out, steps bytes.Buffer
	if code := Main(t.Context(), []string{"demo", "--once", "--part", "phone", "--host", "127.0.0.1"}, &out, &steps); code != config.OK {
		t.Fatalf("ended with %d:\n%s%s", code, out.String(), steps.String())
	}
	for _, want := range []string{
		"Watson and Bell hear each other", "Watson hears music", "Watson and Grace hear each other", "Bell and Ada hear each other", "Ada's phone is told: Call completed elsewhere",
		"Ada's phone is told: Parked at 07; Watson hears music", "Watson and Bell hear each other", "Ada hears for",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("did not say %q:\n%s", want, out.String())
		}
	}
}
