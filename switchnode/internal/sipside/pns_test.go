package sipside

import (
	"slices"
	"strings"
	"testing"

	"strowger/pkg/errs"
	"strowger/pkg/fabric"
	"strowger/pkg/pushtarget"
	"strowger/pkg/sip"
	"strowger/switchnode/internal/registrar"
)

var bridged = []fabric.PushService{{Provider: fabric.APNs, Account: "ABCDE12345"}, {Provider: fabric.FCM, Account: "a-phone"}, {Provider: fabric.WebPush}}

// TestPushParameters reads what contacts say of pushes, and answers it.
func TestPushParameters(t *testing.T) {
	both := []string{`*;+sip.pns="apns"`, `*;+sip.pns="fcm"`}
	for _, tt := range []struct {
		contact string
		target  pushtarget.Target
		refused bool
		told    []string
	}{
		{"sip:a@192.0.2.1", pushtarget.Target{}, false, nil},
		{"sip:a@192.0.2.1;pn-provider", pushtarget.Target{}, false, both},
		{"sip:a@192.0.2.1;pn-provider=apns", pushtarget.Target{}, false, nil},
		{"sip:a@192.0.2.1;pn-provider=fcm;pn-param=a-phone;pn-prid=t%3A1", pushtarget.Target{Provider: "fcm", App: "a-phone", Token: "t:1"}, false, both[1:]},
		{"sip:a@192.0.2.1;pn-provider=APNS;pn-param=ABCDE12345.com.example.phone.voip;pn-prid=00ff",
			pushtarget.Target{Provider: "apns", App: "com.example.phone", Token: "00ff"}, false, both[:1]},
		{"sip:a@192.0.2.1;pn-provider=apns.dev;pn-param=ABCDE12345.com.example.phone.remote&voip;pn-prid=11:remote&22:voip",
			pushtarget.Target{Provider: "apns", App: "com.example.phone", Token: "22", Sandbox: true}, false, both[:1]},
		{"sip:a@192.0.2.1;pn-provider=apns;pn-param=ABCDE12345.com.example.phone;pn-prid=33",
			pushtarget.Target{Provider: "apns-alert", App: "com.example.phone", Token: "33"}, false, both[:1]},
		{"sip:a@192.0.2.1;pn-provider=apns;pn-param=ZYXWV98765.com.example.phone.voip;pn-prid=00ff",
			pushtarget.Target{Provider: "apns", App: "com.example.phone", Token: "00ff"}, true, both},
		{"sip:a@192.0.2.1;pn-provider=apns;pn-param=ABCDE12345;pn-prid=00ff", pushtarget.Target{}, true, both},
		{"sip:a@192.0.2.1;pn-provider=webpush;pn-prid=https%3A%2F%2Fpush.example.com%2F1", pushtarget.Target{}, true, both},
		{"sip:a@192.0.2.1;pn-provider=smoke;pn-param=a;pn-prid=b", pushtarget.Target{}, true, both},
	} {
		q := registrar.Register{Contacts: []registrar.Contact{{URI: tt.contact}}}
		wakes, err := wakeable(&q)
		if err != nil {
			t.Errorf("%s: %v", tt.contact, err)
			continue
		}
		if got := q.Contacts[0].Push; got != tt.target && !tt.refused {
			t.Errorf("%s: wakes %+v, want %+v", tt.contact, got, tt.target)
		}
		if got := unserved(wakes, bridged); got != tt.refused {
			t.Errorf("%s: refused %t, want %t", tt.contact, got, tt.refused)
		}
		var told []string
		for _, h := range capabilities(wakes, bridged) {
			told = append(told, h.Value())
		}
		if !slices.Equal(told, tt.told) {
			t.Errorf("%s: told %q, want %q", tt.contact, told, tt.told)
		}
	}
	q := registrar.Register{Contacts: []registrar.Contact{{URI: "sip:a@192.0.2.1;pn-provider=fcm;pn-param=a%0d%0aX: y;pn-prid=b"}}}
	if _, err := wakeable(&q); err == nil {
		t.Error("an app with line breaks is taken")
	}
}

// What a phone says of its push is what a push service is asked, or nothing.
func FuzzReadPNS(f *testing.F) {
	f.Add("sip:a@192.0.2.1;pn-provider=apns;pn-param=ABCDE12345.com.example.phone.remote&voip;pn-prid=11:remote&22:voip")
	f.Add("sip:a@192.0.2.1;pn-provider=fcm;pn-param=a-phone;pn-prid=t%3A1")
	f.Add("sip:a@192.0.2.1;pn-provider;pn-prid=%")
	f.Fuzz(func(t *testing.T, contact string) {
		uri, err := sip.ParseURI(contact)
		if err != nil {
			return
		}
		p, err := readPNS(uri)
		switch {
		case err != nil:
			if errs.CodeOf(err) != errs.Invalid {
				t.Errorf("refusal without a code: %v", err)
			}
		case p != nil && p.target != pushtarget.Target{}:
			if err := p.target.Check(); err != nil || !p.wanted || strings.Contains(p.target.App, "\n") {
				t.Errorf("%+v: %v", p, err)
			}
		}
	})
}
