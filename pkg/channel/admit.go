package channel

import "strowger/pkg/designation"

// Admit is a request: the device asks the cloud for a call. Admitted answers it.
type Admit struct {
	Admit string `json:"admit"` // proof of type proof.TypeAdmit
}

// CrossingEpoch is the ring attempt of a call that a caller finds under way to itself.
const CrossingEpoch = 1

// Admitted says where a call goes. With Crossing the callee has that call to the device under way, and the designation is for
// the device's own leg of it, of ring attempt CrossingEpoch.
type Admitted struct {
	From        designation.Party        `json:"from"`
	To          designation.Party        `json:"to"`
	Designation *designation.Designation `json:"designation"`
	Crossing    string                   `json:"crossing,omitempty"`
}
