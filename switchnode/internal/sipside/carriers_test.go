package sipside

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"strowger/pkg/sip"
	"strowger/pkg/sitecopy"
)

// TestTrunkAt knows phone companies by where they call from.
func TestTrunkAt(t *testing.T) {
	p := New(Config{
		Logger: slog.New(slog.DiscardHandler), Accounts: account, Now: time.Now, Trunks: func() []sitecopy.Trunk {
			return []sitecopy.Trunk{
				{ID: "tk_1", Servers: []string{"192.0.2.1", "192.0.2.2:5080", "[2001:db8::1]:5060"}},
				{ID: "tk_2", Servers: []string{"sip.example.com", "lost.example.com"}},
				{ID: "tk_3", Servers: []string{"pbx.example.com:5070"}},
			}
		},
		Locate: func(_ context.Context, u sip.URI, _ string) ([]sip.Peer, error) {
			switch {
			case strings.HasPrefix(u.Host, "lost"):
				return nil, errors.New("no such name")
			case u.Port == 5070:
				return []sip.Peer{{Transport: sip.UDP, Addr: netip.MustParseAddrPort("198.51.100.2:5070")}}, nil
			}
			return []sip.Peer{{Transport: sip.UDP, Addr: netip.MustParseAddrPort("198.51.100.1:5060")}}, nil
		},
	})
	ended, end := context.WithCancel(t.Context())
	end()
	p.resolve(ended)
	for from, want := range map[string]string{
		"192.0.2.1:5060": "tk_1", "192.0.2.1:33333": "tk_1", "192.0.2.2:5080": "tk_1", "192.0.2.2:5060": "", "[2001:db8::1]:5060": "tk_1",
		"198.51.100.1:5060": "tk_2", "198.51.100.1:4444": "tk_2", "198.51.100.2:5070": "tk_3", "198.51.100.2:5060": "", "203.0.113.1:5060": "",
	} {
		if got, _ := p.trunkAt(sip.Peer{Transport: sip.UDP, Addr: netip.MustParseAddrPort(from)}); got.ID != want {
			t.Errorf("from %s: %q, want %q", from, got.ID, want)
		}
	}
}

func TestShortened(t *testing.T) {
	for text, want := range map[string]string{"Anna": "Anna", "a\r\nb\x00": "ab", "\xff": "", strings.Repeat("\u00e9", 40): strings.Repeat("\u00e9", 32),
		"a\u202eb\u2028c\u200fd": "abcd", "\u0645\u06cc\u200c\u062e": "\u0645\u06cc\u200c\u062e"} {
		if got := shortened(text); got != want {
			t.Errorf("%q is %q", text, got)
		}
	}
}

// TestDialable: what a company says of a caller is a number, or the name of a user, or nothing that anybody is told.
func TestDialable(t *testing.T) {
	for number, want := range map[string]string{
		"+4930123456": "+4930123456", "%2B4930123456": "+4930123456", "030/12": anonymous, "anna.b-1": "anna.b-1", "0049%2030 12": "0049 30 12", "": "", "+4930;npdi": "+4930;npdi",
		"+49-30-888;phone-context=x": "+49-30-888;phone-context=x", ";x": anonymous, "=1+1": anonymous,
		"+4931%0D%0ABcc%3Ax": anonymous, "..%2f..%2fetc": anonymous, "%zz": anonymous, "１２": anonymous,
	} {
		if got := dialable(number); got != want {
			t.Errorf("%q is %q, want %q", number, got, want)
		}
	}
}

func TestSubscriber(t *testing.T) {
	for text, want := range map[string]string{
		"<tel:+4930888>": "+4930888", `"A" <tel:+49-30-888;phone-context=x>`: "+49-30-888;phone-context=x", "<sip:+4930;npdi@h>": "+4930;npdi", "<sip:h>": "", "<urn:x:y>": "",
	} {
		if _, u, _, err := sip.ParseAddress(text); err != nil || subscriber(u) != want {
			t.Errorf("%s: %q, %v", text, subscriber(u), err)
		}
	}
}
