package sip

import (
	"cmp"
	"container/heap"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// usage is one subscription and its dialog.
type usage struct {
	subscription
	Watching
	dialog  *Dialog // builds the requests; it is in no table
	version uint32
	due     time.Time
	place   int // in the agenda, from 1
}

// wanted answers a SUBSCRIBE.
func (n *Notifier) wanted(w wanted, now time.Time) {
	deny := func(code int, reason string, headers ...Header) { n.deny(w, code, reason, headers...) }
	event, ok := parseEvent(value(w.req, "Event"))
	kind := n.packages[event.Package]
	var u *usage
	if !w.begins {
		u = n.usages[key{w.req.CallID().Value(), tag(w.req.To().Params)}]
	}
	expires, long := watchTime(w.req)
	switch {
	case !ok || kind == "":
		deny(489, "Bad Event", NewHeader("Allow-Events", n.events)) // RFC 6665, 8.3.2
		return
	case !w.begins && (u == nil || u.Package != event.Package || u.ID != event.ID): // RFC 6665, 4.1.2.2
		deny(481, "Subscription Does Not Exist")
		return
	case u != nil && w.req.CSeq().SeqNo <= u.dialog.seq.remote: // RFC 3261, 12.2.2
		deny(500, "Server Internal Error")
		return
	case !long:
		deny(423, "Interval Too Brief", NewHeader("Min-Expires", strconv.Itoa(minWatch)))
		return
	case !takes(w.req, kind):
		deny(406, "Not Acceptable", NewHeader("Accept", kind))
		return
	case w.begins && n.usages[key{w.req.CallID().Value(), tag(w.req.To().Params)}] != nil:
		deny(482, "Merged Request") // RFC 3261, 8.2.2.2
		return
	case u == nil && contactOf(w.req) == nil: // RFC 3261, 12.1.1
		deny(400, "Missing Contact")
		return
	}
	event.Time = time.Duration(expires) * time.Second
	granted, denied := n.source.Watch(w.req, peerOf(w.req), event)
	granted.Watched, granted.Type = event, kind
	switch {
	case u != nil && granted.Watcher != u.Watcher: // RFC 6665, 6.1: who only knows what names it does nothing to it
		denied = cmp.Or(denied, &Denied{Code: 403, Reason: "A Subscription Stays With Who Began It"})
		deny(denied.Code, denied.Reason, denied.Headers...)
		return
	case denied == nil:
		n.settle(&waiting{wanted: w, usage: u, granted: granted, expires: expires}, n.holds >= maxHeld, now)
		return
	}
	n.refuse(w, u, denied, now)
}

// waiting is a SUBSCRIBE of which it is not known yet whether it may be.
type waiting struct {
	wanted
	usage   *usage // that it refreshes; nil: it begins one
	granted Watching
	expires int
	held    bool
	over    bool
}

// refuse answers a SUBSCRIBE that may not be, and ends the subscription that it was to refresh.
func (n *Notifier) refuse(w wanted, u *usage, denied *Denied, now time.Time) {
	if u != nil && denied.Code != 401 && denied.Code != 503 { // RFC 6665, 4.2.1.4: who may no longer
		u.end(endRejected)
		n.proceed(u, now)
	}
	n.deny(w, denied.Code, denied.Reason, denied.Headers...)
}

func (n *Notifier) deny(w wanted, code int, reason string, headers ...Header) {
	n.counts.add("refused: " + strconv.Itoa(code))
	n.endpoint.answer(w.req, w.tx, code, reason, headers...)
}

// settle answers a SUBSCRIBE that may be, or whose time to wait is over; another one waits.
func (n *Notifier) settle(w *waiting, last bool, now time.Time) {
	if w.over {
		return
	}
	standing, denied := n.source.Judge(w.granted)
	if denied == nil && standing == Pending && !last {
		if !w.held {
			w.held = true
			n.holds++
			n.held[w.granted.Resource] = append(n.held[w.granted.Resource], w)
			time.AfterFunc(holdTime, func() { n.post(w) })
		}
		return
	}
	w.over = true
	n.drop(w)
	u := w.usage
	switch {
	case u != nil && n.usages[u.key()] != u: // RFC 6665, 4.1.2.2
		n.deny(w.wanted, 481, "Subscription Does Not Exist")
		return
	case denied != nil:
		n.refuse(w.wanted, u, denied, now)
		return
	case u == nil && (len(n.usages) >= maxWatches || len(n.watchers[w.granted.Watcher]) >= maxWatcher):
		n.deny(w.wanted, 503, "Too Many Subscriptions", retryAfter(minWatch))
		return
	case u == nil:
		u = n.begin(w.req, w.granted)
	case u.Resource != w.granted.Resource:
		n.deny(w.wanted, 403, "A Subscription Stays With What It Watches")
		return
	}
	n.accept(u, w.wanted, w.expires, w.granted.Watched, now)
}

// drop has a SUBSCRIBE wait no more.
func (n *Notifier) drop(w *waiting) {
	if !w.held {
		return
	}
	n.holds--
	r := w.granted.Resource
	n.held[r] = slices.DeleteFunc(n.held[r], func(o *waiting) bool { return o == w })
	if len(n.held[r]) == 0 {
		delete(n.held, r)
	}
}

// resume looks again at the SUBSCRIBEs that wait for a resource.
func (n *Notifier) resume(resource string, now time.Time) {
	for _, w := range slices.Clone(n.held[resource]) {
		n.settle(w, false, now)
	}
}

// accept answers 200, and has the state sent.
func (n *Notifier) accept(u *usage, w wanted, expires int, event Watched, now time.Time) {
	u.dialog.seq.remote = w.req.CSeq().SeqNo
	u.dialog.path.peer = peerOf(w.req) // behind a NAT no other address leads to the phone
	u.dialog.refresh(w.req)
	n.endpoint.answer(w.req, w.tx, 200, "OK", u.dialog.contact(), NewHeader("Expires", strconv.Itoa(expires)), NewHeader("Allow-Events", n.events))
	u.subscribed(time.Duration(expires)*time.Second, event.Pause, now)
	n.proceed(u, now)
}

// begin makes the dialog of a SUBSCRIBE.
func (n *Notifier) begin(req *Request, w Watching) *usage {
	u := &usage{Watching: w, dialog: newIncoming(n.endpoint, n.endpoint, req, nil, time.Time{})}
	u.dialog.in, u.dialog.request = nil, nil
	n.usages[u.key()] = u
	add(n.watching, w.Resource, u)
	add(n.watchers, w.Watcher, u)
	n.count.Store(int64(len(n.usages)))
	n.counts.add("begun")
	n.counts.now(u.Package, 1)
	return u
}

func add(all map[string]map[*usage]struct{}, name string, u *usage) {
	if all[name] == nil {
		all[name] = map[*usage]struct{}{}
	}
	all[name][u] = struct{}{}
}

func remove(all map[string]map[*usage]struct{}, name string, u *usage) {
	if delete(all[name], u); len(all[name]) == 0 {
		delete(all, name)
	}
}

func (n *Notifier) forget(u *usage) {
	n.counts.now(u.Package, ^uint64(0))
	delete(n.usages, u.key())
	remove(n.watching, u.Resource, u)
	remove(n.watchers, u.Watcher, u)
	n.count.Store(int64(len(n.usages)))
	if u.place > 0 {
		heap.Remove(&n.agenda, u.place-1)
	}
}

// retryOf reads Retry-After (RFC 3261, 20.33).
func retryOf(res *Response) time.Duration {
	v, _, _ := strings.Cut(value(res, "Retry-After"), ";")
	v, _, _ = strings.Cut(v, "(")
	s, err := strconv.ParseUint(strings.TrimSpace(v), 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(s) * time.Second
}

// takes says whether a SUBSCRIBE takes documents of a type: RFC 6665, 4.1.2.1 has Accept left out where it takes those of the package.
func takes(req *Request, kind string) bool {
	all := values(req, "Accept")
	main, _, _ := strings.Cut(kind, "/")
	for _, v := range all {
		t, _, _ := strings.Cut(v, ";")
		switch t = strings.ToLower(strings.TrimSpace(t)); t {
		case kind, main + "/*", "*/*":
			return true
		}
	}
	return len(all) == 0
}

// contactOf is the Contact of a request that begins a dialog, nil without a good one.
func contactOf(req *Request) *sip.ContactHeader {
	c := req.Contact()
	if c == nil || c.Address.Wildcard || c.Address.Host == "" {
		return nil
	}
	return c
}

// usages is the subscriptions that wait for the time, the next one first.
type usages []*usage

func (a usages) Len() int           { return len(a) }
func (a usages) Less(i, j int) bool { return a[i].due.Before(a[j].due) }

func (a usages) Swap(i, j int) {
	a[i], a[j] = a[j], a[i]
	a[i].place, a[j].place = i+1, j+1
}

// Push is called by heap only.
func (a *usages) Push(x any) {
	u := x.(*usage)
	*a = append(*a, u)
	u.place = len(*a)
}

// Pop is called by heap only.
func (a *usages) Pop() any {
	last := len(*a) - 1
	u := (*a)[last]
	(*a)[last] = nil
	*a, u.place = (*a)[:last], 0
	return u
}
