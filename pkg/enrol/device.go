package enrol

import (
	"log/slog"
	"net/url"
	"strings"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/proof"
	"strowger/pkg/pushtarget"
	"strowger/pkg/sitecopy"
)

// DevicePath is where a cloud takes enrolments of apps, below its base URL: POST of a DeviceRequest. PUT of a PushUpdate to
// DevicePath/{device}/push replaces the push tokens of one. Both carry a proof.Request of their body in proof.Header.
const DevicePath = "/api/v1/device-enrolments"

// PushPath is where a device replaces its push tokens, below the base URL of the cloud.
func PushPath(device string) string { return DevicePath + "/" + url.PathEscape(device) + "/push" }

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
}

// PushUpdate replaces the push tokens of a device. The answer is a DeviceInfo: what may have changed since.
type PushUpdate struct {
	Push []pushtarget.Target `json:"push"`
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
	if _, err := endpoint(cloud); err != nil {
		return "", "", err
	}
	return code, cloud, nil
}
