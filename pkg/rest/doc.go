// Package rest is the types of the public REST API and its client. /api/v1/..., JSON, problem+json errors with a stable
// code, cursor paging, Idempotency-Key, ETag on what can be edited.
package rest
