package rest

// Kinds of groups.
const (
	PickUpGroup = "pickup" // each may pick up the calls of the members
	PagingGroup = "paging" // the phones of the members answer, and say what one says to all
)

// Group is users who pick up each other's calls, or who are paged together.
type Group struct {
	Meta
	Organization string `json:"organization" readOnly:"true"`
	Name         string `json:"name" minLength:"1" maxLength:"100"`
	Kind         string `json:"kind" enum:"pickup,paging"`
	// Code is by what the group is dialled after a star code, 1 to 4 digits; empty: by none.
	Code string `json:"code,omitempty" pattern:"^[0-9]{1,4}$"`
	// Members is ids of users: whose calls are picked up, or who is paged. They may pick up and page themselves.
	Members []string `json:"members" maxItems:"100"`
	// Others is ids of users who may pick up their calls, or page them, and are no members.
	Others []string `json:"others,omitempty" maxItems:"100"`
}

// Groups is those of the organization.
func (c Client) Groups() Collection[Group] { return collection[Group](c, "groups") }

// PhoneContact is a number in the organization's phone book.
type PhoneContact struct {
	Meta
	Organization string `json:"organization" readOnly:"true"`
	// Number is a phone number ("+4930123456"), whose calls show Name; or, with SpeedDial, anything that can be dialled.
	Number string `json:"number" minLength:"1" maxLength:"40"`
	Name   string `json:"name" minLength:"1" maxLength:"100"`
	// SpeedDial is two digits by which everybody in the organization calls it, unless their own say something else; empty: none.
	SpeedDial string `json:"speed_dial,omitempty" pattern:"^[0-9]{2}$"`
}

// Contacts is the organization's phone book.
func (c Client) Contacts() Collection[PhoneContact] { return collection[PhoneContact](c, "contacts") }
