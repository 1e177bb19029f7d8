package designation

import "time"

// Queue says that a call waits while its callee is on the phone.
type Queue struct {
	Line   string        `json:"line"`   // whose: id of the callee
	Length int           `json:"length"` // calls that may wait, 1 and up
	Wait   time.Duration `json:"wait"`   // longest time

	Language string `json:"language,omitempty"` // of what the caller is told, as in "en"; "" for that of the switch
}
