package rest

import (
	"context"
	"net/http"
	"net/url"

	"strowger/pkg/tariff"
)

// Route says which trunks take the calls to some numbers, and in what order. Of those that hold the longest prefix counts, then the one
// that holds for the shorter part of a week; numbers without a route may take every trunk.
type Route struct {
	Meta
	Organization string   `json:"organization" readOnly:"true"`
	Prefix       string   `json:"prefix"`                            // of the number: "+44"; "+": every number
	Trunks       []string `json:"trunks" minItems:"1" maxItems:"16"` // ids, the first to be tried first
	Days         string   `json:"days,omitempty"`                    // "mon-fri"; empty: every day
	Hours        string   `json:"hours,omitempty"`                   // "08:00-18:00", UTC; empty: the whole day
}

// RouteAnswer is what would happen to a call, and why.
type RouteAnswer struct {
	Number string      `json:"number,omitempty"` // that would be called
	Words  []string    `json:"words"`            // step by step
	Route  *Route      `json:"route,omitempty"`  // that counts
	Lines  []RouteLine `json:"lines"`            // in the order in which they would be tried
}

// RouteLine is a trunk that would be tried.
type RouteLine struct {
	Trunk  string       `json:"trunk"` // id
	Name   string       `json:"name"`
	Switch string       `json:"switch"` // id
	Order  int          `json:"order"`
	Rate   *tariff.Rate `json:"rate,omitempty"`
	Cost   int64        `json:"cost,omitempty"` // of three minutes, in millionths of the currency
	Words  string       `json:"words"`          // where it is, and what it costs
}

// Routes is the routes of the organization.
func (c Client) Routes() Collection[Route] { return collection[Route](c, "routes") }

// ExplainRoute says what would become of a call of a user to what they dial.
func (c Client) ExplainRoute(ctx context.Context, user, dialled string) (RouteAnswer, error) {
	var v RouteAnswer
	err := c.do(ctx, request{method: http.MethodGet, path: "users/" + url.PathEscape(user) + "/route", query: url.Values{"number": {dialled}}}, &v)
	return v, err
}
