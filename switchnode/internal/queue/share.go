package queue

import (
	"slices"
	"time"
)

// joins notes whom the line of an entry is for.
func (h *Hall) joins(e Entry) {
	for _, m := range e.Members {
		if h.serve[m] == nil {
			h.serve[m] = map[string]bool{}
		}
		h.serve[m][e.Line] = true
	}
}

// share offers who became free to the lines that wait for them: to that one first whose head is to be served first.
func (h *Hall) share(now time.Time, touched map[string]bool) []Action {
	var acts []Action
	for freed := h.team.takeFreed(); len(freed) > 0; freed = h.team.takeFreed() {
		for _, m := range freed {
			var lines []*Line
			for name := range h.serve[m] {
				lines = append(lines, h.lines[name])
			}
			lines = append(lines, h.lines[m]) // their own
			lines = slices.DeleteFunc(lines, func(l *Line) bool { return l == nil || l.Len() == 0 })
			slices.SortFunc(lines, (*Line).before)
			for _, l := range lines {
				if len(h.team.on[m]) >= l.seats {
					break
				}
				touched[l.name] = true
				acts = append(acts, l.Step(now, Tick{})...)
			}
		}
	}
	return acts
}

// disband forgets whom a line was for.
func (h *Hall) disband(l *Line) {
	for m, lines := range h.serve {
		if delete(lines, l.name); len(lines) == 0 {
			delete(h.serve, m)
		}
	}
	if h.serve[l.name] == nil {
		h.team.forget(l.name)
	}
}
