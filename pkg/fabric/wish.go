package fabric

import "strowger/pkg/wish"

// Wish is how a switch changes what the user of one of its phones wishes, or asks for it: star codes. Subject
// o.<org>.sw.<switch>.wish. The phone must be homed on the sender, its user is whose wishes they are. The answer is Wished. What it
// sets is what is to be, so that a repetition changes nothing more.
type Wish struct {
	Header
	Device string      `json:"device"`         // id
	Call   string      `json:"call,omitempty"` // by which it was dialled, for the cloud's log
	Set    wish.Change `json:"set"`            // empty: nothing is changed
}

// Wished is what the user wishes now. A change that the registry would not take from an administrator is refused with its words.
type Wished struct {
	Reply
	wish.State
}

// SubjectWish is where a switch changes what users wish: Wish.
func SubjectWish(org, sw string) string { return subject(org, familySwitch, sw, "wish") }
