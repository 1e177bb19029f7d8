package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// janusConfig has Janus serve its API by HTTP, and its echo test; nothing else is loaded.
const janusConfig = `general: {
	configs_folder = "FOLDER"
	plugins_folder = "PLUGINS"
	transports_folder = "TRANSPORTS"
	debug_level = 1
	server_name = "bench"
}
plugins: { disable = "DISABLED" }
transports: { disable = "libjanus_websockets.so,libjanus_pfunix.so,libjanus_rabbitmq.so,libjanus_mqtt.so,libjanus_nanomsg.so" }
events: { broadcast = false }
media: { ipv6 = false }
`

const janusHTTP = `general: {
	json = "compact"
	base_path = "/janus"
	http = true
	port = PORT
	ip = "127.0.0.1"
	https = false
}
admin: { admin_http = false }
`

// janus starts one.
func (b *bench) janus(ctx context.Context) (s server, to answerer, err error) {
	path, err := exec.LookPath("janus")
	if err != nil {
		return s, nil, fmt.Errorf("%w: Debian's package janus has it, --alone goes without", err)
	}
	found, err := filepath.Glob("/usr/lib/*/janus/plugins/libjanus_echotest.so")
	if err != nil || len(found) == 0 {
		return s, nil, errors.Join(err, errors.New("the plugin of the echo test of Janus is missing"))
	}
	plugins := filepath.Dir(found[0])
	at, err := freePort()
	if err != nil {
		return s, nil, err
	}
	folder := filepath.Join(b.dir, "janus-"+b.unique())
	var others []string
	all, err := filepath.Glob(filepath.Join(plugins, "*.so"))
	for _, p := range all {
		if filepath.Base(p) != "libjanus_echotest.so" {
			others = append(others, filepath.Base(p))
		}
	}
	text := strings.NewReplacer("FOLDER", folder, "PLUGINS", plugins, "TRANSPORTS", filepath.Join(filepath.Dir(plugins), "transports"),
		"DISABLED", strings.Join(others, ",")).Replace(janusConfig)
	err = errors.Join(err, os.MkdirAll(folder, 0o755),
		os.WriteFile(filepath.Join(folder, "janus.jcfg"), []byte(text), 0o644),
		os.WriteFile(filepath.Join(folder, "janus.transport.http.jcfg"), []byte(strings.ReplaceAll(janusHTTP, "PORT", fmt.Sprint(at.Port()))), 0o644))
	if err != nil {
		return s, nil, err
	}
	cmd, _, err := b.start(path, "--configs-folder", folder, "--disable-stdout=false")
	if err != nil {
		return s, nil, err
	}
	j := janusAPI{"http://" + at.String() + "/janus"}
	return server{name: "janus", main: []program{{name: "janus", pid: cmd.Process.Pid}}}, j, j.ready(ctx)
}

// janusAPI is where Janus takes orders (its REST interface).
type janusAPI struct{ at string }

// reply is what Janus says.
type reply struct {
	Janus string `json:"janus"`
	Data  struct {
		ID int64 `json:"id"`
	} `json:"data"`
	JSEP struct {
		SDP string `json:"sdp"`
	} `json:"jsep"`
	Error struct {
		Reason string `json:"reason"`
	} `json:"error"`
}

// ready waits until it is.
func (j janusAPI) ready(ctx context.Context) error {
	var last error
	for range 100 {
		if _, last = j.ask(ctx, "", map[string]any{"janus": "ping"}); last == nil {
			return nil
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("start Janus: %w; --verbose shows why", last)
}

func (j janusAPI) ask(ctx context.Context, path string, q map[string]any) (a reply, err error) {
	q["transaction"] = "bench"
	err = tell(ctx, j.at+path, q, &a)
	if err == nil && a.Janus == "error" {
		err = fmt.Errorf("say to Janus: %s", a.Error.Reason)
	}
	return a, err
}

// offer makes a session with the echo test, which answers the offer.
func (j janusAPI) offer(ctx context.Context, sdp string) (answer string, end func() error, err error) {
	created, err := j.ask(ctx, "", map[string]any{"janus": "create"})
	if err != nil {
		return "", nil, err
	}
	session := fmt.Sprint("/", created.Data.ID)
	end = func() error {
		_, err := j.ask(context.WithoutCancel(ctx), session, map[string]any{"janus": "destroy"})
		return err
	}
	attached, err := j.ask(ctx, session, map[string]any{"janus": "attach", "plugin": "janus.plugin.echotest"})
	if err != nil {
		return "", end, err
	}
	_, err = j.ask(ctx, fmt.Sprint(session, "/", attached.Data.ID), map[string]any{
		"janus": "message", "body": map[string]any{"audio": true}, "jsep": map[string]any{"type": "offer", "sdp": sdp},
	})
	for err == nil && answer == "" {
		answer, err = j.event(ctx, session)
	}
	return answer, end, err
}

// event waits for the next event of a session, and returns the answer if it has one.
func (j janusAPI) event(ctx context.Context, session string) (answer string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, j.at+session+"?maxev=1", nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	var events []reply
	var one reply
	if json.Unmarshal(text, &events) != nil {
		if err := json.Unmarshal(text, &one); err != nil {
			return "", fmt.Errorf("an event of Janus: %w", err)
		}
		events = []reply{one}
	}
	for _, e := range events {
		if e.JSEP.SDP != "" {
			return e.JSEP.SDP, nil
		}
	}
	return "", nil
}
