package api

import (
	"bytes"
	"container/list"
	"crypto/sha256"
	"io"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"strowger/pkg/errs"
)

// Replies to POSTs with an Idempotency-Key are kept in the memory of the cloud instance that gave them: a restart forgets
// them, and before several instances a load balancer must lead a client that repeats a POST to the same one. When there
// are too many the oldest go first. Only successes are kept; what was refused did nothing and is tried afresh.
const (
	replyLifetime = 24 * time.Hour
	maxReplies    = 1024
	maxReplyKey   = 255
	maxReplyBody  = 256 << 10 // a longer one is not kept
)

// replies remembers replies by who asked what with which key.
type replies struct {
	now func() time.Time

	mu     sync.Mutex
	byKey  map[[32]byte]*reply
	oldest *list.List // of [32]byte
}

// reply is a kept reply; one without a status is under way.
type reply struct {
	request [32]byte // hash of the body
	at      time.Time
	status  int
	header  http.Header
	body    []byte
	place   *list.Element
}

func newReplies(now func() time.Time) *replies {
	return &replies{now: now, byKey: map[[32]byte]*reply{}, oldest: list.New()}
}

// begin returns the kept reply to a request, or nil after noting that the caller is about to make it.
func (rs *replies) begin(key, request [32]byte) (*reply, error) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	now := rs.now()
	for e := rs.oldest.Front(); e != nil; e = rs.oldest.Front() {
		k := e.Value.([32]byte)
		if rs.oldest.Len() < maxReplies && now.Sub(rs.byKey[k].at) < replyLifetime {
			break
		}
		rs.remove(k)
	}
	r, ok := rs.byKey[key]
	switch {
	case !ok:
		rs.byKey[key] = &reply{request: request, at: now, place: rs.oldest.PushBack(key)}
		return nil, nil
	case r.request != request:
		return nil, errs.New(errs.Conflict, "this Idempotency-Key was used for another body; take a new one")
	case r.status == 0:
		return nil, errs.New(errs.Conflict, "the first request with this Idempotency-Key is still under way; try again")
	}
	kept := *r
	return &kept, nil
}

// end keeps the reply of a request that begin noted, or forgets the request.
func (rs *replies) end(key [32]byte, r *recorder) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	kept, ok := rs.byKey[key]
	if !ok {
		return // pushed out by newer ones
	}
	if r.status/100 != 2 || r.body.Len() > maxReplyBody {
		rs.remove(key)
		return
	}
	kept.status, kept.header, kept.body = r.status, r.Header().Clone(), r.body.Bytes()
}

func (rs *replies) remove(key [32]byte) {
	rs.oldest.Remove(rs.byKey[key].place)
	delete(rs.byKey, key)
}

// repeatable lets a POST with an Idempotency-Key happen once and repeats its reply. Requests without an API key have
// nobody to keep a reply for.
func (a *API) repeatable(ctx huma.Context, next func(huma.Context)) {
	key := ctx.Header("Idempotency-Key")
	if key == "" || ctx.Method() != http.MethodPost || ctx.Operation().Security == nil {
		next(ctx)
		return
	}
	if len(key) > maxReplyKey {
		a.refuse(ctx, errs.New(errs.Invalid, "Idempotency-Key has %d bytes, at most %d are allowed", len(key), maxReplyKey))
		return
	}
	r, w := humago.Unwrap(ctx)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		a.refuse(ctx, errs.New(errs.Invalid, "the body did not arrive whole: %w", err))
		return
	}
	// Who asks is part of the key: nobody gets another's reply.
	scope := sha256.Sum256([]byte(callerOf(ctx.Context()).key.ID + "\n" + r.URL.RequestURI() + "\n" + key))
	kept, err := a.replies.begin(scope, sha256.Sum256(body))
	switch {
	case err != nil:
		a.refuse(ctx, err)
	case kept != nil:
		maps.Copy(w.Header(), kept.header)
		w.WriteHeader(kept.status)
		_, _ = w.Write(kept.body) // a client that went away may ask again
	default:
		rec := &recorder{ResponseWriter: w}
		defer a.replies.end(scope, rec)
		r = r.WithContext(ctx.Context())
		r.Body = io.NopCloser(bytes.NewReader(body))
		next(humago.NewContext(ctx.Operation(), r, rec))
	}
}

// recorder keeps what it passes on.
type recorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	if r.body.Len() <= maxReplyBody {
		r.body.Write(b)
	}
	return r.ResponseWriter.Write(b)
}
