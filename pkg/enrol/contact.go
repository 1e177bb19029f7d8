package enrol

// MaxContacts is how many contacts a device is told.
const MaxContacts = 1000

// Contact is somebody of the organization who can be called.
type Contact struct {
	Name   string `json:"name"`
	Number string `json:"number"` // as it is dialled
}
