package designation

// Help is what who takes an emergency call needs to know.
type Help struct {
	Back     string `json:"back,omitempty"`     // number at which a caller is called back who has none, at a trunk that has none
	Location string `json:"location,omitempty"` // of the caller's site
}
