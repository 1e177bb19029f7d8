package rest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"strowger/pkg/errs"
)

// ProblemType is the media type of a Problem (RFC 9457, 3).
const ProblemType = "application/problem+json"

// Problem is the body of every error reply (RFC 9457). Programs decide by Code, people read Detail.
type Problem struct {
	Title  string      `json:"title" doc:"The HTTP status in words"`
	Status int         `json:"status" doc:"The HTTP status"`
	Code   errs.Code   `json:"code" doc:"What went wrong, stable across releases" example:"not-found"`
	Detail string      `json:"detail" doc:"What happened, which value was wrong and what to do"`
	Fields []FieldWord `json:"fields,omitempty" doc:"The values that were wrong, if any can be named"`
}

// Error returns Detail.
func (p *Problem) Error() string { return p.Detail }

// FieldWord says what is wrong with one value of a request.
type FieldWord struct {
	Field string `json:"field" doc:"The member of the body, or the parameter" example:"code"`
	Words string `json:"words"`
}

// maxProblem is how much of an error body the client reads.
const maxProblem = 64 << 10

// problemOf turns an error reply into an error with the code and words of its problem; something in between (a proxy, a
// wrong address) that knows no problems gets a code from its status.
func problemOf(status int, body []byte) error {
	var p Problem
	if err := json.Unmarshal(body, &p); err == nil && p.Code != "" {
		return errs.New(p.Code, "%w", &p)
	}
	words := strings.TrimSpace(string(body))
	if len(words) > 200 {
		words = words[:200] + "..."
	}
	return errs.New(codeOfStatus(status), "%s", fmt.Sprintf("the server answered %d %s: %q; is this the address of a cloud?",
		status, http.StatusText(status), words))
}

func codeOfStatus(status int) errs.Code {
	switch status {
	case http.StatusUnauthorized:
		return errs.Unauthenticated
	case http.StatusForbidden:
		return errs.Forbidden
	case http.StatusNotFound:
		return errs.NotFound
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return errs.Congested
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return errs.CloudAway
	}
	if status < http.StatusInternalServerError {
		return errs.Invalid
	}
	return errs.Internal
}
