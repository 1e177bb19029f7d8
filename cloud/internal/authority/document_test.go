package authority

import (
	"testing"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/sitecopy"
)

// signed is the current version of a document, its pieces put together.
func (i *installation) signed(t testing.TB, a *Authority, kind string) string {
	t.Helper()
	version := must[uint64](t)(a.Current(t.Context(), i.org.ID, kind, i.site.ID))
	var doc string
	for no, pieces := 0, 1; no < pieces; no++ {
		text, n, err := i.store.DocumentPiece(t.Context(), i.org.ID, kind+"/"+i.site.ID, version, no)
		if err != nil {
			t.Fatal(err)
		}
		doc, pieces = doc+text, n
	}
	return doc
}

// change changes what the directory answers, and the registry's revision with it.
func (i *installation) change(t testing.TB, f func()) {
	t.Helper()
	f()
	if err := i.store.Organizations.Update(t.Context(), i.org.ID, &i.org); err != nil {
		t.Fatal(err)
	}
}

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
	c := i.open(t, i.signed(t, i.Authority, Copies))
	if c.ID != i.site.ID || c.SiteCode != "20" || len(c.SessionKeys) != 1 || len(c.CopyKeys) != 1 ||
		c.Issued != i.clock().Unix() || c.Expires != i.clock().Add(sitecopy.Lifetime).Unix() {
		t.Errorf("copy is %+v", c)
	}
	creds := must[[]sitecopy.Credential](t)(sitecopy.Unseal(key, i.org.ID, i.site.ID, i.sw.ID, c.Secrets[i.sw.ID]))
	want := must[map[string]credential](t)(i.credentials(t.Context(), i.org.ID, i.site.ID))[i.device.ID].Credential
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
		c := i.open(t, i.signed(t, i.Authority, Copies))
		return len(must[[]sitecopy.Credential](t)(sitecopy.Unseal(key, i.org.ID, i.site.ID, i.sw.ID, c.Secrets[i.sw.ID])))
	}
	i.change(t, func() { i.copy.Devices[0].Username = "1002" }) // renamed since
	if n := count(); n != 0 {
		t.Errorf("%d credentials of another user name", n)
	}
	i.change(t, func() { i.copy.Devices[0].Username, i.copy.Devices[0].Switch = "1001", "sw_elsewhere" })
	if n := count(); n != 0 {
		t.Errorf("%d credentials of another switch's phone", n)
	}
}

// TestPhoneIsUnknownUntilItHasAPassword lets a phone that is being made try again instead of refusing its password.
func TestPhoneIsUnknownUntilItHasAPassword(t *testing.T) {
	i := install(t)
	phones := func() int {
		return len(i.open(t, i.signed(t, i.Authority, Copies)).Devices)
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
	c := i.open(t, i.signed(t, i.Authority, Copies))
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
		return i.open(t, i.signed(t, a, Copies)).Version
	}
	first := version(i.Authority)
	if v := version(i.Authority); v != first {
		t.Errorf("version %d of the same content, want %d", v, first)
	}
	if v := version(i.reopen(t)); v != first {
		t.Errorf("another run made version %d of the same content, want %d", v, first)
	}
	if err := i.SetPassword(ctx, i.org.ID, i.device, "correct horse"); err != nil {
		t.Fatal(err)
	}
	second := version(i.Authority)
	i.change(t, func() { i.copy.SiteName = "Berlin Mitte" })
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
	p := must[sitecopy.Peer](t)(sitecopy.OpenPeer(i.signed(t, i.Authority, Peers), i.org.ID, set))
	if p.ID != i.site.ID || p.SiteCode != "20" || len(p.Switches) != 1 {
		t.Errorf("peer document is %+v", p)
	}
	if v := must[uint64](t)(i.Current(ctx, i.org.ID, Peers, i.site.ID)); v != p.Version {
		t.Errorf("version %d of the same content, want %d", v, p.Version)
	}
	i.change(t, func() { i.copy.Switches[0].Addresses = []string{"192.0.2.9:7443"} })
	if v := must[uint64](t)(i.Current(ctx, i.org.ID, Peers, i.site.ID)); v == p.Version {
		t.Error("a new address made no new version")
	}
	if _, err := i.Current(ctx, "org_nobody", Peers, i.site.ID); errs.CodeOf(err) != errs.NotFound {
		t.Errorf("signed for a stranger: %v", err)
	}
}
