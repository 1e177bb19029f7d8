package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"strowger/cloud/internal/store"
	"strowger/pkg/errs"
)

// A POST with an Idempotency-Key is noted in the transaction of what it changes, and its reply is kept in the database,
// wrapped, as it may hold secrets: neither a crash nor another cloud instance lets it happen twice. When the cloud is killed
// between the two, the change is there and its reply is not, and the client is told so. Only successes are kept; what was
// refused did nothing and is tried afresh.
// ReplyLifetime is how long a repeated POST gets the same reply.
const ReplyLifetime = 24 * time.Hour

const (
	maxReplyKey  = 255
	maxReplyBody = 256 << 10 // a longer one is not kept
	keepTime     = 5 * time.Second
)

// underway is the requests with an Idempotency-Key that this instance is answering.
type underway struct {
	mu   sync.Mutex
	keys map[[32]byte]bool
}

func (u *underway) begin(key [32]byte) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.keys[key] {
		return false
	}
	u.keys[key] = true
	return true
}

func (u *underway) end(key [32]byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.keys, key)
}

// kept is a reply as it is kept.
type kept struct {
	Status int
	Header http.Header
	Body   []byte
}

// keptReply returns the reply to a request that was made before, nil if it was not.
func (a *API) keptReply(ctx context.Context, o store.Once) (*kept, error) {
	request, wrapped, ok, err := a.store.Reply(ctx, o.Key, a.now().Add(-ReplyLifetime))
	switch {
	case err != nil || !ok:
		return nil, err
	case request != o.Request:
		return nil, errs.New(errs.Conflict, "this Idempotency-Key was used for another body; take a new one")
	case len(wrapped) == 0:
		return nil, errs.New(errs.Conflict, "the request with this Idempotency-Key was carried out, or is about to be at another cloud instance, and its reply is not kept; look at what it made")
	}
	plain, err := a.keys.Unwrap(replyName(o.Key), wrapped)
	if err != nil {
		return nil, err
	}
	r := new(kept)
	return r, json.Unmarshal(plain, r)
}

// keepReply keeps the reply of a request that is done, even if its client has gone away.
func (a *API) keepReply(ctx context.Context, o *store.Once, rec *recorder) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepTime)
	defer cancel()
	var err error
	switch {
	case rec.status/100 != 2:
		err = a.store.ForgetReply(ctx, o)
	case rec.body.Len() <= maxReplyBody:
		var plain []byte
		if plain, err = json.Marshal(kept{rec.status, rec.Header(), rec.body.Bytes()}); err == nil {
			err = a.store.PutReply(ctx, o, a.keys.Wrap(replyName(o.Key), plain))
		}
	}
	if err != nil {
		a.log.ErrorContext(ctx, "the reply to a request is not kept", "error", err)
	}
}

func replyName(key [32]byte) string { return "reply/" + hex.EncodeToString(key[:]) }

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
	whole, err := io.ReadAll(r.Body)
	if err != nil {
		a.refuse(ctx, errs.New(errs.Invalid, "the body did not arrive whole: %w", err))
		return
	}
	// Who asks is part of the key: nobody gets another's reply.
	scope := sha256.Sum256([]byte(callerOf(ctx.Context()).key.ID + "\n" + r.URL.RequestURI() + "\n" + key))
	once := store.Once{Key: scope, Request: sha256.Sum256(whole)}
	if !a.underway.begin(scope) {
		a.refuse(ctx, errs.New(errs.Conflict, "the first request with this Idempotency-Key is still under way; try again"))
		return
	}
	defer a.underway.end(scope)
	again, err := a.keptReply(ctx.Context(), once)
	switch {
	case err != nil:
		a.refuse(ctx, err)
	case again != nil:
		maps.Copy(w.Header(), again.Header)
		w.WriteHeader(again.Status)
		_, _ = w.Write(again.Body) // a client that went away may ask again
	default:
		rec := &recorder{ResponseWriter: w}
		r = r.WithContext(store.WithOnce(ctx.Context(), &once))
		// huma sets a deadline for the body once more.
		r.Body = &body{io.NopCloser(bytes.NewReader(whole)), http.NewResponseController(w)}
		next(humago.NewContext(ctx.Operation(), r, rec))
		a.keepReply(ctx.Context(), &once, rec)
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
