package api

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"strowger/pkg/e164"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
	"strowger/pkg/tariff"
)

// ratesTime is how long the file of a large table may take on its way: 2 MiB over 2 Mbit/s.
const ratesTime = 12 * time.Second

// isRates says whether a path is that of the rates of a trunk, whose file may be long.
func isRates(path string) bool {
	rest, ok := strings.CutPrefix(path, "/api/v1/trunks/")
	_, last, _ := strings.Cut(rest, "/")
	return ok && last == "rates"
}

// file is a reply that is a file.
type file struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

// rates registers what there is to do with the rates of a trunk.
func (a *API) rates() error {
	op := func(method, path, id, summary string) huma.Operation {
		return huma.Operation{Method: method, Path: "/api/v1/trunks/{id}/" + path, OperationID: id, Summary: summary,
			Tags: []string{"trunks"}, Security: bearer(), Parameters: []*huma.Param{organizationParam()}}
	}
	text := map[string]*huma.MediaType{tariff.MediaType: {Schema: &huma.Schema{Type: huma.TypeString}}}

	put := op(http.MethodPut, "rates", "set-rates", "Replace the rates of the trunk by those of a file: prefix, per_minute, currency and, if you like, connect, first, step, from, until, days, hours")
	put.RequestBody, put.MaxBodyBytes = &huma.RequestBody{Required: true, Content: text}, tariff.MaxFile
	put.BodyReadTimeout = ratesTime
	handle(a, put, a.setRates)

	get := op(http.MethodGet, "rates", "get-rates", "The rates of the trunk, as a file")
	get.Responses = map[string]*huma.Response{"200": {Description: "OK", Content: text}}
	handle(a, get, func(ctx context.Context, in *onlyID) (*file, error) {
		org, err := a.organization(ctx)
		if err != nil {
			return nil, err
		}
		rates, err := a.store.Rates(ctx, org, in.ID)
		return &file{tariff.MediaType, []byte(rates)}, err
	})

	remove := op(http.MethodDelete, "rates", "remove-rates", "Take the rates of the trunk away")
	remove.DefaultStatus = http.StatusNoContent
	handle(a, remove, func(ctx context.Context, in *onlyID) (*nothing, error) {
		org, err := a.organization(ctx)
		if err == nil {
			err = a.store.RemoveRates(ctx, org, in.ID)
		}
		return &nothing{}, err
	})

	one := op(http.MethodGet, "rate", "get-rate", "What a call to a number costs by the trunk now")
	one.Parameters = append(one.Parameters, queryParam("number", huma.TypeString, "As it is dialled in the trunk's office, or +49..."))
	handle(a, one, a.rateOf)
	return nil
}

func (a *API) setRates(ctx context.Context, in *actionInput) (*result[rest.RateTable], error) {
	org, err := a.organization(ctx)
	if err != nil {
		return nil, err
	}
	all, err := tariff.Read(bytes.NewReader(in.RawBody))
	if err != nil {
		return nil, errs.New(errs.Invalid, "%w", err)
	}
	v, err := a.store.SetRates(ctx, org, in.ID, all)
	return &result[rest.RateTable]{Body: v}, err
}

func (a *API) rateOf(ctx context.Context, in *onlyID) (*result[rest.RateOf], error) {
	org, err := a.organization(ctx)
	if err != nil {
		return nil, err
	}
	t, err := a.store.Trunks.Get(ctx, org, in.ID)
	if err != nil {
		return nil, err
	}
	sw, err := a.store.Switches.Get(ctx, org, t.Switch)
	if err != nil {
		return nil, err
	}
	site, err := a.store.Sites.Get(ctx, org, sw.Site)
	if err != nil {
		return nil, err
	}
	text, err := a.store.Rates(ctx, org, t.ID)
	if err != nil {
		return nil, err
	}
	asked := callerOf(ctx).query.Get("number")
	numbers := e164.Received(asked, site.Country)
	if n, ok := (e164.Plan{Country: site.Country, Outside: site.Outside}).Read(e164.Plain(asked)); ok {
		numbers = []string{n.Text} // as it is dialled there
	}
	if e164.Written(asked) {
		numbers = []string{asked} // the rates decide whether there is such a number
	}
	if len(numbers) == 0 {
		return nil, invalid(rest.FieldWord{Field: "number", Words: `want one with its country code, as "+4930123456"; or say of which country the office's numbers are`})
	}
	all, err := tariff.Read(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	v := rest.RateOf{Trunk: t.ID, Number: numbers[0]}
	if r, ok := tariff.Find(all, v.Number, a.now()); ok {
		v.Rate, v.Minute, v.TenMinutes = &r, r.Cost(time.Minute), r.Cost(10*time.Minute)
	}
	return &result[rest.RateOf]{Body: v}, nil
}
