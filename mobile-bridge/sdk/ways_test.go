package sdk

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/coder/websocket"

	"strowger/pkg/designation"
	"strowger/pkg/proof"
)

// TestSilentNodeIsComeToByAnotherWay: what opens and then says nothing keeps the app from no other way.
func TestSilentNodeIsComeToByAnotherWay(t *testing.T) {
	w := newWorld(t)
	bridge := func(verdict string) way {
		s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			ws, err := websocket.Accept(rw, r, &websocket.AcceptOptions{Subprotocols: []string{"sip"}})
			if err != nil {
				return // the app has left
			}
			defer func() { _ = ws.CloseNow() }() // the app has left
			_, _, err = ws.Read(r.Context())
			if err == nil && verdict != "" {
				err = ws.Write(r.Context(), websocket.MessageText, []byte(verdict))
			}
			for err == nil {
				_, _, err = ws.Read(r.Context())
			}
		}))
		t.Cleanup(s.Close)
		return func(ctx context.Context) (*connection, error) {
			return w.phone.splice(ctx, w.node, designation.BridgeFace{URL: s.URL})
		}
	}
	c, err := dialFirst(t.Context(), []way{bridge(""), bridge(`{"ok":true}`)}, time.Millisecond, entry{w.node, func() (proof.Entry, error) { return proof.Entry{}, nil }})
	if err != nil {
		t.Fatal(err)
	}
	c.close()
}
