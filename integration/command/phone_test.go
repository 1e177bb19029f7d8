package command

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strowger/pkg/config"
	"strowger/pkg/rest"
)

// TestPhone enrols a phone on the command line by the link of its device, and has it sleep where the cloud knows to wake it.
func TestPhone(t *testing.T) {
	s := start(t)
	s.ok("org", "add", "Acme")
	s.ok("user", "add", "Anna")
	var device rest.Device
	if err := json.Unmarshal([]byte(s.ok("--json", "device", "add", "--user", "Anna", "--name", "mobile", "--kind", "mobile")), &device); err != nil {
		t.Fatal(err)
	}
	account := account{Cloud: s.cloud.API, Key: s.cloud.APIKey}
	client, err := account.client()
	if err != nil {
		t.Fatal(err)
	}
	code, err := client.DeviceCode(t.Context(), device.ID)
	if err != nil {
		t.Fatal(err)
	}
	if said := s.refused("phone", "run", "--answer", "echo"); !strings.Contains(said, "strowger phone enrol LINK") {
		t.Errorf("a phone that is none says %q", said)
	}
	if said := s.refused("phone", "enrol", "strowger://enrol?code=x"); !strings.Contains(said, "copy it whole") {
		t.Errorf("half a link: %q", said)
	}
	if said := s.ok("phone", "enrol", code.Link); !strings.Contains(said, "mobile (Anna)") {
		t.Errorf("enrolled as %q", said)
	}
	if said := s.refused("phone", "run", "--answer", "loudly"); !strings.Contains(said, "a WAV file") {
		t.Errorf("to answer loudly: %q", said)
	}
	if info, err := os.Stat(filepath.Join(s.data, "phone", "keys.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("keys of the phone: %v, %v", info, err)
	}

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	r, w := io.Pipe()
	var complaints bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- Main(ctx, []string{"--data", s.data, "--json", "phone", "run", "--answer", "echo"}, w, &complaints)
		w.Close()
	}()
	lines := bufio.NewScanner(r)
	var first happening
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &first) != nil || first.Event != "sleeping" || !strings.Contains(first.Words, "http://127.0.0.1:") {
		t.Errorf("the phone says %q first", lines.Text())
	}
	if device, err = client.Devices().Get(t.Context(), device.ID); err != nil || !device.Reachable || len(device.Push) != 1 {
		t.Errorf("the cloud knows %+v, %v", device, err)
	}
	if said := s.refused("phone", "run"); !strings.Contains(said, "another process") {
		t.Errorf("two phones in one folder: %q", said)
	}
	stop()
	for lines.Scan() {
		t.Errorf("the phone says %q", lines.Text())
	}
	if code := <-ended; code != config.OK || complaints.Len() > 0 {
		t.Errorf("the phone ended with %d: %s", code, complaints.String())
	}
}
