package fabric

import "time"

// Phones of other makers' that sleep register their push tokens at their switch (RFC 8599), and not at the cloud. The switch keeps
// them, and shows them to a bridge beside the ticket by which it may wake the phone (Wake.Targets).

// PushService is a push service that a bridge reaches, for the apps of an account there.
type PushService struct {
	Provider Provider `json:"provider"`
	Account  string   `json:"account,omitempty"` // APNs: team id; FCM: project; Web Push: none
}

// PushServices asks which push services the bridges of the organization reach. Subject o.<org>.sw.<switch>.pushes.
type PushServices struct{ Header }

// PushServicesReply answers PushServices.
type PushServicesReply struct {
	Reply
	Services []PushService `json:"services"`
}

// Permit asks for a ticket (package waketicket) to wake a desk phone of that switch's for a call that it anchors. Subject
// o.<org>.sw.<switch>.permit. A device of another switch is errs.Forbidden, one that is disabled errs.Disabled.
type Permit struct {
	Header
	Device string    `json:"device"`
	Call   string    `json:"call"`
	Leg    string    `json:"leg"`
	Until  time.Time `json:"until"` // end of the ring; the ticket lives as long as a session key may at most
}

// PermitReply answers Permit.
type PermitReply struct {
	Reply
	Ticket string `json:"ticket"`
}

// SubjectPushServices is where a switch asks which push services there are: PushServices.
func SubjectPushServices(org, sw string) string { return subject(org, familySwitch, sw, "pushes") }

// SubjectPermit is where a switch asks to wake a phone: Permit.
func SubjectPermit(org, sw string) string { return subject(org, familySwitch, sw, "permit") }
