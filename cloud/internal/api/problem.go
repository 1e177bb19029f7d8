package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

// statusOf is the one place where a code becomes an HTTP status; a code that is not here is the server's fault.
func statusOf(c errs.Code) int {
	switch c {
	case errs.Invalid, errs.KeyMalformed, errs.KeyMissing:
		return http.StatusBadRequest
	case errs.Unauthenticated:
		return http.StatusUnauthorized
	case errs.Forbidden, errs.Disabled, errs.Revoked, errs.WrongOrganization:
		return http.StatusForbidden
	case errs.NotFound, errs.Unknown, errs.UnknownKey:
		return http.StatusNotFound
	case errs.Conflict, errs.Used:
		return http.StatusConflict
	case errs.Gone, errs.Expired:
		return http.StatusGone
	case errs.Congested:
		return http.StatusTooManyRequests
	case errs.CloudAway, errs.Unreachable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// problem is an error on its way to the client. It is huma.StatusError and huma.ContentTypeFilter.
type problem struct{ rest.Problem }

func (p *problem) GetStatus() int            { return p.Status }
func (p *problem) ContentType(string) string { return rest.ProblemType }

func newProblem(status int, code errs.Code, words string, fields ...rest.FieldWord) *problem {
	return &problem{rest.Problem{Title: http.StatusText(status), Status: status, Code: code, Detail: words, Fields: fields}}
}

// invalid is the problem of a request whose named values are wrong.
func invalid(fields ...rest.FieldWord) *problem {
	words := make([]string, len(fields))
	for i, f := range fields {
		words[i] = f.Field + ": " + f.Words
	}
	return newProblem(http.StatusBadRequest, errs.Invalid, strings.Join(words, "; "), fields...)
}

// problemOf gives an error its status. What carries no code is logged, not shown: it may tell of the inside.
func (a *API) problemOf(ctx context.Context, err error) *problem {
	var p *problem
	if errors.As(err, &p) {
		return p
	}
	var tooLarge *http.MaxBytesError
	switch e := errs.From(err); {
	case errors.As(err, &tooLarge):
		return newProblem(http.StatusRequestEntityTooLarge, errs.Invalid, bodyTooLarge)
	case errors.Is(err, context.DeadlineExceeded):
		return newProblem(http.StatusServiceUnavailable, errs.Congested, "the request took too long; try again later")
	case e.Code != errs.Internal:
		return newProblem(statusOf(e.Code), e.Code, e.Words)
	}
	a.log.ErrorContext(ctx, "request failed", "error", err)
	return newProblem(http.StatusInternalServerError, errs.Internal, "something failed inside the cloud; its log says what")
}

const bodyTooLarge = "the body is larger than 64 KiB, or than 512 KiB for an import"

// refusal turns what huma found wrong with a request by itself (parameters, the size of the body) into a problem.
func refusal(_ huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	switch {
	case m.Status >= http.StatusInternalServerError:
		return newProblem(m.Status, errs.Internal, m.Detail), nil
	case m.Status == http.StatusRequestEntityTooLarge:
		return newProblem(m.Status, errs.Invalid, bodyTooLarge), nil
	case len(m.Errors) == 0:
		return newProblem(m.Status, errs.Invalid, m.Detail), nil
	}
	p := invalid(fieldWords(m.Errors)...)
	p.Status, p.Title = m.Status, http.StatusText(m.Status)
	return p, nil
}

func fieldWords(details []*huma.ErrorDetail) []rest.FieldWord {
	fields := make([]rest.FieldWord, len(details))
	for i, d := range details {
		_, field, ok := strings.Cut(d.Location, ".") // "body.code", "query.limit"
		if !ok {
			field = d.Location
		}
		fields[i] = rest.FieldWord{Field: field, Words: d.Message}
	}
	return fields
}

// writeProblem answers outside of an operation.
func writeProblem(w http.ResponseWriter, p *problem) {
	w.Header().Set("Content-Type", rest.ProblemType)
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="strowger"`) // RFC 6750, 3
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // a client that went away misses nothing
}
