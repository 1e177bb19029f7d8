package fabric

// AppAdmit asks for a call of an app (steps A, B, C). Subject o.<org>.br.<bridge>.admit: any bridge of the organization carries
// it, for what counts is the device's own signature. The answer is Admitted with a designation. With Crossing too the callee has
// a call to the caller under way, and the designation is that of the caller's leg of it, of ring attempt channel.CrossingEpoch.
type AppAdmit struct {
	Header
	Admit string `json:"admit"` // proof of type proof.TypeAdmit
}

// Promise answers an Offer that asks (C12): this run of the node will take the call from who shows the nonce, as the slot of a
// session key. Nodes that know no calls of apps answer without a nonce.
type Promise struct {
	Reply
	Nonce string `json:"nonce,omitempty"`
	Boot  string `json:"boot,omitempty"`
}
