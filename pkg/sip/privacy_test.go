package sip

import (
	"testing"

	"github.com/emiago/sipgo/sip"
)

func TestWithheld(t *testing.T) {
	for _, c := range []struct {
		host, privacy string
		want          bool
	}{
		{"h", "", false}, {"h", "none", false}, {"h", "session", false}, {"h", "id", true}, {"h", "ID;critical", true},
		{"h", "session; user", true}, {"h", "header", true}, {"Anonymous.invalid", "", true}, {"h", `";id"`, false},
	} {
		req := sip.NewRequest(sip.INVITE, URI{Scheme: "sip", Host: "h"})
		req.AppendHeader(&sip.FromHeader{Address: URI{Scheme: "sip", User: "a", Host: c.host}})
		if c.privacy != "" {
			req.AppendHeader(NewHeader("Privacy", c.privacy))
		}
		if Withheld(req) != c.want {
			t.Errorf("%q of %s: %t", c.privacy, c.host, !c.want)
		}
	}
}
