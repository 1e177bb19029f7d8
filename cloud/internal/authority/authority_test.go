package authority

import (
	"bytes"
	"context"
	"encoding/pem"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"strowger/cloud/internal/store"
	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
	"strowger/pkg/sitecopy"
)

// installation is a cloud with one organization of one site, one switch and one phone.
type installation struct {
	*Authority
	store  *store.Store
	cfg    Config
	org    rest.Organization
	site   rest.Site
	sw     rest.Switch
	user   rest.User
	device rest.Device
	copy   sitecopy.Copy // what the directory answers
	db     string

	mu  sync.Mutex
	now time.Time
}

func (i *installation) clock() time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.now
}

func (i *installation) pass(d time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.now = i.now.Add(d)
}

// Copy and Peer make the installation its own directory.
func (i *installation) Copy(context.Context, string, string) (sitecopy.Copy, error) {
	return i.copy, nil
}

func (i *installation) Peer(context.Context, string, string) (sitecopy.Peer, error) {
	return sitecopy.Peer{SiteName: i.copy.SiteName, SiteCode: i.copy.SiteCode, Switches: i.copy.Switches}, nil
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func openStore(t testing.TB, path string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), "sqlite:"+path, quiet())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func install(t testing.TB) *installation {
	t.Helper()
	dir := t.TempDir()
	// The registry stamps rows by the real clock, so the tests begin there.
	i := &installation{now: time.Now().Truncate(time.Second), db: filepath.Join(dir, "cloud.db")}
	i.store = openStore(t, i.db)
	t.Cleanup(func() {
		if err := i.store.Close(); err != nil {
			t.Error(err)
		}
	})
	i.cfg = Config{
		Store: i.store, Directory: i, MasterKeyFile: filepath.Join(dir, "master.key"), CreateMasterKey: true,
		Fabric: func() []string { return []string{"tls://192.0.2.1:4222"} }, Now: i.clock, Log: quiet(),
	}
	i.Authority = must[*Authority](t)(Open(t.Context(), i.cfg))
	i.register(t)
	return i
}

// register fills the registry.
func (i *installation) register(t testing.TB) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	i.org = rest.Organization{Name: "Acme", Enabled: true}
	check(i.store.Organizations.Create(ctx, "", &i.org))
	i.site = rest.Site{Name: "Berlin", Code: "20"}
	check(i.store.Sites.Create(ctx, i.org.ID, &i.site))
	i.sw = rest.Switch{Site: i.site.ID, Name: "berlin-1"}
	check(i.store.Switches.Create(ctx, i.org.ID, &i.sw))
	i.user = rest.User{Name: "Ada", Enabled: true, Calling: "internal"}
	check(i.store.Users.Create(ctx, i.org.ID, &i.user))
	i.device = rest.Device{User: i.user.ID, Kind: designation.DeskPhone, Name: "desk", Switch: i.sw.ID, Username: "1001", Enabled: true}
	check(i.store.Devices.Create(ctx, i.org.ID, &i.device))
	i.copy = sitecopy.Copy{
		OrgName: "Acme", SiteName: "Berlin", SiteCode: "20",
		Switches: []sitecopy.Switch{{Node: designation.Node{ID: i.sw.ID}}},
		Devices:  []sitecopy.Device{{ID: i.device.ID, User: i.user.ID, Username: "1001", Switch: i.sw.ID, Enabled: true}},
	}
}

// reopen is another run of the cloud over the same database.
func (i *installation) reopen(t testing.TB) *Authority {
	t.Helper()
	cfg := i.cfg
	cfg.CreateMasterKey = false
	return must[*Authority](t)(Open(t.Context(), cfg))
}

func wantCode(t *testing.T, err error, code errs.Code, words string) {
	t.Helper()
	if errs.CodeOf(err) != code || !strings.Contains(err.Error(), words) {
		t.Errorf("error is %q: %v; want %q with %q", errs.CodeOf(err), err, code, words)
	}
}

func TestMasterKeyFileRefused(t *testing.T) {
	i := install(t)
	good := must[[]byte](t)(os.ReadFile(i.cfg.MasterKeyFile))
	if info := must[os.FileInfo](t)(os.Stat(i.cfg.MasterKeyFile)); info.Mode().Perm() != 0o600 {
		t.Errorf("master key file has mode %o", info.Mode().Perm())
	}
	other := install(t)
	write := func(path string, data []byte, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, data, mode); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	write(file("open"), good, 0o644)
	write(file("garbage"), []byte("hello\n"), 0o600)
	write(file("short"), good[:len(good)-5], 0o600)
	tests := []struct{ name, path, words string }{
		{"gone", file("gone"), "restore the file"},
		{"readable by others", file("open"), "chmod 600"},
		{"no key", file("garbage"), "holds no master key"},
		{"cut short", file("short"), "holds no master key"},
		{"of another installation", other.cfg.MasterKeyFile, "does not open with this master key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := i.cfg
			cfg.MasterKeyFile = tt.path
			_, err := Open(t.Context(), cfg)
			wantCode(t, err, errs.Invalid, tt.words)
		})
	}
	i.reopen(t)
}

func TestMasterKeyIsNotMadeUnasked(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, filepath.Join(dir, "cloud.db"))
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	path := filepath.Join(dir, "master.key")
	_, err := Open(t.Context(), Config{Store: s, MasterKeyFile: path, Now: time.Now, Log: quiet()})
	wantCode(t, err, errs.Invalid, "make one")
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("master key file was made: %v", err)
	}
}

// A data folder that was emptied, or is not mounted, must not become a new installation beside the key of the old one.
func TestEmptyDatabaseBesideItsKeyIsRefused(t *testing.T) {
	i := install(t)
	cfg := i.cfg
	cfg.Store = openStore(t, filepath.Join(t.TempDir(), "cloud.db"))
	defer func() {
		if err := cfg.Store.Close(); err != nil {
			t.Error(err)
		}
	}()
	_, err := Open(t.Context(), cfg)
	wantCode(t, err, errs.Invalid, "the database is empty")
	wantCode(t, err, errs.Invalid, cfg.MasterKeyFile)
	cfg.CreateMasterKey = false // with PostgreSQL the key is there first
	must[*Authority](t)(Open(t.Context(), cfg))
}

// TestFirstStartThatIsCutOff kills a first start before and after the database knows the key.
func TestFirstStartThatIsCutOff(t *testing.T) {
	i := install(t)
	key := i.cfg.MasterKeyFile
	if err := os.Rename(key, key+unfinished); err != nil {
		t.Fatal(err)
	}
	again := must[*Authority](t)(Open(t.Context(), i.cfg))
	if !again.Root().Equal(i.Root()) {
		t.Error("there is another root")
	}
	must[[]byte](t)(os.ReadFile(key))

	cfg := i.cfg
	cfg.MasterKeyFile = filepath.Join(t.TempDir(), "master.key")
	if err := os.WriteFile(cfg.MasterKeyFile+unfinished, []byte("cut o"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg.Store = openStore(t, filepath.Join(t.TempDir(), "cloud.db"))
	defer func() {
		if err := cfg.Store.Close(); err != nil {
			t.Error(err)
		}
	}()
	must[*Authority](t)(Open(t.Context(), cfg))
}

func TestWrappedSecretsAreBoundToTheirNames(t *testing.T) {
	i := install(t)
	ctx := t.Context()
	if err := i.custody.put(ctx, "one", []byte("secret")); err != nil {
		t.Fatal(err)
	}
	wrapped := must[[]byte](t)(i.store.Secret(ctx, "one"))
	if err := i.store.PutSecret(ctx, "two", wrapped); err != nil {
		t.Fatal(err)
	}
	_, err := i.custody.get(ctx, "two")
	wantCode(t, err, errs.Invalid, "tampered")
	for n := range wrapped {
		bad := bytes.Clone(wrapped)
		bad[n] ^= 1
		if plain, err := i.custody.unwrap("one", bad); err == nil {
			t.Errorf("opened with byte %d changed: %q", n, plain)
		}
	}
	if _, err := i.custody.unwrap("one", nil); err == nil {
		t.Error("opened nothing")
	}
}

func TestOnceGivesEveryoneTheFirst(t *testing.T) {
	i := install(t)
	var all [8][]byte
	var errors [8]error
	var wg sync.WaitGroup
	for n := range all {
		wg.Go(func() {
			all[n], errors[n] = i.custody.once(t.Context(), "race", func() ([]byte, error) { return []byte{byte(n)}, nil })
		})
	}
	wg.Wait()
	for n := range all {
		if errors[n] != nil || !bytes.Equal(all[n], all[0]) {
			t.Errorf("maker %d has %v, %v; the first has %v", n, all[n], errors[n], all[0])
		}
	}
}

// TestNothingSecretRestsInClear looks for every secret that was handed out in the files of the database.
func TestNothingSecretRestsInClear(t *testing.T) {
	i := install(t)
	ctx := t.Context()
	code := must[rest.EnrolmentCode](t)(i.IssueEnrolment(ctx, i.org.ID, i.sw.ID))
	key := rest.APIKey{Name: "admin", Role: "admin"}
	if err := i.store.APIKeys.Create(ctx, "", &key); err != nil {
		t.Fatal(err)
	}
	if err := i.IssueAPIKey(ctx, &key); err != nil {
		t.Fatal(err)
	}
	password := i.GeneratePassword()
	if err := i.SetPassword(ctx, i.org.ID, i.device, password); err != nil {
		t.Fatal(err)
	}
	cred := must[map[string]credential](t)(i.credentials(ctx, i.org.ID, i.site.ID))[i.device.ID]
	session := must[keyring](t)(i.ring(ctx, i.org.ID, forSessions))
	docs := must[keyring](t)(i.ring(ctx, i.org.ID, forCopies))
	rootKey := must[[]byte](t)(marshalKey(i.root.key))
	tlsKey := must[[]byte](t)(marshalKey(i.tlsKey))
	der := func(b []byte) []byte { block, _ := pem.Decode(b); return block.Bytes }
	secrets := map[string][]byte{
		"enrolment code": []byte(code.Code), "API key": []byte(key.Secret), "password": []byte(password),
		"MD5 digest": []byte(cred.MD5), "SHA-256 digest": []byte(cred.SHA256),
		"session key seed": session[0].private.Seed(), "copy key seed": docs[0].private.Seed(),
		"root key": rootKey, "TLS key": tlsKey, "root key in DER": der(rootKey), "TLS key in DER": der(tlsKey),
		"any private key": []byte("PRIVATE KEY"),
	}
	files := must[[]string](t)(filepath.Glob(i.db + "*"))
	var stored []byte
	for _, f := range files {
		stored = append(stored, must[[]byte](t)(os.ReadFile(f))...)
	}
	if !bytes.Contains(stored, []byte(i.device.ID)) {
		t.Fatal("the files of the database do not hold what was just stored; the test looks in the wrong place")
	}
	for name, s := range secrets {
		if len(s) < 8 || bytes.Contains(stored, s) {
			t.Errorf("%s rests in clear", name)
		}
	}
}
