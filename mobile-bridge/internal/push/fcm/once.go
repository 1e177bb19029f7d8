package fcm

import (
	"context"
	"net/http"
)

// once keeps the library from trying again by itself, up to four times and for minutes: the bridge does that, tells of each
// try, and knows when the ring is over. What the library would try again, a request that failed and one that was answered 503,
// ends the context of the push.
type once struct{ next http.RoundTripper }

// only is the one try of a push, and why it ended if the library would go on.
type only struct {
	end    context.CancelFunc
	err    error
	status int
	header http.Header
}

type onlyKey struct{}

func single(ctx context.Context) (context.Context, *only) {
	o := &only{}
	ctx, o.end = context.WithCancel(ctx)
	return context.WithValue(ctx, onlyKey{}, o), o
}

// RoundTrip sends the request.
func (t once) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(r)
	o, ok := r.Context().Value(onlyKey{}).(*only)
	switch {
	case !ok:
	case err != nil:
		o.err = err
		o.end()
	case resp.StatusCode == http.StatusServiceUnavailable:
		o.status, o.header = resp.StatusCode, resp.Header
		o.end()
	}
	return resp, err
}
