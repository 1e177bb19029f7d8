package integration

import (
	"strings"
	"testing"

	"strowger/integration/phone"
)

// TestDatabaseGone kills PostgreSQL: the cloud says so, calls go on, and what they wrote is in the database when it is back.
// Then it kills the cloud between the admission of a call and its answer.
func TestDatabaseGone(t *testing.T) {
	t.Parallel()
	d := deploy(t, postgres, embedded)
	ann, from := d.person(t, 0, "Ann", nil)
	bob, to := d.person(t, 1, "Bob", nil)
	d.peerDocuments(t)
	says := func(words string) {
		t.Helper()
		until(t, func() string {
			if !strings.Contains(d.log.since(0), words) {
				return "the cloud does not say " + words
			}
			return ""
		})
	}
	must(d.postgres.Kill)(t)
	says("the database is away")
	out, in := connect(t, from, bob.number.Dial, to)
	hangUp(t, out, in)
	must(d.postgres.Start)(t)
	says("the database is back")
	d.record(t, ann.user, 2)

	out, in = ring(t, from, bob.number.Dial, to)
	d.cloud.kill(t)
	d.cloud.launch(t, d.dir, d.log)
	in.Answer()
	saw(t, out, phone.Answered)
	d.cloud.started(t, &struct{}{})
	hangUp(t, out, in)
	if r := d.record(t, ann.user, 2); r.AnsweredAt == nil || r.EndedBy != "caller" {
		t.Errorf("the call that was answered without the cloud: answered %v, by %q", r.AnsweredAt, r.EndedBy)
	}
	d.checkLedger(t)
}
