package pushtarget

import (
	"fmt"
	"strings"
	"testing"

	"strowger/pkg/errs"
)

func TestCheck(t *testing.T) {
	good := Target{Provider: APNs, App: "com.example.phone", Token: "00ff"}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for words, change := range map[string]func(*Target){
		"push provider":          func(t *Target) { t.Provider = "smoke" },
		"app of a push token":    func(t *Target) { t.App = strings.Repeat("a", MaxApp+1) },
		"control characters":     func(t *Target) { t.App = "com.example.phone\r\napns-priority: 1" },
		"push token of 0 bytes":  func(t *Target) { t.Token = "" },
		"push token of 2049 byt": func(t *Target) { t.Token = strings.Repeat("a", MaxToken+1) },
	} {
		bad := good
		change(&bad)
		if err := bad.Check(); errs.CodeOf(err) != errs.Invalid || !strings.Contains(err.Error(), words) {
			t.Errorf("want %q, got %v", words, err)
		}
	}
	if s := fmt.Sprint(good.LogValue()); strings.Contains(s, good.Token) {
		t.Errorf("logs show the token: %s", s)
	}
}
