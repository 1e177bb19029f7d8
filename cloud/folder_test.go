package cloud_test

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"strowger/cloud"
)

// Two clouds may not have one SQLite file, whatever their data folders.
func TestOneCloudOfAFile(t *testing.T) {
	i := start(t)
	for data, db := range map[string]string{i.dir: "", t.TempDir(): "sqlite:" + filepath.Join(i.dir, "cloud.db")} {
		err := cloud.Run(t.Context(), cloud.Config{
			Data: data, DB: db, MasterKey: filepath.Join(i.dir, "key", "master.key"), Host: []string{"127.0.0.1"}, API: "127.0.0.1:0", Fabric: "127.0.0.1:0",
			Logger: slog.New(slog.DiscardHandler), Started: func(cloud.Started) { t.Error("it starts") },
		})
		if err == nil || !strings.Contains(err.Error(), "another process uses the data folder "+i.dir) {
			t.Errorf("in %s with %q: %v", data, db, err)
		}
	}
}
