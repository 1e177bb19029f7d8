package command

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"strowger/pkg/rest"
)

// trunkState is how the switch of a trunk gets on with its servers.
func trunkState(v rest.Trunk) string {
	var all []string
	for _, s := range v.Status {
		words := strings.Trim(serverState(s)+", "+healthState(s), ", ")
		if words != "" && len(v.Servers) > 1 {
			words = s.Server + ": " + words
		}
		if words != "" {
			all = append(all, words)
		}
	}
	return strings.Join(all, "; ")
}

// healthState is what came of asking a server whether it is there.
func healthState(s rest.TrunkServer) string {
	switch {
	case s.Health != "down":
		return s.Health
	case s.HealthCode != 0:
		return fmt.Sprint("down since ", clock(s.HealthSince), ": ", s.HealthCode, " ", s.HealthWords)
	}
	return "down since " + clock(s.HealthSince) + ": " + s.HealthWords
}

func serverState(s rest.TrunkServer) string {
	failure := s.Words
	if s.Code != 0 {
		failure = strings.TrimSpace(fmt.Sprint(s.Code, " ", s.Words))
	}
	again := ""
	if s.Retry != nil {
		again = ", tried again at " + clock(s.Retry)
	}
	switch s.Registration {
	case "trying":
		return "registering"
	case "registered":
		words := "registered until " + clock(s.Until)
		if again != "" {
			words += " (the last try: " + failure + again + ")"
		}
		return words
	case "refused":
		return "refused since " + clock(s.Since) + ": " + failure + again
	case "unreachable":
		return "not reached since " + clock(s.Since) + ": " + failure + again
	}
	return ""
}

// examineTrunks checks the servers of every trunk that takes calls.
func (e *env) examineTrunks() []finding {
	var all []finding
	for v, err := range e.client.Trunks().All(e.ctx, nil) {
		if err != nil {
			return append(all, finding{Check: "trunks", Found: err.Error()})
		}
		if v.Enabled {
			all = append(all, trunkFinding(v))
		}
	}
	return all
}

func trunkFinding(v rest.Trunk) finding {
	f := finding{Check: "trunk " + v.Name, OK: true, Found: cmp.Or(trunkState(v), "takes calls")}
	switch i := slices.IndexFunc(v.Status, func(s rest.TrunkServer) bool {
		return s.Registration == "refused" || s.Registration == "unreachable" || s.Health == "down"
	}); {
	case i < 0:
	case v.Status[i].Registration != "refused":
		f.OK, f.Advice = false, "look at the network of its switch, and whether the company's server "+v.Status[i].Server+" is right: strowger trunk set "+v.Name+" --server HOST"
	default:
		f.OK, f.Advice = false, "ask the company, or give it the right account: strowger trunk set "+v.Name+" --username NAME --password PASSWORD"
	}
	return f
}
