package sipside

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"strowger/pkg/sip"
	"strowger/pkg/sitecopy"
	"strowger/switchnode/internal/trunk/upkeep"
)

// TestLostForAnHour has the server of a trunk be gone from DNS for an hour: it is looked for less and less often, and people are told
// once. A trunk that is there no more is nobody's concern.
func TestLostForAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries atomic.Int32
		var trunks atomic.Pointer[[]sitecopy.Trunk]
		trunks.Store(&[]sitecopy.Trunk{{ID: "tk_1", Name: "Company", Servers: []string{"gone.example"}, Register: true, User: "line1"}})
		var alerts []string
		begin := time.Now()
		p := New(Config{
			Logger: slog.New(slog.DiscardHandler), Accounts: account, Now: time.Now, Hosts: Hosts{Host: netip.MustParseAddr("192.0.2.1")},
			Trunks:   func() []sitecopy.Trunk { return *trunks.Load() },
			Password: func(string) string { return "secret" },
			Locate: func(context.Context, sip.URI, string) ([]sip.Peer, error) {
				tries.Add(1)
				return nil, errors.New("no such host")
			},
			Stations: Stations{Alert: func(severity, trunk, words string) {
				alerts = append(alerts, time.Since(begin).String()+" "+severity+" "+trunk+": "+words)
			}},
		})
		ctx, cancel := context.WithCancel(t.Context())
		p.ctx = ctx
		p.station(ctx)
		p.work.Go(func() { p.watchTrunks(ctx) })
		time.Sleep(time.Hour)
		synctest.Wait()
		want := "5m0s warning tk_1: trunk Company is lost: gone.example cannot be registered at (no such host); calls go by other trunks first, where there are any"
		if n := tries.Load(); !slices.Equal(alerts, []string{want}) || n < 4 || n > 10 {
			t.Errorf("%d tries; alerts %q", n, alerts)
		}
		trunks.Store(&[]sitecopy.Trunk{})
		p.station(ctx)
		nudge(p.stations.noted)
		synctest.Wait()
		cancel()
		p.work.Wait()
		if len(alerts) != 1 {
			t.Errorf("of a trunk that is no more: %q", alerts)
		}
	})
}

// TestLostWords says why trunks are lost.
func TestLostWords(t *testing.T) {
	many := make([]upkeep.Server, 8)
	names := make([]string, len(many))
	for i := range many {
		many[i].Registration, names[i] = &upkeep.Status{State: upkeep.Refused, Code: 403, Words: strings.Repeat("é", 50)}, strings.Repeat("h", 100)
	}
	if words := lostWords("Company", names, many); len(words) > maxWords || !strings.HasPrefix(words, "trunk Company is lost: hhh") {
		t.Errorf("%d bytes: %s", len(words), words)
	}
	words := lostWords("Company", []string{"a", "b", "c"}, []upkeep.Server{
		{Registration: &upkeep.Status{State: upkeep.Registered}, Health: &upkeep.Status{State: upkeep.Down}},
		{Health: &upkeep.Status{State: upkeep.Down, Code: 503, Words: "Maintenance"}},
		{Registration: &upkeep.Status{State: upkeep.Unreachable}},
	})
	if want := "trunk Company is lost: a is down (no answer), b is down (503 Maintenance), c cannot be registered at (no answer); calls"; !strings.HasPrefix(words, want) {
		t.Error(words)
	}
}
