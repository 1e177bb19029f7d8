package store

import (
	"context"
	"crypto/sha256"
	"testing"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// What must happen once is noted with the change, and only with it.
func TestRequestsAreNotedWithTheirChange(t *testing.T) {
	onBoth(t, func(ctx context.Context, t *testing.T, s *Store) {
		once := func() *Once { return &Once{Key: sha256.Sum256([]byte("k")), Request: sha256.Sum256([]byte("body"))} }
		noted := func() bool {
			t.Helper()
			request, _, ok, err := s.Reply(ctx, once().Key, time.Time{})
			must(t, err)
			if ok && request != once().Request {
				t.Error("noted with another body")
			}
			return ok
		}
		acme, taken := rest.NewOrganization("Acme"), rest.Site{Name: "Rome", Code: "20"}
		must(t, s.Organizations.Create(ctx, "", &acme))
		must(t, s.Sites.Create(ctx, acme.ID, &taken))
		again := rest.Site{Name: "Oslo", Code: "20"}
		refused(t, s.Sites.Create(WithOnce(ctx, once()), acme.ID, &again), errs.Conflict)
		if noted() {
			t.Error("what was refused is noted")
		}
		again.Code = "30"
		o := once()
		must(t, s.Sites.Create(WithOnce(ctx, o), acme.ID, &again))
		if !noted() {
			t.Error("what was changed is not noted")
		}
		twice := rest.Site{Name: "Bonn", Code: "40"}
		refused(t, s.Sites.Create(WithOnce(ctx, once()), acme.ID, &twice), errs.Conflict) // at another instance
		must(t, s.Sites.Create(WithOnce(ctx, o), acme.ID, &twice))                        // one request, two transactions
		must(t, s.ForgetReply(ctx, o))
		if noted() {
			t.Error("noted although it is forgotten")
		}
	})
}
