package switchnode

import "testing"

func TestOriginOf(t *testing.T) {
	for address, want := range map[string]string{
		"https://bridge.example.com":      "https://bridge.example.com:",
		"https://Bridge.Example.com:443/": "https://bridge.example.com:",
		"https://bridge.example.com:8443": "https://bridge.example.com:8443",
		"http://127.0.0.1:80":             "http://127.0.0.1:",
		"http://bridge.example.com":       "http://bridge.example.com:",
		"https://[2001:db8::1]:8443":      "https://[2001:db8::1]:8443",
		"null":                            "",
		"":                                "",
		"https://":                        "",
		"://":                             "",
	} {
		if got := originOf(address); got != want {
			t.Errorf("origin of %q is %q, want %q", address, got, want)
		}
	}
}
