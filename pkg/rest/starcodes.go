package rest

import (
	"context"
	"net/http"

	"strowger/pkg/starcode"
)

// StarCodes is what phones can dial to have something done.
type StarCodes struct {
	Items []starcode.Code `json:"items"`
}

// StarCodes reads the table of star codes, that of the release that the cloud is.
func (c Client) StarCodes(ctx context.Context) (StarCodes, error) {
	var s StarCodes
	err := c.do(ctx, request{method: http.MethodGet, path: "star-codes"}, &s)
	return s, err
}
