//go:build peers

package peers

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// baresipConfig is the configuration of one phone: no sound card, its microphone is a file, what it hears is recorded.
// It signs in only when told to, so that no event is missed.
const baresipConfig = `poll_method epoll
sip_listen %[1]s
call_local_timeout 120
call_max_calls %[3]d
audio_player aubridge,null
audio_source aufile,%[2]s/tone.wav
audio_alert aubridge,null
audio_level no
ausrc_format s16
auplay_format s16
auenc_format s16
audec_format s16
rtp_ports 10000-10100
jitter_buffer_delay 5-10
module_path /usr/lib/baresip/modules
module g711.so
module g722.so
module opus.so
module aufile.so
module aubridge.so
module sndfile.so
module srtp.so
module dtls_srtp.so
module_app account.so
module_app menu.so
module_app mwi.so
module_app ctrl_tcp.so
snd_path %[2]s
ctrl_tcp_listen %[4]s
`

// handset is how a phone is set up.
type handset struct {
	transport string // "udp", "tcp" or "tls"; empty is udp
	codec     codec  // the only one that it has
	tone      float64
	password  string // instead of the account's
	calls     int    // that it takes at once; 0: one
	mediaenc  string // of the audio: "srtp-mand" (keys in SDP), "dtls_srtp"; empty: none
	answers   bool   // by itself, whoever calls
	mailbox   bool   // it asks for messages that wait
	six       bool   // it has IPv6 and no IPv4
}

// The tones that two phones of a call send each other.
const (
	low  = 440
	high = 1000
)

// phone is a running baresip.
type phone struct {
	*control
	*process
	account
	handset
	host host
	dir  string
}

// baresip starts a phone of an office on a machine of its own. It is not signed in yet.
func (o *office) baresip(t *testing.T, a account, set handset) *phone {
	t.Helper()
	if set.transport == "" {
		set.transport = "udp"
	}
	p := &phone{account: a, handset: set, host: o.net.host(t), dir: t.TempDir()}
	if set.six {
		p.host = o.net.only6(t, p.host)
	}
	sip, commands := netip.AddrPortFrom(p.host.addr, 5060), netip.AddrPortFrom(p.host.addr, 4444).String()
	if err := writeTone(filepath.Join(p.dir, "tone.wav"), set.codec, set.tone); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"config": fmt.Sprintf(baresipConfig, sip, p.dir, max(1, set.calls), commands), "accounts": "", "contacts": ""}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.process = start(t, p.host, "baresip", "-s", "-f", p.dir) // -s: the SIP messages go into its output
	p.control = dialControl(t, "phone "+a.dial, commands)
	return p
}

// signIn tells the phone its account; it registers at once.
func (p *phone) signIn(t *testing.T) {
	t.Helper()
	at := p.office.started.SIP
	switch {
	case p.transport == "tls":
		at = p.office.started.SIPS
		if six := p.office.started.SIPS6; p.six && six.IsValid() {
			at = six
		}
	case p.six && p.office.started.SIP6.IsValid():
		at = p.office.started.SIP6
	}
	password := p.account.password
	if p.handset.password != "" {
		password = p.handset.password
	}
	uri := fmt.Sprintf(`<sip:%s@%s;transport=%s>;outbound="sip:%s;transport=%s";auth_pass=%s;regint=300;mwi=%s;audio_codecs=%s`,
		p.username, at, p.transport, at, p.transport, password, map[bool]string{true: "yes", false: "no"}[p.mailbox], p.codec.baresip)
	if p.mediaenc != "" {
		uri += ";mediaenc=" + p.mediaenc
	}
	if p.answers {
		uri += ";answermode=auto"
	}
	p.do(t, "uanew", uri)
}

// answersFor makes it the phone of a number in the world behind a phone company, which does not sign in.
func (p *phone) answersFor(t *testing.T, number string, company host) {
	t.Helper()
	p.do(t, "uanew", fmt.Sprintf(`<sip:%s@%s>;outbound="sip:%s:5060";regint=0;mwi=no;audio_codecs=%s`,
		number, company.addr, company.addr, p.codec.baresip))
}

// phone starts a phone and waits until it is registered.
func (o *office) phone(t *testing.T, a account, set handset) *phone {
	t.Helper()
	p := o.baresip(t, a, set)
	p.signIn(t)
	p.await(t, "REGISTER_OK")
	return p
}

// recording is what the phone has heard in its latest call.
func (p *phone) recording() ([]int16, error) {
	files, err := filepath.Glob(filepath.Join(p.dir, "dump-*-dec.wav"))
	if err != nil || len(files) == 0 {
		return nil, errors.Join(err, errors.New("nothing was recorded"))
	}
	return readSamples(slices.Max(files), p.codec) // the names are times
}

// hears waits until the phone has heard a tone for half a second from now on.
func (p *phone) hears(t *testing.T, tone float64) {
	t.Helper()
	before, _ := p.recording() // none is none
	p.heardSince(t, before, tone)
}

// heardSince waits until the phone has heard a tone for half a second after what it had heard before.
func (p *phone) heardSince(t *testing.T, before []int16, tone float64) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s hears %v Hz", p.control.name, tone), func() error {
		p.mustRun(t)
		samples, err := p.recording()
		if err != nil {
			return err
		}
		return expectTone(samples[min(len(before), len(samples)):], p.codec.rate, tone)
	})
}

// call has one phone call another; it returns when both are in the call.
func call(t *testing.T, from, to *phone, dialled string) {
	t.Helper()
	from.do(t, "dial", dialled)
	to.await(t, "CALL_INCOMING")
	from.await(t, "CALL_RINGING")
	to.do(t, "accept", "")
	from.await(t, "CALL_ESTABLISHED")
	to.await(t, "CALL_ESTABLISHED")
}

// refused has the phone call a number and wants the call to be refused with a SIP status.
func (p *phone) refused(t *testing.T, dialled string, status int) {
	t.Helper()
	p.do(t, "dial", dialled)
	if got := p.await(t, "CALL_CLOSED"); !strings.HasPrefix(got, strconv.Itoa(status)+" ") {
		t.Errorf("%s dialled %s: %q, want %d", p.control.name, dialled, got, status)
	}
}

// hangUp has one phone end its call; the other's ends too.
func hangUp(t *testing.T, p, other *phone) {
	t.Helper()
	p.do(t, "hangup", "")
	other.await(t, "CALL_CLOSED")
}

// talk checks that each phone of a call hears what the other sends.
func talk(t *testing.T, a, b *phone) {
	t.Helper()
	heardA, _ := a.recording() // none is none
	heardB, _ := b.recording()
	a.heardSince(t, heardA, b.tone)
	b.heardSince(t, heardB, a.tone)
}
