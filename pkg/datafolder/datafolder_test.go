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
	f, err := datafolder.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := datafolder.Open(dir); err == nil || !strings.Contains(err.Error(), dir) {
		t.Fatalf("opened twice, or without saying which folder: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := datafolder.Open(dir)
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
