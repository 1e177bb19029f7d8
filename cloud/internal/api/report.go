package api

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"strowger/pkg/rest"
)

// reportDays is how many days a report has of which neither end is named.
const reportDays = 31

// callReport registers the report of what calls by trunks cost.
func (a *API) callReport() {
	op := huma.Operation{Method: http.MethodGet, Path: "/api/v1/call-report", OperationID: "call-report",
		Summary: "Sum up calls by trunks, and what they cost", Tags: []string{"calls"}, Security: bearer(), Parameters: []*huma.Param{
			organizationParam(),
			queryParam("by", huma.TypeString, "user, trunk or day. Default: day"),
			queryParam("from", huma.TypeString, "First day, as 2026-11-01. Default: 30 days before the last"),
			queryParam("to", huma.TypeString, "Last day. Default: today"),
			queryParam("zone", huma.TypeString, "Time zone of the days, as Europe/Berlin. Default: UTC"),
		}}
	handle(a, op, func(ctx context.Context, _ *nothing) (*result[rest.CallReport], error) {
		org, err := a.organization(ctx)
		if err != nil {
			return nil, err
		}
		r, from, to, err := reportQuery(callerOf(ctx).query, a.now())
		if err != nil {
			return nil, err
		}
		rows, err := a.store.Report(ctx, org, r.By, from, to.AddDate(0, 0, 1), from.Location())
		r.Rows = append([]rest.ReportRow{}, rows...)
		return &result[rest.CallReport]{Body: r}, err
	})
}

// reportQuery reads what a report is to be of: from and to are the beginnings of its first day and its last.
func reportQuery(q url.Values, now time.Time) (r rest.CallReport, from, to time.Time, err error) {
	zone, err := time.LoadLocation(q.Get("zone"))
	if err != nil || q.Get("zone") == "Local" {
		return r, from, to, invalid(rest.FieldWord{Field: "zone", Words: fmt.Sprintf("%q is not the name of a time zone, as Europe/Berlin is", q.Get("zone"))})
	}
	day := func(field string, otherwise time.Time) time.Time {
		text := q.Get(field)
		if text == "" {
			text = otherwise.In(zone).Format(time.DateOnly)
		}
		t, e := time.ParseInLocation(time.DateOnly, text, zone)
		if e != nil && err == nil {
			err = invalid(rest.FieldWord{Field: field, Words: fmt.Sprintf("%q is not a day, as 2026-11-01 is", text)})
		}
		return t
	}
	to = day("to", now)
	from = day("from", to.AddDate(0, 0, 1-reportDays))
	if err == nil && to.Before(from) {
		err = invalid(rest.FieldWord{Field: "to", Words: fmt.Sprintf("%s is before from, %s", to.Format(time.DateOnly), from.Format(time.DateOnly))})
	}
	r = rest.CallReport{By: cmp.Or(q.Get("by"), "day"), From: from.Format(time.DateOnly), To: to.Format(time.DateOnly), Zone: zone.String()}
	return r, from, to, err
}
