package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"strowger/pkg/config"
	"strowger/pkg/rest"
)

// TestUpAfterRevocation revokes the switch and the bridge of an office, and removes the next switch: it says what is to be done, and does it.
func TestUpAfterRevocation(t *testing.T) {
	dir := t.TempDir()
	o := startUp(t, upIn(dir, "--name", "Berlin")...)
	o.says("user", "add", "Anna", "--number", "1001", "--site", "10", "--phone")
	o.says("switch", "revoke", "switch-10")
	o.says("bridge", "revoke", "bridge")
	var found, failed bytes.Buffer
	if code := Main(t.Context(), []string{"--data", o.at.Data, "doctor"}, &found, &failed); code == config.OK ||
		!strings.Contains(found.String(), "switch switch-10: is revoked") || !strings.Contains(found.String(), "--replace-revoked") || strings.Contains(found.String(), "switch add") {
		t.Errorf("doctor: %d\n%s%s", code, found.String(), failed.String())
	}
	o.end()
	refusesUp(t, upIn(dir), "office Berlin: switch switch-10 of this office was revoked", "--replace-revoked", "takes over its phones")
	o = startUp(t, upIn(dir, "--replace-revoked")...)
	if fmt.Sprint(o.at.Replaced) != "[switch switch-10 was revoked, switch-10-2 has its place: restart desk phones, or have them register again]" {
		t.Errorf("it tells of %q", o.at.Replaced)
	}
	sw, phone := one[rest.Switch](t, o, "switch", "show", "switch-10-2"), one[rest.Device](t, o, "device", "show", "101001")
	if sw.State != "enrolled" || phone.Switch != sw.ID {
		t.Errorf("the new switch is %+v, the phone %+v", sw, phone)
	}
	if b := one[rest.Bridge](t, o, "bridge", "show", "bridge-2"); b.State != "enrolled" {
		t.Errorf("the new bridge is %+v", b)
	}
	if aside, err := filepath.Glob(filepath.Join(dir, "data", "switch-*.sw_*")); err != nil || len(aside) != 1 {
		t.Errorf("folders of the old switch: %q, %v", aside, err)
	}
	o.says("switch", "remove", "switch-10")
	o.says("device", "remove", phone.ID)
	o.says("switch", "remove", "switch-10-2")
	o.says("bridge", "revoke", "bridge-2")
	o.end()
	refusesUp(t, upIn(dir), "bridge bridge-2 of this office was revoked", "--replace-revoked to have a new one\"")
	o = startUp(t, upIn(dir, "--replace-revoked")...)
	if sw := one[rest.Switch](t, o, "switch", "show", "switch-10"); sw.State != "enrolled" {
		t.Errorf("the newest switch is %+v", sw)
	}
	if b := one[rest.Bridge](t, o, "bridge", "show", "bridge-3"); b.State != "enrolled" {
		t.Errorf("the newest bridge is %+v", b)
	}
	o.end()
}

// one is the object that a command of an office shows.
func one[T any](t *testing.T, o *office, args ...string) (v T) {
	t.Helper()
	if err := json.NewDecoder(strings.NewReader(o.says(args...))).Decode(&v); err != nil {
		t.Fatalf("strowger %s: %v", strings.Join(args, " "), err)
	}
	return v
}
