// Package rest is the types of the public REST API and its client.
//
// Everything is below /api/v1, in JSON, for a bearer API key ("Authorization: Bearer sk_..."):
//
//	POST   /api/v1/{collection}        create; Idempotency-Key repeats the reply for 24 h
//	GET    /api/v1/{collection}        list: limit, cursor and equality filters; a Page
//	GET    /api/v1/{collection}/{id}   read; the ETag is the object's version
//	PATCH  /api/v1/{collection}/{id}   JSON merge patch (RFC 7396); If-Match is honoured
//	DELETE /api/v1/{collection}/{id}   If-Match is honoured
//
// Collections are organizations, sites, switches, users, devices, numbers, api-keys, and calls (read only). A key of the
// whole installation names the organization that it speaks of with ?organization=ID; it may leave that out while there is
// only one. An error is a Problem (RFC 9457) with a stable code of package errs. Fields and codes are only ever added.
package rest
