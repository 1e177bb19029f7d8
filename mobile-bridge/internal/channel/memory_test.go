package channel

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/webtransport-go"

	"strowger/mobile-bridge/internal/face"
	"strowger/pkg/channel"
	"strowger/pkg/fabric"
	"strowger/pkg/proof"
)

// clientsOf is how this test runs as a process of its own, whose memory is not the bridge's: "URL NAMES COUNT".
const clientsOf = "STROWGER_TEST_CHANNELS"

// clients opens channels and holds them until its input ends. It says false if this process is no such one.
func clients() bool {
	args := strings.Fields(os.Getenv(clientsOf))
	if len(args) != 3 {
		return false
	}
	n, err := strconv.Atoi(args[2])
	key, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil || err2 != nil {
		panic(fmt.Sprint(err, err2))
	}
	for i := range n {
		if err := hold(args[0], fmt.Sprint(args[1], "_", i), key); err != nil {
			fmt.Println(err)
			return true
		}
	}
	fmt.Println("open")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return true
}

// hold opens a channel.
func hold(url, device string, key *ecdsa.PrivateKey) error {
	ctx := context.Background()
	conn, err := dialURL(ctx, url)
	if err != nil {
		return err
	}
	frame, err := conn.Read(ctx)
	if err != nil {
		return err
	}
	c, err := channel.Body[channel.Challenge](frame)
	if err != nil {
		return err
	}
	signed, err := proof.Sign(proof.TypeChannel, key, proof.Channel{Bridge: c.Bridge, Nonce: c.Nonce, Device: device, Order: 1, ID: rand.Text(), IssuedAt: time.Now().Unix()})
	if err != nil {
		return err
	}
	frame, err = channel.Encode(channel.Head{Type: channel.TypeHello}, channel.Hello{Proof: signed})
	if err == nil {
		err = conn.Write(ctx, frame)
	}
	if err == nil {
		_, err = conn.Read(ctx)
	}
	if err == nil {
		err = conn.Write(ctx, []byte(`{"type":"ping"}`))
	}
	if err == nil {
		_, err = conn.Read(ctx)
	}
	return err
}

// dialURL opens a WebSocket, or with https a session of WebTransport.
func dialURL(ctx context.Context, url string) (conn, error) {
	insecure := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13}
	at, web := strings.CutPrefix(url, "https://")
	if !web {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: insecure}}
		ws, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPClient: client, Subprotocols: []string{channel.Subprotocol}})
		return appSocket{ws}, err
	}
	insecure.NextProtos = []string{http3.NextProtoH3}
	q, err := quic.DialAddr(ctx, strings.TrimSuffix(at, channel.Path), insecure, quicOf())
	if err != nil {
		return nil, err
	}
	h3, err := new(webtransport.Transport).NewClientConn(q)
	if err != nil {
		return nil, err
	}
	return openStream(ctx, q, h3, url)
}

// most is what an idle channel may take of the bridge's memory, in bytes of heap and stack.
const most = 12_000

// TestIdleChannelIsSmall opens channels of another process, and looks at what they take here when each was used: by WebSocket, as apps
// come first, and by WebTransport, which is told only. The dear ones are the last, as what is left of them would cover some.
func TestIdleChannelIsSmall(t *testing.T) {
	for _, by := range []struct {
		name  string
		serve func(*testing.T, *Channels) (url string, stop func())
		n     int // handshakes are most of the time of this test
	}{
		{"TLS", func(t *testing.T, c *Channels) (string, func()) { return serveFace(t, c, selfSigned(t)) }, 256},
		{"plain", func(t *testing.T, c *Channels) (string, func()) { return serveFace(t, c, nil) }, 256},
		{"WebTransport", serveWeb, 60},
	} {
		t.Run(by.name, func(t *testing.T) {
			if raced {
				by.n /= 4
			}
			c := New(t.Context(), Config{
				Bridge: bridgeID, Bind: func(context.Context, fabric.Bound) error { return nil }, Unbind: func(fabric.Bound) {},
				Allow: func(netip.Prefix) bool { return true }, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
			})
			url, stopServing := by.serve(t, c)
			stop := run(t, url, "warm", 20) // what is made once, such as tables and pools
			before := memory()
			stop2 := run(t, url, "dv", by.n)
			after := memory()
			heap, stack := (int(after.HeapAlloc)-int(before.HeapAlloc))/by.n, (int(after.StackInuse)-int(before.StackInuse))/by.n
			t.Logf("%s: %d bytes of heap and %d of stack for a channel", by.name, heap, stack)
			if raced {
				stack = 0
			}
			if heap+stack > most && by.name != "WebTransport" {
				t.Errorf("%d bytes of heap and %d of stack, at most %d are aimed at", heap, stack, most)
			}
			if got := c.Counters().Attached; got != by.n+20 {
				t.Errorf("%d channels", got)
			}
			stop()
			stop2()
			stopServing()
		})
	}
}

// serveFace serves channels by WebSocket.
func serveFace(t *testing.T, c *Channels, config *tls.Config) (url string, stop func()) {
	t.Helper()
	f, err := face.Listen(face.Config{Listen: "127.0.0.1:0", TLS: config, Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	f.Handle("GET "+channel.Path, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { c.TakeSocket(w, r, f.Source(r)) }))
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- f.Run(ctx) }()
	scheme := "ws"
	if config != nil {
		scheme = "wss"
	}
	return fmt.Sprintf("%s://%s%s", scheme, f.Addr(), channel.Path), func() {
		cancel()
		c.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}
}

// serveWeb serves channels by WebTransport.
func serveWeb(t *testing.T, c *Channels) (url string, stop func()) {
	t.Helper()
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	end := servePort(t, udp, selfSigned(t), c.TakeWeb)
	return fmt.Sprintf("https://%s%s", udp.LocalAddr(), channel.Path), func() {
		c.Close()
		end()
	}
}

// run runs the other process, and returns when its channels are open.
func run(t *testing.T, url, names string, n int) (stop func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d", clientsOf, url, names, n))
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "open\n" {
		t.Fatalf("%q, %v", line, err)
	}
	return func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
}

// memory is what is in use when all garbage is gone.
func memory() (m runtime.MemStats) {
	for range 3 { // pools live through one
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m
}

func selfSigned(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bridge"}, IPAddresses: []net.IP{{127, 0, 0, 1}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}
