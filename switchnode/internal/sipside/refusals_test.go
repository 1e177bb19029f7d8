package sipside

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestFloodOfRefusalsIsToldOnceASecond(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(1_700_000_000, 0)
	r := refusals{log: slog.New(slog.NewTextHandler(&out, nil)), now: func() time.Time { return now }}
	for range 3000 {
		r.tell("sign-in with a wrong password", "1001", "192.0.2.1:5060")
		now = now.Add(time.Millisecond)
	}
	if n := strings.Count(out.String(), "\n"); n != 3 || !strings.Contains(out.String(), "untold=999") {
		t.Errorf("%d lines:\n%s", n, out.String())
	}
}
