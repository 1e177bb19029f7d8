package sip

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// happening is what a machine is told, and when.
type happening struct {
	at   time.Duration
	what string // "copy", "ack", a response's code received ("<486") or sent ("486>")
}

// play tells a machine what happens and lets its timers expire. It returns what the machine asked for, and when.
func play(m *machine, all ...happening) []string {
	epoch := time.Unix(0, 0)
	var log []string
	note := func(at time.Time, a action) {
		var words []string
		for bit, word := range map[action]string{repeat: "repeat", pass: "pass", lapse: "lapse"} {
			if a&bit != 0 {
				words = append(words, word)
			}
		}
		if slices.Sort(words); len(words) > 0 {
			log = append(log, fmt.Sprintf("%v %s", at.Sub(epoch), strings.Join(words, "+")))
		}
	}
	expire := func(until time.Time) {
		for due := m.next(); !due.IsZero() && !due.After(until); due = m.next() {
			note(due, m.tick(due))
		}
	}
	if m.client {
		m.begin(epoch)
	} else {
		m.await(epoch)
	}
	for _, h := range all {
		now := epoch.Add(h.at)
		expire(now)
		code := 0
		_, _ = fmt.Sscanf(strings.Trim(h.what, "<>"), "%d", &code)
		switch {
		case h.what == "copy":
			note(now, m.copied())
		case h.what == "ack":
			note(now, m.acked(now))
		case h.what[0] == '<':
			note(now, m.received(now, code))
		default:
			note(now, m.respond(now, code))
		}
	}
	expire(epoch.Add(time.Hour))
	end := "stays"
	if m.stage == terminated {
		end = "ends"
	}
	return append(log, end)
}

func TestTimers(t *testing.T) {
	const ms, s = time.Millisecond, time.Second
	invite := func(m machine) machine { m.invite = true; return m }
	reliable := func(m machine) machine { m.reliable = true; return m }
	client, server := machine{client: true}, machine{}
	for name, c := range map[string]struct {
		m    machine
		all  []happening
		want string
	}{
		"A and B, 17.1.1.2":       {invite(client), nil, "500ms repeat,1.5s repeat,3.5s repeat,7.5s repeat,15.5s repeat,31.5s repeat,32s lapse,ends"},
		"B, reliable":             {reliable(invite(client)), nil, "32s lapse,ends"},
		"no B after a 1xx":        {invite(client), []happening{{200 * ms, "<180"}, {90 * s, "<183"}}, "200ms pass,1m30s pass,stays"},
		"late 1xx":                {invite(client), []happening{{200 * ms, "<486"}, {1 * s, "<180"}}, "200ms pass+repeat,ends"},
		"D, 17.1.1.2":             {invite(client), []happening{{100 * ms, "<486"}, {s, "<486"}, {32 * s, "<486"}, {33 * s, "<486"}}, "100ms pass+repeat,1s repeat,32s repeat,ends"},
		"D, reliable":             {reliable(invite(client)), []happening{{100 * ms, "<486"}, {s, "<486"}}, "100ms pass+repeat,ends"},
		"2xx":                     {invite(client), []happening{{s, "<200"}, {2 * s, "<200"}}, "500ms repeat,1s pass,ends"},
		"E and F, 17.1.2.2":       {client, nil, "500ms repeat,1.5s repeat,3.5s repeat,7.5s repeat,11.5s repeat,15.5s repeat,19.5s repeat,23.5s repeat,27.5s repeat,31.5s repeat,32s lapse,ends"},
		"E after a 1xx":           {client, []happening{{200 * ms, "<100"}}, "200ms pass,500ms repeat,4.5s repeat,8.5s repeat,12.5s repeat,16.5s repeat,20.5s repeat,24.5s repeat,28.5s repeat,32s lapse,ends"},
		"F, reliable":             {reliable(client), []happening{{200 * ms, "<100"}}, "200ms pass,32s lapse,ends"},
		"final":                   {client, []happening{{s, "<486"}, {2 * s, "<486"}}, "500ms repeat,1s pass,ends"},
		"before any response":     {invite(server), []happening{{s, "copy"}}, "ends"},
		"no response at all":      {server, []happening{{s, "copy"}, {31 * s, "200>"}, {33 * s, "copy"}}, "31s repeat,33s repeat,ends"},
		"response to nobody":      {server, []happening{{33 * s, "200>"}}, "ends"},
		"copy, 17.2.1":            {invite(server), []happening{{s, "180>"}, {2 * s, "copy"}, {3 * s, "183>"}, {4 * s, "copy"}}, "1s repeat,2s repeat,3s repeat,4s repeat,stays"},
		"G and H, 17.2.1":         {invite(server), []happening{{0, "486>"}}, "0s repeat,500ms repeat,1.5s repeat,3.5s repeat,7.5s repeat,11.5s repeat,15.5s repeat,19.5s repeat,23.5s repeat,27.5s repeat,31.5s repeat,ends"},
		"H, reliable":             {reliable(invite(server)), []happening{{0, "486>"}, {31 * s, "copy"}, {33 * s, "copy"}}, "0s repeat,31s repeat,ends"},
		"I, 17.2.1":               {invite(server), []happening{{0, "486>"}, {600 * ms, "ack"}, {700 * ms, "ack"}, {s, "copy"}}, "0s repeat,500ms repeat,ends"},
		"second final response":   {invite(server), []happening{{0, "487>"}, {100 * ms, "200>"}, {200 * ms, "ack"}}, "0s repeat,ends"},
		"L, RFC 6026, 7.1":        {invite(server), []happening{{0, "200>"}, {s, "copy"}, {s, "200>"}, {2 * s, "486>"}, {31 * s, "200>"}, {33 * s, "200>"}}, "0s repeat,1s repeat,31s repeat,ends"},
		"L, ACK with that branch": {invite(server), []happening{{0, "200>"}, {s, "ack"}}, "0s repeat,1s pass,ends"},
		"J, 17.2.2":               {server, []happening{{0, "200>"}, {s, "copy"}, {31 * s, "copy"}, {33 * s, "copy"}}, "0s repeat,1s repeat,31s repeat,ends"},
		"J, reliable":             {reliable(server), []happening{{0, "200>"}, {s, "copy"}}, "0s repeat,ends"},
	} {
		if got := strings.Join(play(&c.m, c.all...), ","); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
}

// TestTimerLengths pins the ends of stages that ask for nothing.
func TestTimerLengths(t *testing.T) {
	now := time.Unix(0, 0)
	ack := machine{invite: true}
	ack.respond(now, 486)
	ack.acked(now)
	refused := machine{client: true, invite: true}
	refused.received(now, 486)
	answered := machine{invite: true}
	answered.respond(now, 200)
	for name, c := range map[string]struct {
		m    machine
		want time.Duration
	}{"I": {ack, 5 * time.Second}, "D": {refused, 32 * time.Second}, "L": {answered, 32 * time.Second}} {
		if got := c.m.next().Sub(now); got != c.want {
			t.Errorf("timer %s is %v, want %v", name, got, c.want)
		}
	}
}
