package push

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Failed is the outcome of a try that got no answer.
func Failed(err error) Outcome {
	var timeout net.Error
	o := Outcome{Reason: NotReached, Again: true, Err: err}
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		o.Reason = Stalled
	}
	return o
}

// Answered is the outcome of an answer that did not accept: overload and trouble on the other side are for later.
func Answered(status int, header http.Header, reason string) Outcome {
	o := Outcome{Reason: reason}
	if status == http.StatusTooManyRequests || status >= http.StatusInternalServerError {
		o.Again, o.After = true, retryAfter(header.Get("Retry-After"), time.Now())
	}
	return o
}

// retryAfter reads seconds or a date (RFC 9110, 10.2.3); 0 if it is neither, or past.
func retryAfter(value string, now time.Time) time.Duration {
	if s, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(s) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return max(0, at.Sub(now))
}
