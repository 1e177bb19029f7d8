package ledger

import (
	"fmt"
	"strings"
)

// note says in words what an event that is no arrow tells; name turns ids into names.
func note(e Event, name func(id string) string) string {
	device := ""
	if e.Device != "" {
		device = " " + name(e.Device)
	}
	offline := ""
	if e.Offline {
		offline = " without the cloud"
	}
	switch e.Kind {
	case Message: // one that has not two ends
		return e.Text
	case Attempt:
		if e.To != nil {
			return "dialled " + e.To.Number
		}
	case Admitted:
		if e.To != nil {
			return "admitted to " + strings.TrimSpace(e.To.Name+" "+e.To.Number) + offline
		}
	case Diverted:
		if e.To != nil {
			return "goes on from " + e.Text + " to " + strings.TrimSpace(e.To.Name+" "+e.To.Number) + e.Cause.text()
		}
	case Queued:
		if e.Text == KeptPlace {
			return "the caller keeps the place"
		}
		return "waits at place " + e.Text
	case Unqueued:
		return "waits no longer: " + e.Text
	case Line:
		if l := e.Line; l != nil && e.Cause != nil {
			return "trunk " + l.Name + " does not take " + l.Number + e.Cause.text()
		} else if l != nil {
			return "trunk " + l.Name + " took " + l.Number
		}
	case Trying:
		return "tries" + device
	case Ringing:
		return "rings" + device
	case Wake:
		return "wake" + device + ": " + e.Text + e.Cause.text()
	case Answered:
		return "answered" + device + codec(" with ", e.Codec)
	case Refused, LegEnded:
		return string(e.Kind) + e.Cause.text()
	case Ended:
		return "ended by " + e.By + e.Cause.text()
	case Media:
		return fmt.Sprintf("media%s %s <-> %s", codec(" ", e.Codec), e.Local, e.Remote)
	case Silent:
		return e.Text
	case Quality:
		if q := e.Quality; q != nil {
			text := fmt.Sprintf("received %d packets, %d lost, jitter %.1f ms; sent %d", q.PacketsReceived, q.LostReceived, q.JitterReceived, q.PacketsSent)
			if q.Encryption != "" {
				text += "; encryption: " + q.Encryption
			}
			return text
		}
	}
	return string(e.Kind) + device
}

func codec(before, name string) string {
	if name == "" {
		return ""
	}
	return before + name
}

func (c *Cause) text() string {
	if c == nil {
		return ""
	}
	words := c.Words
	if words == "" {
		words = c.Code
	}
	if c.SIP == 0 {
		return fmt.Sprintf(": %s (Q.850 %d)", words, c.Q850)
	}
	return fmt.Sprintf(": %s (SIP %d, Q.850 %d)", words, c.SIP, c.Q850)
}
