package exchange

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"strowger/pkg/limit"
)

// TestServerLogOfStrangersIsBounded: failed handshakes of an address are told a few times, what a node that was let in does always.
func TestServerLogOfStrangersIsBounded(t *testing.T) {
	var b bytes.Buffer
	l := serverLog{log: slog.New(slog.NewTextHandler(&b, nil)), told: limit.NewTold[string](time.Now)}
	const times = 40
	for n := range times {
		l.Errorf("%s - cid:%d - TLS handshake error: EOF", fmt.Sprint("192.0.2.9:", 1024+n), n)
		l.Errorf("192.0.2.7:4711 - cid:5 - Publish Violation - Subject %d", n)
	}
	l.Errorf("[2001:db8::1]:4711 - cid:99 - TLS handshake error: EOF")
	text := b.String()
	if n := strings.Count(text, "192.0.2.9"); n == 0 || n >= times/2 {
		t.Errorf("%d lines about one address", n)
	}
	if strings.Count(text, "Violation") != times || !strings.Contains(text, "2001:db8::1") {
		t.Error("others are not told of")
	}
}
