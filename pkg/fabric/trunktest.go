package fabric

// TrunkTest begins a test of a trunk at its switch, or asks how the last one gets on. Subject o.<org>.node.<node>.trunk, from the
// cloud. The answer is TrunkTested: what is known by then.
type TrunkTest struct {
	Header
	Trunk string `json:"trunk"`           // id
	Begin bool   `json:"begin,omitempty"` // a new test
	// Of a new test: the number to call, as it is dialled at the site or "+4930123456", "" to call nobody; and who wants it.
	Number string `json:"number,omitempty"`
	By     string `json:"by,omitempty"`
}

// TrunkTested is how a test gets on.
type TrunkTested struct {
	Reply
	Call  string     `json:"call,omitempty"`   // id of the call that is or was made
	To    string     `json:"number,omitempty"` // that it calls
	Steps []TestStep `json:"steps,omitempty"`
	Done  bool       `json:"done,omitempty"`
}

// TestStep is something that a test showed.
type TestStep struct {
	Millis int64  `json:"ms"` // since it began
	Words  string `json:"words"`
	Failed bool   `json:"failed,omitempty"`
	Advice string `json:"advice,omitempty"` // what to change, "" for nothing
}

// SubjectTrunk is where a switch is told to test a trunk: TrunkTest.
func SubjectTrunk(org, node string) string { return subject(org, familyNode, node, "trunk") }
