package command

import (
	"encoding/csv"
	"fmt"
	"strconv"

	"strowger/pkg/rest"
	"strowger/pkg/tariff"
)

type callReport struct {
	By   string `help:"What has a row: user, trunk or day. Default: ${default}." default:"trunk" enum:"user,trunk,day" placeholder:"WHAT"`
	From string `help:"First day. Default: 30 days before the last." placeholder:"2026-11-01"`
	To   string `help:"Last day. Default: today." placeholder:"2026-11-30"`
	Zone string `help:"Time zone of the days. Default: UTC." placeholder:"Europe/Berlin"`
	CSV  bool   `help:"As comma-separated values." name:"csv"`
}

// Run makes a report.
func (c *callReport) Run(e *env) error {
	r, err := e.client.CallReport(e.ctx, c.By, c.From, c.To, c.Zone)
	if err != nil {
		return err
	}
	if c.CSV {
		return reportCSV(e, r)
	}
	return e.show(r, func() {
		e.say("Calls by trunks from %s to %s (%s)\n", r.From, r.To, r.Zone)
		table(e.out, reportColumns(r.By), r.Rows, "there is no such call")
	})
}

func reportColumns(by string) []column[rest.ReportRow] {
	return []column[rest.ReportRow]{
		{head: by, cell: rowName},
		{head: "calls", cell: func(v rest.ReportRow) string { return strconv.FormatInt(v.Calls, 10) }},
		{head: "answered", cell: func(v rest.ReportRow) string { return strconv.FormatInt(v.Answered, 10) }},
		{head: "billed", cell: func(v rest.ReportRow) string { return fmt.Sprintf("%d:%02d min", v.Seconds/60, v.Seconds%60) }},
		{head: "cost", cell: func(v rest.ReportRow) string {
			if v.Currency == "" {
				return "not known"
			}
			return money(v.Cost, v.Currency)
		}},
	}
}

// rowName is what people call a row: one that was removed meanwhile has its id.
func rowName(v rest.ReportRow) string {
	switch {
	case v.Name != "":
		return v.Name
	case v.Key == "":
		return "nobody of here"
	}
	return v.Key
}

// reportCSV writes a report as a spreadsheet reads it.
func reportCSV(e *env, r rest.CallReport) error {
	w := csv.NewWriter(e.out)
	lines := [][]string{{r.By, "name", "calls", "answered", "billed_seconds", "cost", "currency"}}
	for _, v := range r.Rows {
		lines = append(lines, []string{
			v.Key, v.Name, strconv.FormatInt(v.Calls, 10), strconv.FormatInt(v.Answered, 10), strconv.FormatInt(v.Seconds, 10), tariff.Amount(v.Cost), v.Currency,
		})
	}
	return w.WriteAll(lines)
}

// costText is what a call cost, "" if that is not known.
func costText(v rest.Call) string {
	l := v.Line
	if l == nil || l.Rate == nil || v.EndedAt == nil {
		return ""
	}
	if l.Rate.AtMost {
		return "at most " + money(l.Cost, l.Rate.Currency)
	}
	return money(l.Cost, l.Rate.Currency)
}

// lineText is the trunk of a call, and at what rate it took it.
func lineText(v rest.Call) string {
	l := v.Line
	if l == nil {
		return ""
	}
	text := fmt.Sprintf("%s, asked for %s", l.Name, l.Number)
	if l.SIP != 0 {
		text += fmt.Sprintf(", answered SIP %d", l.SIP)
	}
	if l.Rate != nil {
		text += fmt.Sprintf("; %d s at %s", l.Seconds, rateText(*l.Rate))
	}
	return text
}
