package sipside

import (
	"bytes"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"strowger/pkg/sip"
)

func TestFloodOfRefusalsIsToldOnceAMinute(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(1_700_000_000, 0)
	r := newRefusals(slog.New(slog.NewTextHandler(&out, nil)), func() time.Time { return now })
	for range 3000 {
		r.tell(wrongPassword, "1001", sip.Peer{Addr: netip.MustParseAddrPort("192.0.2.1:5060")})
		now = now.Add(60 * time.Millisecond)
	}
	if n := strings.Count(out.String(), "\n"); n != 5+2 || r.counts()["wrong-password"] != 3000 {
		t.Errorf("%d lines, want 5 and one a minute; counted %v\n%s", n, r.counts(), out.String())
	}
}
