package command

import (
	"cmp"
	"os"
	"path/filepath"
	"time"

	"strowger/integration/phone"
	"strowger/mobile-bridge/sdk"
	"strowger/pkg/errs"
)

// wavRate is that of the samples of a WAV file, in Hz.
const wavRate = 8000

type phoneCall struct {
	Number string `arg:"" help:"What to dial, as from a phone of the user's office."`
	WAV    string `name:"wav" help:"A file to play to the other side (16 bit, mono, 8,000 Hz), and to hang up after. Default: silence, until somebody hangs up." placeholder:"FILE"`

	KeepPlace bool `help:"If the call has to wait in a queue: hang up, and be called back when its turn comes. The exit code is 0 then, and \"strowger phone run\" takes the call."`
}

func (*phoneCall) unconnected() {}

// Help says how it ends.
func (*phoneCall) Help() string {
	return "The call ends when the other side hangs up, at the end of --wav, with the key h, or with Ctrl-C; digits are dialled. In a queue the key k hangs up and keeps the place. The exit code is 0 if the call was answered. Two phones that both say what they hear are silent."
}

// Run places a call and returns when it is over.
func (c *phoneCall) Run(e *env) error {
	options, length, err := c.audio()
	if err != nil {
		return err
	}
	h := &handset{env: e, placed: true, keep: c.KeepPlace, over: make(chan bool, 1), talking: make(chan struct{})}
	p, done, err := openPhone(e, h)
	if err != nil {
		return err
	}
	defer done()
	if !p.Enrolled() {
		return errs.New(errs.Unauthenticated, "%s holds no phone: strowger phone enrol LINK first", filepath.Join(e.Data, "phone"))
	}
	call, err := p.Dial(c.Number, options)
	if err != nil {
		return named(err)
	}
	go h.keys(os.Stdin) // a read of a terminal ends with the process only
	talking := h.talking
	stopped := e.ctx.Done()
	var ends <-chan time.Time
	for {
		select {
		case <-talking:
			talking = nil
			if length > 0 {
				ends = time.After(length)
			}
		case <-ends:
			call.Hangup()
		case <-stopped:
			stopped = nil
			call.Hangup()
		case answered := <-h.over:
			if !answered && !call.KeptPlace() {
				return named(h.why())
			}
			return nil
		}
	}
}

// audio is what the caller says, and how long; 0 is until somebody hangs up.
func (c *phoneCall) audio() (*sdk.DialOptions, time.Duration, error) {
	if c.WAV == "" {
		return &sdk.DialOptions{Audio: sdk.NewRecording(nil)}, 0, nil // an echo would wait for the other side's for ever
	}
	pcm, err := readPCM(c.WAV)
	if err != nil {
		return nil, 0, errs.New(errs.Invalid, "--wav %s: %w", c.WAV, err)
	}
	return &sdk.DialOptions{Audio: sdk.NewRecording(pcm)}, time.Duration(len(pcm)/2) * time.Second / wavRate, nil
}

// readPCM reads a WAV file as the SDK takes audio.
func readPCM(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	samples, err := phone.ReadWAV(f)
	if err != nil {
		return nil, err
	}
	pcm := make([]byte, 0, 2*len(samples))
	for _, s := range samples {
		pcm = append(pcm, byte(s), byte(s>>8))
	}
	return pcm, nil
}

// named has the words of a refusal name its cause: those of who is not to be disturbed are anything.
func named(err error) error {
	if errs.CodeOf(err) == errs.DoNotDisturb {
		return errs.New(errs.DoNotDisturb, "do not disturb: %w", err)
	}
	return err
}

// why is why a call was not answered.
func (h *handset) why() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return errs.New(cmp.Or(errs.Code(h.last.Code), errs.NoAnswer), "%s", cmp.Or(h.last.Words, "the call was not answered"))
}
