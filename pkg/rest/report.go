package rest

import (
	"context"
	"net/http"
	"net/url"
)

// CallReport sums up the calls that trunks were asked to take, by user, trunk or day.
type CallReport struct {
	By   string      `json:"by"`   // "user", "trunk" or "day"
	From string      `json:"from"` // first day, "2026-11-01"
	To   string      `json:"to"`   // last day
	Zone string      `json:"zone"` // of the days: "Europe/Berlin"
	Rows []ReportRow `json:"rows"` // those of a currency together
}

// ReportRow is the sum of some calls in one currency.
type ReportRow struct {
	Key      string `json:"key"`                // id of the user or the trunk, or the day
	Name     string `json:"name,omitempty"`     // of the user or the trunk, if it is still there
	Currency string `json:"currency,omitempty"` // empty: calls of which it is not known what they cost
	Calls    int64  `json:"calls"`
	Answered int64  `json:"answered"`
	Seconds  int64  `json:"billed_seconds"`
	Cost     int64  `json:"cost"` // millionths of the currency
}

// CallReport makes a report by "user", "trunk" or "day"; "" for the other arguments is the last 31 days, and UTC.
func (c Client) CallReport(ctx context.Context, by, from, to, zone string) (CallReport, error) {
	q := url.Values{"by": {by}}
	for name, v := range map[string]string{"from": from, "to": to, "zone": zone} {
		if v != "" {
			q.Set(name, v)
		}
	}
	var r CallReport
	err := c.do(ctx, request{method: http.MethodGet, path: "call-report", query: q}, &r)
	return r, err
}
