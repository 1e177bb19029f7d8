package store

import (
	"log/slog"
	"testing"
)

// TestOneCertificate brings a database up to date in which phones have one name in their certificates: the first keeps it. A later second is refused.
func TestOneCertificate(t *testing.T) {
	for engine, dsn := range dsns(t) {
		t.Run(engine, func(t *testing.T) {
			s := open(t, dsn(t))
			o := newOffice(t.Context(), t, s)
			for _, q := range []string{
				`DROP INDEX devices_by_certificate`, `DELETE FROM goose_db_version WHERE version_id = 71`,
				`UPDATE devices SET certificate = 'phone.example', sign_in = 'certificate'`,
			} {
				if _, err := s.engine.write.ExecContext(t.Context(), q); err != nil {
					t.Fatal(err)
				}
			}
			must(t, migrate(t.Context(), s.engine, slog.New(slog.DiscardHandler)))
			for i, want := range []string{"phone.example", ""} {
				d, err := s.Devices.Get(t.Context(), o.org.ID, o.devices[i].ID)
				if err != nil || d.Certificate != want || (d.SignIn == "certificate") != (want != "") {
					t.Errorf("phone %d has the name %q and signs in by %q, %v", i, d.Certificate, d.SignIn, err)
				}
			}
			if _, err := s.engine.write.ExecContext(t.Context(), `UPDATE devices SET certificate = 'phone.example'`); err == nil {
				t.Error("two phones have one certificate")
			}
		})
	}
}
