//go:build peers

package peers

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"strowger/pkg/rtp/dtmf"
	"strowger/pkg/rtp/g711"
)

// testDigitsAsTones has a SIPp that knows keys as tones in its speech only, and a baresip that has telephone events, press keys: each gets those of the other in
// its own form.
func testDigitsAsTones(t *testing.T, d *deployment) {
	a := d.x.phone(t, d.x.account(t), handset{codec: pcma, tone: low})
	b := d.y.line(t, d.y.account(t))
	b.register(t)
	const pressed, answered = "9*4", "18#"
	samples := make([]int16, pcma.rate) // until both hear
	for _, k := range pressed {
		samples = dtmf.Append(samples, byte(k), 0, pcma.rate/5, pcma.rate/10)
	}
	samples = append(samples, make([]int16, pcma.rate)...)
	file := filepath.Join(t.TempDir(), "keys.al")
	if err := os.WriteFile(file, g711.A.Encode(nil, samples), 0o600); err != nil {
		t.Fatal(err)
	}
	callee := b.run(t, singScenario, scenario{Bare: true, File: file})
	toB := listen(t, b.host)
	a.do(t, "dial", b.dial)
	a.await(t, "CALL_ESTABLISHED")
	for _, k := range pressed {
		if got := a.await(t, "CALL_DTMF_START"); got != string(k) {
			t.Errorf("the caller got %q, want %c", got, k)
		}
	}
	a.keys(t, answered)
	eventually(t, "the tones of "+answered, func() error {
		detector, got := dtmf.NewDetector(), ""
		for heard := toB.heard(); len(heard) >= pcma.rate/50; heard = heard[pcma.rate/50:] {
			if k, ok := detector.Feed(heard[:pcma.rate/50]); ok {
				got += string(k)
			}
		}
		if got != answered {
			return fmt.Errorf("heard %q", got)
		}
		return nil
	})
	a.do(t, "hangup", "")
	callee.good(t)
}

// singScenario answers and plays File.
const singScenario = `<scenario name="sing">
{{template "answered" .}}
<nop><action><exec rtp_stream="{{.File}},1,8"/></action></nop>
<recv request="BYE"/>
{{template "ok" .}}
</scenario>
`
