package wake

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"strowger/mobile-bridge/internal/push"
	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/waketicket"
)

// cancelEpoch makes a cancel another thing than the ring attempts of its call.
const cancelEpoch = -1

// alertLife is how long a push service keeps an alert for a device that is away.
const alertLife = 24 * time.Hour

// maxWords bounds the words of an alert, in bytes: it has to fit beside the wake.
const maxWords = 120

// Cancel has a device that is not at its call told that the call is over.
func (w *Wakes) Cancel(ctx context.Context, s fabric.Subject, q fabric.Cancel) (fabric.WakeReply, error) {
	return w.counted(w.cancel(ctx, s, q))
}

func (w *Wakes) cancel(ctx context.Context, s fabric.Subject, q fabric.Cancel) (fabric.WakeReply, error) {
	c, err := w.check(ctx, s.ID, q.Ticket, q.Sealed)
	if err != nil {
		return fabric.WakeReply{}, err
	}
	if q.Why == nil || q.Why.Code == "" {
		return fabric.WakeReply{}, errs.New(errs.Invalid, "the cancel does not say why")
	}
	q.Why.Words = strings.ToValidUTF8(q.Why.Words[:min(len(q.Why.Words), maxWords)], "")
	ticket := sha256.Sum256([]byte(q.Ticket))
	w.silence(ticket)
	one, err := w.join(key{ticket, cancelEpoch}, func(one *wake) error { return w.tellOver(one, s.ID, c, q) })
	if err != nil {
		return fabric.WakeReply{}, err
	}
	return w.answer(ctx, one)
}

// silence ends the wakes of a ticket: what was not delivered is for nobody any more.
func (w *Wakes) silence(ticket [sha256.Size]byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for k, one := range w.under {
		if k.ticket == ticket && k.epoch != cancelEpoch {
			one.stop()
		}
	}
}

// tellOver tells a device over its channel, else by an alert.
func (w *Wakes) tellOver(one *wake, anchor string, c waketicket.Claims, q fabric.Cancel) error {
	r, err := w.targets(one, anchor, c, q.Ticket)
	if err != nil {
		return err
	}
	if w.tell(one, r.Channel, fabric.Down{Anchor: anchor, Ticket: q.Ticket, Sealed: q.Sealed, Why: q.Why}) {
		return nil
	}
	// Each push of Apple's for calls must ring (PushKit), so what is no call goes by another token.
	targets := slices.DeleteFunc(r.Targets, func(t fabric.Target) bool { return t.Provider == fabric.APNs })
	w.push(one, c, targets, push.Push{
		Payload: base64.StdEncoding.EncodeToString(q.Sealed), Call: c.Call, Until: w.cfg.Now().Add(alertLife),
		Alert: &push.Alert{Title: title(q.Why.Code), Code: string(q.Why.Code), Words: q.Why.Words, Urgent: q.Why.Code == errs.Emergency},
	})
	return nil
}

// title is what a lock screen shows: no names, for push services read it.
func title(why errs.Code) string {
	switch why {
	case errs.Elsewhere, errs.Declined:
		return "Call taken on another phone"
	case errs.Emergency:
		return "Emergency call"
	}
	return "Missed call"
}
