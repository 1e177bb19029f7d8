package e164

import "testing"

func TestOrigin(t *testing.T) {
	for _, c := range []struct {
		number, country string
		kind            Kind
	}{
		{"+4930123456", "DE", Ordinary},
		{"+4915112345678", "DE", Ordinary},
		{"+498001234567", "DE", Ordinary},
		{"+499001234567", "DE", Premium},
		{"+49900123456789", "DE", Premium}, // digits behind the end are not listened to
		{"+4913712345678901", "DE", SharedCost},
		{"+187655512349", "JM", Ordinary},
		{"+491801234567", "DE", SharedCost},
		{"+442079460123", "GB", Ordinary},
		{"+447012345678", "GB", Personal},
		{"+19002345678", "US", Premium},
		{"+18765551234", "JM", Ordinary},
		{"+881612345678", "", Network},
		{"+8835100123456", "", Network},
		{"+870773123456", "", Network},
		{"+97912345678", "", Network},
		{"+6903123", "TK", Ordinary},
		{"+4932", "DE", Ordinary},
		{"x", "", Ordinary},
	} {
		if country, kind := Origin(c.number); country != c.country || kind != c.kind {
			t.Errorf("%s: %q %s, want %q %s", c.number, country, kind, c.country, c.kind)
		}
	}
}
