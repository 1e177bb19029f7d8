package rest

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"strowger/pkg/tariff"
)

// RateTable says how many rates a trunk has.
type RateTable struct {
	Trunk    string    `json:"trunk"`
	Rates    int       `json:"rates"`
	StoredAt time.Time `json:"stored_at"`
	// Condensed is that the table is too long for the switches to hold: while the cloud is away they know the dearest rate of each
	// beginning of numbers.
	Condensed bool `json:"condensed"`
}

// RateOf is what a call to a number costs by a trunk now.
type RateOf struct {
	Trunk  string       `json:"trunk"`
	Number string       `json:"number"`
	Rate   *tariff.Rate `json:"rate,omitempty"` // none: the table has none
	// Costs of calls of one minute and of ten, in millionths of the currency.
	Minute     int64 `json:"minute"`
	TenMinutes int64 `json:"ten_minutes"`
}

// SetRates replaces the rates of a trunk by those of a file (package tariff).
func (c Client) SetRates(ctx context.Context, trunk string, file []byte) (RateTable, error) {
	var v RateTable
	err := c.do(ctx, request{method: http.MethodPut, path: ratesOf(trunk), body: file, media: tariff.MediaType}, &v)
	return v, err
}

// Rates is the file of the rates of a trunk.
func (c Client) Rates(ctx context.Context, trunk string) ([]byte, error) {
	var file []byte
	err := c.do(ctx, request{method: http.MethodGet, path: ratesOf(trunk)}, &file)
	return file, err
}

// RemoveRates takes the rates of a trunk away: nothing is known then of what its calls cost.
func (c Client) RemoveRates(ctx context.Context, trunk string) error {
	return c.do(ctx, request{method: http.MethodDelete, path: ratesOf(trunk)}, nil)
}

// RateOf looks up what a call to a number costs.
func (c Client) RateOf(ctx context.Context, trunk, number string) (RateOf, error) {
	var v RateOf
	err := c.do(ctx, request{method: http.MethodGet, path: "trunks/" + url.PathEscape(trunk) + "/rate", query: url.Values{"number": {number}}}, &v)
	return v, err
}

func ratesOf(trunk string) string { return "trunks/" + url.PathEscape(trunk) + "/rates" }
