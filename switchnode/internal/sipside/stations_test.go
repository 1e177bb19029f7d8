package sipside

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"strowger/pkg/fabric"
	"strowger/pkg/sip"
	"strowger/pkg/sitecopy"
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

// TestProbes asks two servers whether they are there, of which one is: it is tried first.
func TestProbes(t *testing.T) {
	changed := make(chan struct{}, 1)
	o := newOffice(t)
	there := o.udp.String()
	const nobody = "127.0.0.1:9" // nobody takes this port, as somebody may that was free a moment ago
	trunk := sitecopy.Trunk{ID: "tk_1", Servers: []string{nobody, there}, Probe: 20 * time.Millisecond}
	p := New(Config{
		Logger: slog.New(slog.DiscardHandler), Accounts: account, Now: time.Now, Hosts: Hosts{Host: loopback}, Registrar: o.registrar,
		Trunks: func() []sitecopy.Trunk { return []sitecopy.Trunk{trunk} },
		Locate: func(_ context.Context, u sip.URI, _ string) ([]sip.Peer, error) {
			return []sip.Peer{{Transport: sip.UDP, Addr: netip.AddrPortFrom(loopback, uint16(u.Port))}}, nil
		},
		Stations: Stations{Changed: func() {
			select {
			case changed <- struct{}{}:
			default:
			}
		}},
	})
	if _, err := p.Listen(netip.AddrPortFrom(loopback, 0)); err != nil {
		t.Fatal(err)
	}
	run(t, p.Run)
	health := func(server string) string {
		all := p.State()
		i := slices.IndexFunc(all, func(s fabric.TrunkServer) bool { return s.Server == server })
		if i < 0 {
			return ""
		}
		return all[i].Health
	}
	for late := time.After(time.Minute); health(nobody) != "down" || health(there) != "up"; {
		select {
		case <-changed:
		case <-late:
			t.Fatalf("%+v", p.State())
		}
	}
	all := soundFirst(p.carriers(t.Context(), trunk))
	if len(all) != 2 || all[0].uri.Port == 9 || all[1].uri.Port != 9 {
		t.Errorf("tried in the order %+v", all)
	}
}
