package enrol

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/proof"
	"strowger/pkg/pushtarget"
	"strowger/pkg/trust/trusttest"
)

// TestDeviceProvesItsRequests holds that each request of a device is signed, whole, by the key that it enrols.
func TestDeviceProvesItsRequests(t *testing.T) {
	key := trusttest.NewKey(t)
	var ahead time.Duration // of the cloud's clock
	var seen []string
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		typ := map[string]string{http.MethodPost: proof.TypeEnrol, http.MethodPut: proof.TypePush}[r.Method]
		var p proof.Request
		thumb, err := proof.Open(r.Header.Get(proof.Header), typ, &p)
		if err != nil || thumb != proof.JWKOf(&key.PublicKey).Thumbprint() || p.Body != proof.HashBody(body) || p.ID == "" || proof.Fresh(p.IssuedAt, time.Now()) != nil {
			t.Errorf("proof %+v by %s: %v", p, thumb, err)
		}
		seen = append(seen, r.Method+" "+r.URL.Path+" "+p.Device)
		if err := json.NewEncoder(w).Encode(DeviceInfo{Org: "org_a", Device: "dev_a", Now: time.Now().Add(ahead)}); err != nil {
			t.Error(err)
		}
	}))
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.StartTLS()
	defer srv.Close()
	code, _ := NewCode(srv.Certificate().RawSubjectPublicKeyInfo)
	link := Link(code, srv.URL)
	info, d, err := EnrolDevice(t.Context(), link, key, DeviceRequest{})
	if err != nil || info.Org != "org_a" || d.ID != "dev_a" || d.Cloud != srv.URL {
		t.Fatalf("enrolled %+v, %+v, %v", info, d, err)
	}
	if _, err := d.SetPush(t.Context(), []pushtarget.Target{{Provider: pushtarget.FCM, Token: "t"}}); err != nil {
		t.Error(err)
	}
	if want := []string{"POST " + DevicePath + " ", "PUT " + DevicePath + "/dev_a/push dev_a"}; !slices.Equal(seen, want) {
		t.Errorf("the cloud saw %q", seen)
	}
	ahead = time.Hour
	_, _, err = EnrolDevice(t.Context(), link, key, DeviceRequest{})
	wantCode(t, err, errs.ClockSkew, "set the clock")
	other, _ := NewCode([]byte("another cloud"))
	_, _, err = EnrolDevice(t.Context(), Link(other, srv.URL), key, DeviceRequest{})
	wantCode(t, err, errs.Unauthenticated, "not the cloud")
}

func TestLink(t *testing.T) {
	code, _ := NewCode([]byte("spki"))
	for _, cloud := range []string{"https://cloud.example:8443", "[2001:db8::1]:443", "cloud.example"} {
		got, at, err := ParseLink(" " + Link(code, cloud) + "\n")
		if err != nil || got != code || at != cloud {
			t.Errorf("%s: %q, %q, %v", cloud, got, at, err)
		}
	}
	for link, words := range map[string]string{
		"":                                      "not an enrolment link",
		"https://enrol?code=" + code:            "not an enrolment link",
		"strowger://call?code=" + code:          "not an enrolment link",
		"strowger://enrol?code=" + code:         "copy it whole",
		Link(code[:20], "cloud.example"):        "copy it whole",
		Link(code, "http://cloud.example"):      "want https",
		Link(code, "ftp://cloud.example/\x00"):  "want https",
		"strowger://enrol?cloud=cloud.example":  "copy it whole",
		"strowger://enrol?%zz&" + code + "&x=y": "copy it whole",
	} {
		_, _, err := ParseLink(link)
		wantCode(t, err, errs.Invalid, words)
		if strings.Contains(err.Error(), code[:20]) {
			t.Errorf("words repeat the code: %v", err)
		}
	}
}

func TestDeviceSecretsAreNotLogged(t *testing.T) {
	var b bytes.Buffer
	slog.New(slog.NewJSONHandler(&b, nil)).Info("test", "request", DeviceRequest{Secret: []byte("secret")})
	if !strings.Contains(b.String(), "enrolment request of a device") || strings.Contains(b.String(), "c2VjcmV0") {
		t.Errorf("logged %s", b.String())
	}
}

func FuzzParseLink(f *testing.F) {
	code, _ := NewCode([]byte("spki"))
	f.Add(Link(code, "cloud.example"))
	f.Add(Link(code, "https://[::1]:443/"))
	f.Add("strowger://enrol?code=" + code)
	f.Fuzz(func(t *testing.T, link string) {
		code, cloud, err := ParseLink(link)
		if err != nil {
			return
		}
		if c, at, err := ParseLink(Link(code, cloud)); err != nil || c != code || at != cloud {
			t.Errorf("%q, %q do not survive: %q, %q, %v", code, cloud, c, at, err)
		}
	})
}
