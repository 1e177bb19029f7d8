// Command bare is the least that does what a part of our programs does, to be measured beside it: pushes by apns2, and WebRTC
// connections by pion. It prints where it listens and takes orders by HTTP.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pion/webrtc/v4"
	"github.com/sideshow/apns2"
	"github.com/sideshow/apns2/token"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	orders := http.NewServeMux()
	orders.HandleFunc("POST /pushes", order(pushes))
	orders.HandleFunc("POST /offer", order(answer))
	server := &http.Server{Handler: orders, ReadHeaderTimeout: time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	fmt.Printf("{%q:%q}\n", "address", listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// order answers a request in JSON by what f makes of it.
func order[Q, A any](f func(context.Context, Q) (A, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var q Q
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal(body, &q)
		}
		var a A
		if err == nil {
			a, err = f(r.Context(), q)
		}
		if err == nil {
			body, err = json.Marshal(a)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = w.Write(body) // who asked has gone, then
	}
}

// Pushes is an order to push so often at a rate.
type Pushes struct {
	Server, CA, Key, KeyID, Team, Topic, Token string

	Payload []byte
	N       int
	Rate    float64 // a second
}

// pushes returns how many were not accepted.
func pushes(ctx context.Context, q Pushes) (lost int64, err error) {
	key, err := token.AuthKeyFromFile(q.Key)
	if err != nil {
		return 0, err
	}
	ca, err := os.ReadFile(q.CA)
	if err != nil {
		return 0, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	client := apns2.Client{
		Host: q.Server, Token: &token.Token{AuthKey: key, KeyID: q.KeyID, TeamID: q.Team},
		HTTPClient: &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}}},
	}
	defer client.CloseIdleConnections()
	var failed atomic.Int64
	var running sync.WaitGroup
	began := time.Now()
	for i := range q.N {
		<-time.After(time.Until(began.Add(time.Duration(float64(i) / q.Rate * float64(time.Second)))))
		running.Go(func() {
			r, err := client.PushWithContext(ctx, &apns2.Notification{
				DeviceToken: q.Token, Topic: q.Topic, PushType: apns2.PushTypeVOIP, Priority: apns2.PriorityHigh,
				Expiration: time.Now().Add(time.Minute), Payload: q.Payload,
			})
			if err != nil || !r.Sent() {
				failed.Add(1)
			}
		})
	}
	running.Wait()
	return failed.Load(), nil
}

// answer answers a WebRTC offer; the connection lives until the other side closes it.
func answer(ctx context.Context, offer string) (string, error) {
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return "", err
	}
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s >= webrtc.PeerConnectionStateDisconnected {
			go func() { _ = pc.Close() }() // nobody is there any more
		}
	})
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "audio", "bare")
	if err == nil {
		_, err = pc.AddTrack(track)
	}
	if err == nil {
		err = pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer})
	}
	if err != nil {
		return "", errors.Join(err, pc.Close())
	}
	d, err := pc.CreateAnswer(nil)
	gathered := webrtc.GatheringCompletePromise(pc)
	if err == nil {
		err = pc.SetLocalDescription(d)
	}
	if err != nil {
		return "", errors.Join(err, pc.Close())
	}
	select {
	case <-gathered:
		return pc.LocalDescription().SDP, nil
	case <-ctx.Done():
		return "", errors.Join(context.Cause(ctx), pc.Close())
	}
}
