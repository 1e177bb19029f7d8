package fcm

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"strowger/integration/standin"
)

// Limits of Google's.
const (
	maxData = 4096 // bytes of the keys and values of data
	maxBody = 64 << 10
	maxTTL  = 28 * 24 * time.Hour
)

// request is the body of projects.messages.send, as far as a data message has it. Google refuses fields that it does not know.
type request struct {
	ValidateOnly bool     `json:"validate_only"`
	Message      *message `json:"message"`
}

type message struct {
	Token   string            `json:"token"`
	Data    map[string]string `json:"data"`
	Android *android          `json:"android"`
}

type android struct {
	CollapseKey string `json:"collapse_key"`
	Priority    string `json:"priority"`
	TTL         string `json:"ttl"`
}

// message reads and checks a message.
func (s *Server) message(r *http.Request) (standin.Message, *refusal) {
	d := json.NewDecoder(io.LimitReader(r.Body, maxBody))
	d.DisallowUnknownFields()
	var q request
	if err := d.Decode(&q); err != nil {
		return standin.Message{}, invalid("Invalid JSON payload received: " + err.Error())
	}
	if q.Message == nil || q.Message.Token == "" {
		return standin.Message{}, invalid("Recipient of the message is not set.")
	}
	size := 0
	for name, value := range q.Message.Data {
		// "About FCM messages": the key should not be a reserved word or begin with google or gcm.
		if name == "from" || name == "message_type" || strings.HasPrefix(name, "google") || strings.HasPrefix(name, "gcm") {
			return standin.Message{}, invalid("Invalid data payload key: " + name)
		}
		size += len(name) + len(value)
	}
	if size > maxData {
		return standin.Message{}, invalid("Android message is too big")
	}
	payload, err := json.Marshal(q.Message.Data)
	if err != nil {
		return standin.Message{}, invalid(err.Error())
	}
	m := standin.Message{Token: q.Message.Token, Payload: payload, Expires: s.cfg.Now().Add(maxTTL)}
	if q.Message.Android == nil {
		return m, nil
	}
	m.Collapse = q.Message.Android.CollapseKey
	switch strings.ToLower(q.Message.Android.Priority) {
	case "", "normal":
	case "high":
		m.Urgent = true
	default:
		return m, invalid("Invalid value at 'message.android.priority'")
	}
	if text := q.Message.Android.TTL; text != "" {
		// Seconds with up to nine fractional digits, ended by "s" (google.protobuf.Duration).
		ttl, err := time.ParseDuration(text)
		if err != nil || !strings.HasSuffix(text, "s") || strings.ContainsAny(text, "hmµnu") || ttl < 0 || ttl > maxTTL {
			return m, invalid("Invalid value at 'message.android.ttl'")
		}
		m.Expires = s.cfg.Now().Add(ttl)
	}
	return m, nil
}
