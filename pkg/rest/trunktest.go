package rest

import (
	"context"
	"net/http"
	"net/url"
)

// TrunkTrial is what a test of a trunk does besides looking at its servers.
type TrunkTrial struct {
	// Number to call, as it is dialled at the site of the trunk, or "+4930123456"; empty: nobody is called.
	Number string `json:"number,omitempty" maxLength:"64"`
}

// TrunkTest is a test of a trunk, as far as it has come.
type TrunkTest struct {
	// Call is the id of the call that it makes, if it makes one: its record is that of any call.
	Call   string     `json:"call,omitempty"`
	Number string     `json:"number,omitempty"` // that is called
	Steps  []TestStep `json:"steps"`
	Done   bool       `json:"done"`
}

// TestStep is something that a test showed.
type TestStep struct {
	Millis int64  `json:"ms"` // since the test began
	Words  string `json:"words"`
	Failed bool   `json:"failed,omitempty"`
	Advice string `json:"advice,omitempty"` // what to change
}

// Failed says whether any step of a test did.
func (t TrunkTest) Failed() bool {
	for _, s := range t.Steps {
		if s.Failed {
			return true
		}
	}
	return false
}

// TestTrunk begins a test of a trunk. It goes on at the switch: TrunkTested says how.
func (c Client) TestTrunk(ctx context.Context, trunk string, q TrunkTrial) (TrunkTest, error) {
	return act[TrunkTest](ctx, c, "trunks", trunk, "test", q)
}

// TrunkTested reads how the last test of a trunk gets on, or ended.
func (c Client) TrunkTested(ctx context.Context, trunk string) (t TrunkTest, err error) {
	err = c.do(ctx, request{method: http.MethodGet, path: "trunks/" + url.PathEscape(trunk) + "/test"}, &t)
	return t, err
}
