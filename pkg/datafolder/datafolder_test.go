package datafolder_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"strowger/pkg/datafolder"
)

func TestOneProcessAtATime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	f, err := datafolder.Open(dir, "switch")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := datafolder.Open(dir, "switch"); err == nil || !strings.Contains(err.Error(), dir) {
		t.Fatalf("opened twice, or without saying which folder: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := datafolder.Open(dir, "switch")
	if err != nil {
		t.Fatalf("after it was given up: %v", err)
	}
	if err := again.Touch(); err != nil || again.LastUsed().IsZero() || time.Since(again.LastUsed()) > time.Hour {
		t.Errorf("last used %v, %v", again.LastUsed(), err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Fatalf("folder is %v, want it private: %v", info.Mode(), err)
	}
}

// Roles that are given one folder by mistake would find each other's lock and file names, but not their data.
func TestFolderOfAnotherRole(t *testing.T) {
	dir := t.TempDir()
	for range 2 { // the second time it is known
		f, err := datafolder.Open(dir, "cloud")
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, err := datafolder.Open(dir, "switch")
	if err == nil || !strings.Contains(err.Error(), dir+" is that of a cloud, this is a switch") {
		t.Errorf("opened with %v", err)
	}
}

func TestReplace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	for _, text := range []string{"first", "second"} {
		if err := datafolder.Replace(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != text {
			t.Errorf("%q, %v", b, err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info, err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	if err := datafolder.Replace(filepath.Join(path, "below a file"), nil, 0o600); err == nil {
		t.Error("wrote below a file")
	}
}
