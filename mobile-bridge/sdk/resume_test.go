package sdk

import (
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"strowger/pkg/pushseal"
	"strowger/pkg/sessionkey"
)

// A call that takes no more commands does not keep its phone from anything.
func TestNetworkChangesWhileACallIsStuck(t *testing.T) {
	p, err := NewPhone(memory{}, newRecorder(t))
	if err != nil {
		t.Fatal(err)
	}
	c := callOf(p, pushseal.Wake{}, sessionkey.Claims{ID: "lg_1"}, webrtc.Certificate{})
	for range mailbox {
		c.do(func() {})
	}
	p.calls[c.claims.ID] = c
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.NetworkChanged()
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("the phone waits for its own lock")
	}
	p.Close()
}
