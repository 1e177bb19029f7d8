package authority

import (
	"testing"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/sitecopy"
)

func (i *installation) open(t testing.TB, doc string) sitecopy.Copy {
	t.Helper()
	set := must[sitecopy.KeySet](t)(i.CopyKeys(t.Context(), i.org.ID))
	return must[sitecopy.Copy](t)(sitecopy.OpenCopy(doc, i.org.ID, set))
}

func TestSignedCopyCarriesSealedCredentials(t *testing.T) {
	i := install(t)
	key := i.enrolled(t)
	if err := i.SetPassword(t.Context(), i.org.ID, i.device, "correct horse"); err != nil {
		t.Fatal(err)
	}
	c := i.open(t, must[string](t)(i.SignedCopy(t.Context(), i.org.ID, i.site.ID, 0)))
	if c.ID != i.site.ID || c.SiteCode != "20" || len(c.SessionKeys) != 1 || len(c.CopyKeys) != 1 ||
		c.Issued != i.clock().Unix() || c.Expires != i.clock().Add(sitecopy.Lifetime).Unix() {
		t.Errorf("copy is %+v", c)
	}
	creds := must[[]sitecopy.Credential](t)(sitecopy.Unseal(key, i.org.ID, i.site.ID, i.sw.ID, c.Secrets[i.sw.ID]))
	want := must[map[string]credential](t)(i.credentials(t.Context(), i.org.ID))[i.device.ID].Credential
	if len(creds) != 1 || creds[0] != want {
		t.Errorf("credentials are %+v, want %+v", creds, want)
	}
}

func TestCredentialsAreForTheirSwitchAndUserName(t *testing.T) {
	i := install(t)
	key := i.enrolled(t)
	if err := i.SetPassword(t.Context(), i.org.ID, i.device, "correct horse"); err != nil {
		t.Fatal(err)
	}
	count := func() int {
		c := i.open(t, must[string](t)(i.SignedCopy(t.Context(), i.org.ID, i.site.ID, 0)))
		return len(must[[]sitecopy.Credential](t)(sitecopy.Unseal(key, i.org.ID, i.site.ID, i.sw.ID, c.Secrets[i.sw.ID])))
	}
	i.copy.Devices[0].Username = "1002" // renamed since
	if n := count(); n != 0 {
		t.Errorf("%d credentials of another user name", n)
	}
	i.copy.Devices[0].Username, i.copy.Devices[0].Switch = "1001", "sw_elsewhere"
	if n := count(); n != 0 {
		t.Errorf("%d credentials of another switch's phone", n)
	}
}

// TestPhoneIsUnknownUntilItHasAPassword lets a phone that is being made try again instead of refusing its password.
func TestPhoneIsUnknownUntilItHasAPassword(t *testing.T) {
	i := install(t)
	phones := func() int {
		return len(i.open(t, must[string](t)(i.SignedCopy(t.Context(), i.org.ID, i.site.ID, 0))).Devices)
	}
	if n := phones(); n != 0 {
		t.Errorf("%d phones without a password", n)
	}
	if err := i.SetPassword(t.Context(), i.org.ID, i.device, "correct horse"); err != nil {
		t.Fatal(err)
	}
	if n := phones(); n != 1 {
		t.Errorf("%d phones, want 1", n)
	}
}

func TestCopyForASwitchThatHasNotEnrolled(t *testing.T) {
	i := install(t)
	c := i.open(t, must[string](t)(i.SignedCopy(t.Context(), i.org.ID, i.site.ID, 0)))
	if len(c.Secrets) != 0 {
		t.Errorf("secrets are sealed to %v", c.Secrets)
	}
}

// TestVersionsGrowWithTheContent follows the versions of both documents over changes, time and runs of the cloud.
func TestVersionsGrowWithTheContent(t *testing.T) {
	i := install(t)
	ctx := t.Context()
	i.enrolled(t)
	version := func(a *Authority) uint64 {
		t.Helper()
		return i.open(t, must[string](t)(a.SignedCopy(ctx, i.org.ID, i.site.ID, 0))).Version
	}
	first := version(i.Authority)
	if doc := must[string](t)(i.SignedCopy(ctx, i.org.ID, i.site.ID, first)); doc != "" {
		t.Error("who has the current version got it again")
	}
	if v := version(i.reopen(t)); v != first {
		t.Errorf("another run made version %d of the same content, want %d", v, first)
	}
	if err := i.SetPassword(ctx, i.org.ID, i.device, "correct horse"); err != nil {
		t.Fatal(err)
	}
	second := version(i.Authority)
	i.copy.SiteName = "Berlin Mitte"
	third := version(i.Authority) // within the same second
	if second <= first || third <= second {
		t.Errorf("versions are %d, %d after a password, %d after a name; want them to grow", first, second, third)
	}
	i.pass(refreshAfter - time.Second)
	if v := version(i.Authority); v != third {
		t.Errorf("version %d of the same content, want %d", v, third)
	}
	i.pass(time.Second)
	if v := version(i.Authority); v <= third {
		t.Errorf("version %d after %v, want a new one above %d", v, refreshAfter, third)
	}
}

func TestSignedPeer(t *testing.T) {
	i := install(t)
	ctx := t.Context()
	set := must[sitecopy.KeySet](t)(i.CopyKeys(ctx, i.org.ID))
	p := must[sitecopy.Peer](t)(sitecopy.OpenPeer(must[string](t)(i.SignedPeer(ctx, i.org.ID, i.site.ID, 0)), i.org.ID, set))
	if p.ID != i.site.ID || p.SiteCode != "20" || len(p.Switches) != 1 {
		t.Errorf("peer document is %+v", p)
	}
	if doc := must[string](t)(i.SignedPeer(ctx, i.org.ID, i.site.ID, p.Version)); doc != "" {
		t.Error("who has the current version got it again")
	}
	i.copy.Switches[0].Addresses = []string{"192.0.2.9:7443"}
	if doc := must[string](t)(i.SignedPeer(ctx, i.org.ID, i.site.ID, p.Version)); doc == "" {
		t.Error("a new address made no new version")
	}
	if _, err := i.SignedPeer(ctx, "org_nobody", i.site.ID, 0); errs.CodeOf(err) != errs.NotFound {
		t.Errorf("signed for a stranger: %v", err)
	}
}
