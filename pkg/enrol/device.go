package enrol

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"strowger/pkg/designation"
	"strowger/pkg/errs"
	"strowger/pkg/proof"
	"strowger/pkg/pushtarget"
	"strowger/pkg/sessionkey"
	"strowger/pkg/sitecopy"
)

// DevicePath is where a cloud takes enrolments of apps, below its base URL: POST of a DeviceRequest. PUT of a PushUpdate to
// DevicePath/{device}/push replaces the push tokens of one. Both carry a proof.Request of their body in proof.Header.
const DevicePath = "/api/v1/device-enrolments"

// PushPath is where a device replaces its push tokens, below the base URL of the cloud.
func PushPath(device string) string { return DevicePath + "/" + device + "/push" }

// DeviceRequest enrols an app: the keys that it made, and where its pushes go. The same code with the same signing key may
// come again, with another it is errs.Used.
type DeviceRequest struct {
	Secret     []byte              `json:"secret"`             // of the code
	SigningKey proof.JWK           `json:"signing_key"`        // the key of the proof
	SealKey    string              `json:"seal_key"`           // pushseal.PrivateKey.Public
	Platform   string              `json:"platform,omitempty"` // for people, at most MaxPlatform bytes: "iOS 27.1, Strowger 1.0"
	Push       []pushtarget.Target `json:"push"`               // at most pushtarget.MaxTargets, perhaps none yet
}

// MaxPlatform is how many bytes a DeviceRequest may say of its platform.
const MaxPlatform = 200

// LogValue keeps the secret out of logs.
func (DeviceRequest) LogValue() slog.Value {
	return slog.StringValue("(enrolment request of a device)")
}

// DeviceInfo answers a DeviceRequest: what a device knows of itself and of the cloud.
type DeviceInfo struct {
	Org         string          `json:"org"`
	OrgName     string          `json:"org_name"`
	Device      string          `json:"device"`
	DeviceName  string          `json:"device_name"`
	User        string          `json:"user"`
	UserName    string          `json:"user_name"`
	Now         time.Time       `json:"now"`          // by the cloud's clock
	SessionKeys sitecopy.KeySet `json:"session_keys"` // of the organization
	// Bridges is where the device opens its channel: any of them.
	Bridges []designation.BridgeFace `json:"bridges,omitempty"`
	// Numbers are the user's own; Contacts the people of the organization who can be called, by name, none of an organization
	// with more than MaxContacts.
	Numbers  []string  `json:"numbers,omitempty"`
	Contacts []Contact `json:"contacts,omitempty"`
}

// PushUpdate replaces the push tokens of a device. The answer is a DeviceInfo: what may have changed since.
type PushUpdate struct {
	Push []pushtarget.Target `json:"push"`
}

// Device is an enrolled app as the cloud knows it.
type Device struct {
	Cloud string // address
	Trust Trust
	ID    string
	Key   *ecdsa.PrivateKey // its signing key
}

// EnrolDevice enrols an app with what it was handed. The signing key goes into the request and signs it. Who is far off the
// cloud's time is refused with errs.ClockSkew, and may repeat that with the same link once the clock is right.
func EnrolDevice(ctx context.Context, link string, key *ecdsa.PrivateKey, r DeviceRequest) (DeviceInfo, Device, error) {
	code, cloud, err := ParseLink(link)
	if err != nil {
		return DeviceInfo{}, Device{}, err
	}
	c, err := Parse(code)
	if err != nil {
		return DeviceInfo{}, Device{}, err
	}
	r.Secret, r.SigningKey = c.Secret, proof.JWKOf(&key.PublicKey)
	d := Device{Cloud: cloud, Trust: Trust{Pin: c.Pin}, Key: key}
	info, err := d.ask(ctx, http.MethodPost, DevicePath, proof.TypeEnrol, r)
	if err != nil {
		return DeviceInfo{}, Device{}, err
	}
	if now := time.Now(); !info.Now.IsZero() && info.Now.Sub(now).Abs() > sessionkey.Leeway {
		return DeviceInfo{}, Device{}, errs.New(errs.ClockSkew, "the clock of the cloud says %s, the clock here %s: set the clock, then enrol again with the same link",
			stamp(info.Now), stamp(now))
	}
	d.ID = info.Device
	return info, d, nil
}

// SetPush replaces the push tokens of the device. Set to what they are, it only asks what the cloud knows now.
func (d Device) SetPush(ctx context.Context, targets []pushtarget.Target) (DeviceInfo, error) {
	return d.ask(ctx, http.MethodPut, PushPath(d.ID), proof.TypePush, PushUpdate{Push: targets})
}

// ask sends a request with its proof.
func (d Device) ask(ctx context.Context, method, path, typ string, r any) (info DeviceInfo, err error) {
	err = d.send(ctx, method, path, typ, r, &info)
	return info, err
}

// send sends a request with its proof, and reads the answer.
func (d Device) send(ctx context.Context, method, path, typ string, r, answer any) error {
	target, err := endpoint(d.Cloud, path)
	if err != nil {
		return err
	}
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	signed, err := proof.Sign(typ, d.Key, proof.Request{Device: d.ID, Body: proof.HashBody(body), ID: rand.Text(), IssuedAt: time.Now().Unix()})
	if err != nil {
		return err
	}
	_, err = exchange(ctx, d.Trust.Client(), method, target, body, http.Header{proof.Header: {signed}}, answer)
	return err
}

// linkScheme is that of the links which enrol an app.
const linkScheme = "strowger"

// Link is what an app is handed to enrol, as a link or as a QR code: strowger://enrol?code=...&cloud=...
func Link(code, cloud string) string {
	q := url.Values{"code": {code}, "cloud": {cloud}}
	return (&url.URL{Scheme: linkScheme, Host: "enrol", RawQuery: q.Encode()}).String()
}

// ParseLink reads a Link. Its errors say what is wrong with it, never the code.
func ParseLink(link string) (code, cloud string, err error) {
	u, err := url.Parse(strings.TrimSpace(link))
	if err != nil || u.Scheme != linkScheme || u.Host != "enrol" {
		return "", "", errs.New(errs.Invalid, "not an enrolment link: want strowger://enrol?code=...&cloud=...")
	}
	q := u.Query()
	code, cloud = q.Get("code"), q.Get("cloud")
	if code == "" || cloud == "" {
		return "", "", errs.New(errs.Invalid, "the enrolment link lacks the code or the cloud: copy it whole")
	}
	if _, err := Parse(code); err != nil {
		return "", "", err
	}
	if _, err := endpoint(cloud, DevicePath); err != nil {
		return "", "", err
	}
	return code, cloud, nil
}
