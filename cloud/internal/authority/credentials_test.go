package authority

import (
	"crypto/md5"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"strowger/pkg/enrol"
	"strowger/pkg/errs"
	"strowger/pkg/rest"
)

func TestPasswordDigests(t *testing.T) {
	i := install(t)
	if err := i.SetPassword(t.Context(), i.org.ID, i.device, "correct horse"); err != nil {
		t.Fatal(err)
	}
	got := must[map[string]credential](t)(i.credentials(t.Context(), i.org.ID, i.site.ID))[i.device.ID]
	a1 := "1001:" + i.org.ID + ":correct horse"
	if got.MD5 != fmt.Sprintf("%x", md5.Sum([]byte(a1))) || got.SHA256 != fmt.Sprintf("%x", sha256.Sum256([]byte(a1))) {
		t.Errorf("digests are %+v", got)
	}
}

func TestSetPasswordRefuses(t *testing.T) {
	i := install(t)
	set := func(d rest.Device, p string) error { return i.SetPassword(t.Context(), i.org.ID, d, p) }
	mobile := i.device
	mobile.Username = ""
	wantCode(t, set(mobile, "correct horse"), errs.Invalid, "desk phones")
	wantCode(t, set(i.device, "short"), errs.Invalid, "5 characters")
	wantCode(t, set(i.device, strings.Repeat("x", 129)), errs.Invalid, "129 characters")
	wantCode(t, set(i.device, "new\nline and more"), errs.Invalid, "control")
	wantCode(t, set(i.device, "invalid \xff utf-8"), errs.Invalid, "UTF-8")
	stranger := i.device
	stranger.ID = "dv_nobody"
	wantCode(t, set(stranger, "correct horse"), errs.NotFound, "dv_nobody")
}

func TestGeneratedPasswordsDiffer(t *testing.T) {
	i := install(t)
	a, b := i.GeneratePassword(), i.GeneratePassword()
	if a == b || len(a) != 23 || checkPassword(a) != nil {
		t.Errorf("generated %q and %q", a, b)
	}
}

func TestAPIKeys(t *testing.T) {
	i := install(t)
	ctx := t.Context()
	k := rest.APIKey{Name: "ci", Role: "reader", Organization: i.org.ID}
	if err := i.store.APIKeys.Create(ctx, i.org.ID, &k); err != nil {
		t.Fatal(err)
	}
	if err := i.IssueAPIKey(ctx, &k); err != nil {
		t.Fatal(err)
	}
	got := must[rest.APIKey](t)(i.Authenticate(ctx, k.Secret))
	if got.ID != k.ID || got.Role != "reader" || got.Organization != i.org.ID || got.Secret != "" {
		t.Errorf("authenticated as %+v", got)
	}
	_, pin, err := enrol.ParseAPIKey(k.Secret)
	if err != nil || string(pin) != string(i.SPKIPin()) {
		t.Errorf("key carries pin %x, %v; want %x", pin, err, i.SPKIPin())
	}
	used := must[rest.APIKey](t)(i.store.APIKeys.Get(ctx, i.org.ID, k.ID)).UsedAt
	if used == nil || !used.Equal(i.clock()) {
		t.Errorf("used at %v, want %v", used, i.clock())
	}
	i.pass(touchEvery - time.Second)
	must[rest.APIKey](t)(i.Authenticate(ctx, k.Secret))
	if again := must[rest.APIKey](t)(i.store.APIKeys.Get(ctx, i.org.ID, k.ID)).UsedAt; !again.Equal(*used) {
		t.Errorf("use noted again within %v", touchEvery)
	}

	old := k.Secret
	if err := i.IssueAPIKey(ctx, &k); err != nil {
		t.Fatal(err)
	}
	for name, secret := range map[string]string{
		"none": "", "garbage": "sk_garbage", "replaced": old, "of another cloud": must[string](t)(func() (string, error) { s, _ := enrol.NewAPIKey([]byte("x")); return s, nil }()),
	} {
		if _, err := i.Authenticate(ctx, secret); errs.CodeOf(err) != errs.Unauthenticated {
			t.Errorf("%s: %v, want unauthenticated", name, err)
		}
	}
	if err := i.store.APIKeys.Delete(ctx, i.org.ID, k.ID); err != nil {
		t.Fatal(err)
	}
	_, err = i.Authenticate(ctx, k.Secret)
	wantCode(t, err, errs.Unauthenticated, "deleted")
	wantCode(t, i.IssueAPIKey(ctx, &k), errs.NotFound, k.ID)
}

// A cloud that is stopped before anybody has read the first key shows it again.
func TestFirstAPIKeyIsShownUntilItIsUsed(t *testing.T) {
	i := install(t)
	first := must[string](t)(i.FirstAPIKey(t.Context()))
	if again := must[string](t)(i.FirstAPIKey(t.Context())); again != first {
		t.Errorf("first it is %q, then %q", first, again)
	}
	if k := must[rest.APIKey](t)(i.Authenticate(t.Context(), first)); k.Role != "admin" || k.Organization != "" {
		t.Errorf("authenticated as %+v", k)
	}
	if later := must[string](t)(i.FirstAPIKey(t.Context())); later != "" {
		t.Errorf("it was used, and is shown: %q", later)
	}
}
