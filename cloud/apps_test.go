package cloud_test

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/enrol"
	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/proof"
	"strowger/pkg/pushseal"
	"strowger/pkg/pushtarget"
	"strowger/pkg/rest"
	"strowger/pkg/wish"
)

// app is an app that enrols: its keys, and what it sends.
type app struct {
	i    *installation
	key  *ecdsa.PrivateKey
	seal pushseal.PrivateKey
}

func (i *installation) app() app {
	return app{i, must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(i.t), must(pushseal.NewKey())(i.t)}
}

func (a app) thumbprint() string { return proof.JWKOf(&a.key.PublicKey).Thumbprint() }

func target(token string) pushtarget.Target {
	return pushtarget.Target{Provider: pushtarget.APNs, App: "com.example.phone", Token: token}
}

// request is what the app sends with a code.
func (a app) request(code rest.EnrolmentCode, push ...pushtarget.Target) enrol.DeviceRequest {
	text, cloud, err := enrol.ParseLink(code.Link)
	if err != nil || cloud != a.i.api {
		a.i.t.Errorf("link %q leads to %q (%v), want %q", code.Link, cloud, err, a.i.api)
	}
	return enrol.DeviceRequest{
		Secret: must(enrol.Parse(text))(a.i.t).Secret, SigningKey: proof.JWKOf(&a.key.PublicKey), SealKey: a.seal.Public(), Platform: "test 1.0", Push: push,
	}
}

// send sends a body with a proof of another body if forged is not empty.
func (a app) send(method, path, typ string, claims proof.Request, body any, forged string) (info enrol.DeviceInfo, err error) {
	t := a.i.t
	t.Helper()
	b := must(json.Marshal(body))(t)
	claims.Body, claims.ID = proof.HashBody(b), cmp.Or(claims.ID, ident.New(ident.Request))
	if claims.IssuedAt == 0 {
		claims.IssuedAt = time.Now().Unix()
	}
	q := must(http.NewRequestWithContext(t.Context(), method, a.i.api+path, bytes.NewReader(append(b, forged...))))(t)
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set(proof.Header, must(proof.Sign(typ, a.key, claims))(t))
	resp := must(a.i.client.HTTP.Do(q))(t)
	reply := must(io.ReadAll(resp.Body))(t)
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	if resp.StatusCode/100 != 2 {
		var p rest.Problem
		if err := json.Unmarshal(reply, &p); err != nil {
			t.Errorf("reply %d %s", resp.StatusCode, reply)
		}
		return info, errs.New(p.Code, "%s", p.Detail)
	}
	return info, json.Unmarshal(reply, &info)
}

func (a app) enrol(q enrol.DeviceRequest) (enrol.DeviceInfo, error) {
	return a.send(http.MethodPost, enrol.DevicePath, proof.TypeEnrol, proof.Request{}, q, "")
}

func (a app) setPush(device string, push ...pushtarget.Target) error {
	_, err := a.send(http.MethodPut, enrol.PushPath(device), proof.TypePush, proof.Request{Device: device}, enrol.PushUpdate{Push: push}, "")
	return err
}

// mobile registers a device of a new user.
func (i *installation) mobile() rest.Device {
	u := must(i.client.Users().Create(i.t.Context(), rest.NewUser("Ada")))(i.t)
	return must(i.client.Devices().Create(i.t.Context(), rest.Device{User: u.ID, Kind: designation.Mobile, Name: "phone", Enabled: true}))(i.t)
}

func (i *installation) deviceCode(id string) rest.EnrolmentCode {
	i.t.Helper()
	return must(i.client.DeviceCode(i.t.Context(), id))(i.t)
}

func (i *installation) device(id string) rest.Device {
	i.t.Helper()
	return must(i.client.Devices().Get(i.t.Context(), id))(i.t)
}

func TestAppEnrols(t *testing.T) {
	i := start(t)
	d := i.mobile()
	if d.Reachable || d.EnrolledAt != nil {
		t.Errorf("new device is %+v", d)
	}
	a, code := i.app(), i.deviceCode(d.ID)
	q := a.request(code, target("00aa"))
	for range 2 { // the answer may have been lost
		info := must(a.enrol(q))(t)
		if info.Org != i.org.ID || info.OrgName != "Acme" || info.Device != d.ID || info.DeviceName != "phone" || info.User != d.User ||
			info.UserName != "Ada" || time.Since(info.Now).Abs() > time.Hour || len(info.SessionKeys) != 1 {
			t.Errorf("the app was told %+v", info)
		}
	}
	if d = i.device(d.ID); !d.Reachable || d.EnrolledAt == nil || d.Thumbprint != a.thumbprint() || d.Platform != "test 1.0" || len(d.Push) != 1 ||
		d.Push[0].Provider != pushtarget.APNs || d.Push[0].App != "com.example.phone" {
		t.Errorf("enrolled device is %+v", d)
	}
	thief := i.app()
	_, err := thief.enrol(thief.request(code))
	wantCode(t, err, errs.Used)

	// Anew, on another phone: that one takes the place of the first.
	b := i.app()
	must(b.enrol(b.request(i.deviceCode(d.ID))))(t)
	if d = i.device(d.ID); d.Thumbprint != b.thumbprint() || len(d.Push) != 0 || d.Reachable || d.Unreachable == "" {
		t.Errorf("device that enrolled anew is %+v", d)
	}
	wantCode(t, a.setPush(d.ID, target("00aa")), errs.WrongPresenter)
	if err := b.setPush(d.ID, target("00bb")); err != nil {
		t.Error(err)
	}
	if d = i.device(d.ID); !d.Reachable || len(d.Push) != 1 {
		t.Errorf("device with a new token is %+v", d)
	}
}

func TestEnrolmentOfAppsIsRefused(t *testing.T) {
	i := start(t)
	d := i.mobile()
	a, code := i.app(), i.deviceCode(d.ID)
	other := i.app()
	change := func(f func(*enrol.DeviceRequest)) enrol.DeviceRequest {
		q := a.request(code, target("00aa"))
		f(&q)
		return q
	}
	for _, c := range []struct {
		what string
		q    enrol.DeviceRequest
		want errs.Code
	}{
		{"another code", change(func(q *enrol.DeviceRequest) { q.Secret[0] ^= 1 }), errs.NotFound},
		{"another's signing key", change(func(q *enrol.DeviceRequest) { q.SigningKey = proof.JWKOf(&other.key.PublicKey) }), errs.WrongPresenter},
		{"no sealing key", change(func(q *enrol.DeviceRequest) { q.SealKey = "AAAA" }), errs.Invalid},
		{"an unknown provider", change(func(q *enrol.DeviceRequest) { q.Push[0].Provider = "pigeon" }), errs.Invalid},
		{"two tokens for one app", change(func(q *enrol.DeviceRequest) { q.Push = append(q.Push, target("00bb")) }), errs.Invalid},
	} {
		_, err := a.enrol(c.q)
		if errs.CodeOf(err) != c.want {
			t.Errorf("%s: %v has the code %q, want %q", c.what, err, errs.CodeOf(err), c.want)
		}
	}
	_, err := a.send(http.MethodPost, enrol.DevicePath, proof.TypePush, proof.Request{}, a.request(code), "")
	wantCode(t, err, errs.KeyMalformed)
	_, err = a.send(http.MethodPost, enrol.DevicePath, proof.TypeEnrol, proof.Request{}, a.request(code), " ")
	wantCode(t, err, errs.BadSignature)
	if d = i.device(d.ID); d.EnrolledAt != nil {
		t.Fatalf("device is %+v after refusals", d)
	}
	// None of them used the code up.
	must(a.enrol(a.request(code)))(t)
}

func TestCodesEnrolWhatTheyAreFor(t *testing.T) {
	i := start(t)
	b := must(i.client.Bridges().Create(t.Context(), rest.Bridge{Name: "b1"}))(t)
	forBridge, forApp := must(i.client.BridgeCode(t.Context(), b.ID))(t), i.deviceCode(i.mobile().ID)
	if forBridge.Link != "" || forBridge.Device != "" || forApp.Bridge != "" {
		t.Errorf("codes %+v, %+v", forBridge, forApp)
	}
	_, err := enrol.Enrol(t.Context(), "", i.api, forApp.Code, t.TempDir())
	wantCode(t, err, errs.Invalid)
	a := i.app()
	wrong := a.request(forApp)
	wrong.Secret = must(enrol.Parse(forBridge.Code))(t).Secret
	_, err = a.enrol(wrong)
	wantCode(t, err, errs.Invalid)
	must(a.enrol(a.request(forApp)))(t)
	must(enrol.Enrol(t.Context(), "", i.api, forBridge.Code, t.TempDir()))(t)
}

func TestTokensAreTheAppsOwn(t *testing.T) {
	i := start(t)
	d := i.mobile()
	a := i.app()
	must(a.enrol(a.request(i.deviceCode(d.ID), target("00aa"))))(t)
	other := i.app()
	wantCode(t, other.setPush(d.ID, target("00bb")), errs.WrongPresenter)
	wantCode(t, a.setPush(ident.New(ident.Device), target("00bb")), errs.Revoked)
	_, err := a.send(http.MethodPut, enrol.PushPath(d.ID), proof.TypePush, proof.Request{Device: ident.New(ident.Device)}, enrol.PushUpdate{}, "")
	wantCode(t, err, errs.WrongPresenter)
	_, err = a.send(http.MethodPut, enrol.PushPath(d.ID), proof.TypePush, proof.Request{Device: d.ID, IssuedAt: time.Now().Add(-time.Hour).Unix()},
		enrol.PushUpdate{}, "")
	wantCode(t, err, errs.KeyExpired)
	if got := i.device(d.ID); !got.Reachable {
		t.Errorf("device is %+v after refusals", got)
	}
	must(i.client.Devices().Update(t.Context(), d.ID, 0, map[string]any{"enabled": false}))(t)
	wantCode(t, a.setPush(d.ID, target("00bb")), errs.Disabled)
	_, err = a.enrol(a.request(i.deviceCode(d.ID)))
	wantCode(t, err, errs.Disabled)
	if err := i.client.Devices().Delete(t.Context(), d.ID, 0); err != nil {
		t.Fatal(err)
	}
	wantCode(t, a.setPush(d.ID, target("00bb")), errs.Revoked)
}

// TestStolenDatabaseHasNoToken looks into the files as a thief would.
func TestStolenDatabaseHasNoToken(t *testing.T) {
	i := start(t)
	d := i.mobile()
	a := i.app()
	code := i.deviceCode(d.ID)
	token := strings.Repeat("c0ffee", 10)
	must(a.enrol(a.request(code, target(token))))(t)
	secret := must(enrol.Parse(code.Code))(t).Secret
	found := 0
	for _, name := range []string{"cloud.db", "cloud.db-wal"} {
		b, err := os.ReadFile(filepath.Join(i.dir, name))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte(a.thumbprint())) {
			found++
		}
		for what, s := range map[string][]byte{"the push token": []byte(token), "the code": []byte(code.Code), "the code's secret": secret} {
			if bytes.Contains(b, s) {
				t.Errorf("%s is in %s", what, name)
			}
		}
	}
	if found == 0 {
		t.Error("the device is in no file: has the database another name?")
	}
}

// TestOwnIsTheAppsOwn has others than the app of a user ask about that user, and the app's own words come twice.
func TestOwnIsTheAppsOwn(t *testing.T) {
	i := start(t)
	d := i.mobile()
	a, other := i.app(), i.app()
	must(a.enrol(a.request(i.deviceCode(d.ID))))(t)
	asks := enrol.OwnRequest{Wishes: &wish.Change{DND: new(true)}}
	shown := proof.Request{Device: d.ID}
	_, err := other.send(http.MethodPost, enrol.OwnPath(d.ID), proof.TypeOwn, shown, asks, "")
	wantCode(t, err, errs.WrongPresenter)
	_, err = a.send(http.MethodPost, enrol.OwnPath(d.ID), proof.TypePush, shown, asks, "")
	wantCode(t, err, errs.KeyMalformed)
	_, err = a.send(http.MethodPost, enrol.OwnPath(d.ID), proof.TypeOwn, shown, asks, " ")
	wantCode(t, err, errs.BadSignature)
	_, err = a.send(http.MethodPost, enrol.OwnPath(d.ID), proof.TypeOwn, shown, enrol.OwnRequest{}, "")
	wantCode(t, err, errs.Invalid)
	if u := must(i.client.Users().Get(t.Context(), d.User))(t); u.DND {
		t.Error("somebody else had the user not be disturbed")
	}
	once := proof.Request{Device: d.ID, ID: "once"}
	must(a.send(http.MethodPost, enrol.OwnPath(d.ID), proof.TypeOwn, once, asks, ""))(t)
	_, err = a.send(http.MethodPost, enrol.OwnPath(d.ID), proof.TypeOwn, once, asks, "")
	wantCode(t, err, errs.Replayed)
	if u := must(i.client.Users().Get(t.Context(), d.User))(t); !u.DND {
		t.Error("the app had the user not be disturbed, who is")
	}
	must(i.client.Devices().Update(t.Context(), d.ID, 0, map[string]any{"enabled": false}))(t)
	_, err = a.send(http.MethodPost, enrol.OwnPath(d.ID), proof.TypeOwn, shown, asks, "")
	wantCode(t, err, errs.Disabled)
}
