package sipside

import (
	"strings"
	"testing"
	"time"

	"strowger/pkg/sip"
	"strowger/switchnode/internal/trunk/upkeep"
)

// TestAnswerOf reads what registrars say to a REGISTER for ten minutes.
func TestAnswerOf(t *testing.T) {
	contact := sip.URI{Scheme: "sip", User: "token", Host: "192.0.2.1", Port: 5060}
	for _, c := range []struct {
		code    int
		headers []string
		want    upkeep.Answer
	}{
		{200, nil, upkeep.Answer{Granted: 10 * time.Minute}},
		{200, []string{"Expires: 300"}, upkeep.Answer{Granted: 5 * time.Minute}},
		{200, []string{"Contact: <sip:other@192.0.2.9>;expires=5, <sip:token@203.0.113.1:1024>;expires=60", "Expires: 300"}, upkeep.Answer{Granted: time.Minute}},
		{200, []string{"Contact: <sip:token@192.0.2.1>"}, upkeep.Answer{Granted: 10 * time.Minute}},
		{200, []string{"Contact: <sip:other@192.0.2.9>;expires=5"}, upkeep.Answer{}},
		{423, []string{"Min-Expires: 3600"}, upkeep.Answer{Least: time.Hour}},
		{503, []string{"Retry-After: 120 (in maintenance);duration=60"}, upkeep.Answer{RetryAfter: 2 * time.Minute}},
		{403, nil, upkeep.Answer{}},
	} {
		res := &sip.Response{StatusCode: c.code, Reason: "Words"}
		for _, h := range c.headers {
			name, v, _ := strings.Cut(h, ": ")
			res.AppendHeader(sip.NewHeader(name, v))
		}
		c.want.Code, c.want.Words = c.code, "Words"
		if got := answerOf(res, contact, 10*time.Minute); got != c.want {
			t.Errorf("%d %q: %+v, want %+v", c.code, c.headers, got, c.want)
		}
	}
}
