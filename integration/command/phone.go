package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"strowger/integration/standin"
	"strowger/integration/standin/webpush"
	"strowger/mobile-bridge/sdk"
	"strowger/pkg/datafolder"
	"strowger/pkg/errs"
)

type phoneCommands struct {
	Enrol phoneEnrol `cmd:"" help:"Make this a phone, by the link that \"device add --kind mobile\" or \"device code\" printed."`
	Run   phoneRun   `cmd:"" help:"Wait for calls; ring, answer and talk."`
	Call  phoneCall  `cmd:"" help:"Call a number, and talk."`
}

type phoneEnrol struct {
	Link string `arg:"" help:"strowger://enrol?..., in quotation marks."`
}

func (*phoneEnrol) unconnected() {}

// Run enrols.
func (c *phoneEnrol) Run(e *env) error {
	if u, err := url.Parse(c.Link); err == nil && (u.Scheme == "https" || u.Scheme == "http") {
		return errs.New(errs.Invalid, "this link is for a browser: open it there, or enrol by one of \"strowger device add --kind mobile\"")
	}
	p, done, err := openPhone(e, silent{})
	if err != nil {
		return err
	}
	defer done()
	before := p.Name()
	err = p.Enrol(c.Link, "strowger phone", sdk.NewTargets())
	switch {
	case errs.CodeOf(err) == errs.CloudAway:
		return fmt.Errorf("%w; is the cloud running, and does this machine reach it? The same link can be tried again", err)
	case err != nil:
		return err
	}
	return e.show(map[string]string{"name": p.Name()}, func() {
		if before != "" {
			e.say("It was %s until now; to have several phones give each its own --data.\n", before)
		}
		e.say("This is %s now. It can be called while it runs:\n\n    strowger%s phone run\n", p.Name(), e.where())
	})
}

type silent struct{}

func (silent) Happened(*sdk.Event) {}

// openPhone opens the phone in the data folder, which is this process's alone until done.
func openPhone(e *env, l sdk.Listener) (p *sdk.Phone, done func(), err error) {
	folder, err := datafolder.Open(filepath.Join(e.Data, "phone"), "phone")
	var taken datafolder.Taken
	switch {
	case errors.As(err, &taken):
		return nil, nil, errs.New(errs.Conflict,
			"another strowger phone command uses the phone in %s: end that, or enrol a phone of its own with --data DIR for this one", e.Data)
	case err != nil:
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, folder.Close())
		}
	}()
	store, err := sdk.NewFolder(filepath.Join(e.Data, "phone"))
	if err != nil {
		return nil, nil, err
	}
	if p, err = sdk.NewPhone(store, l); err != nil {
		return nil, nil, fmt.Errorf("%w; the phone is kept in %s: restore that folder, or remove it and enrol by a new link", err, filepath.Join(e.Data, "phone"))
	}
	p.SetLogger(slog.New(slog.NewTextHandler(e.err, &slog.HandlerOptions{Level: slog.LevelWarn})))
	ctx, stop := context.WithCancel(e.ctx)
	var work sync.WaitGroup
	work.Go(func() { follow(ctx, p) })
	return p, func() {
		stop()
		work.Wait()
		p.Close()
		_ = folder.Close() // the lock goes with the process anyway
	}, nil
}

type phoneRun struct {
	Answer string `help:"What it does when it rings: echo (answer, and say what it hears and show what it sees), a WAV file (answer and play it: 16 bit, mono, 8,000 Hz), ask (wait for a key: a answers, d declines, h hangs up, digits are dialled), or no. Default: ${default}." default:"ask" placeholder:"HOW"`
	Once   bool   `help:"Exit after one call: 0 if it was answered, else 1."`
	Asleep bool   `help:"Sleep until a push comes, as an app does that is not on the screen. Default: stay awake by a channel to a bridge; pushes come where that is lost."`
	Listen string `name:"push-listen" help:"Address and port where it takes pushes; port 0 is a free one. Default: ${default}." default:"127.0.0.1:0" placeholder:"IP:PORT"`
}

func (*phoneRun) unconnected() {}

// Help says how pushes get here.
func (*phoneRun) Help() string {
	return "Awake, it has calls brought by its channel to a bridge. It is also its own push service: it takes real Web Pushes (RFC 8030, RFC 8291, RFC 8292) at --push-listen, of a mobile-bridge or \"strowger up\" that runs with --local-push and --contact and reaches that address. With --asleep nothing else wakes it."
}

// Run waits, rings and talks until it is told to stop. It has one line: a second call is refused as busy.
func (c *phoneRun) Run(e *env) error {
	answer, err := c.answer()
	if err != nil {
		return err
	}
	h := &handset{env: e, answer: answer, ask: c.Answer == "ask", waits: "awake", over: make(chan bool, 1), refused: make(chan error, 1)}
	if c.Asleep {
		h.waits = "sleeping"
	}
	p, done, err := openPhone(e, h)
	if err != nil {
		return err
	}
	defer done()
	p.SetFrames(c.echoes())
	p.SetVideo(c.echoes(), c.echoes())
	p.SetChannelListener(h)
	if !p.Enrolled() {
		return errs.New(errs.Unauthenticated, "%s holds no phone: strowger phone enrol LINK first", filepath.Join(e.Data, "phone"))
	}
	ctx, stop := context.WithCancel(e.ctx)
	var work sync.WaitGroup
	defer work.Wait()
	defer p.Close() // ends a question to a cloud that does not answer
	defer stop()
	service, err := webpush.New(webpush.Config{Listen: c.Listen, Now: time.Now, Deliver: func(m standin.Message) { h.push(p, m.Payload) }})
	if err != nil {
		return errs.New(errs.Invalid, "--push-listen %q: %w; want an address of this machine and a port, such as 127.0.0.1:0", c.Listen, err)
	}
	served := make(chan error, 1)
	work.Go(func() { served <- service.Run(ctx) })
	_, subscription, err := service.Subscribe("")
	if err != nil {
		return err
	}
	targets := sdk.NewTargets()
	targets.AddWebPush("", subscription)
	if err := p.SetTargets(targets); err != nil {
		return err
	}
	if !c.Asleep {
		if err := p.Connect(); err != nil {
			return err
		}
	}
	work.Go(func() { h.askAgain(ctx, p.Refresh, time.NewTicker(refreshEvery)) })
	h.tell(happening{Event: h.waits, Words: p.Name() + ", woken at " + service.URL()})
	if h.ask {
		go h.keys(os.Stdin) // a read of a terminal ends with the process only
	}
	return c.wait(ctx, served, h)
}

// wait returns when the phone is told to stop, or has done what it was to do.
func (c *phoneRun) wait(ctx context.Context, served <-chan error, h *handset) error {
	for {
		select {
		case err := <-served:
			return err
		case <-ctx.Done():
			return nil
		case err := <-h.refused:
			return err
		case answered := <-h.over:
			if !c.Once {
				continue
			}
			if !answered {
				return errs.New(errs.NoAnswer, "the call was not answered here")
			}
			return nil
		}
	}
}

// echoes says whether it gives back what it hears, which needs no encoder.
func (c *phoneRun) echoes() bool { return c.Answer == "ask" || c.Answer == "echo" }

// answer returns what answers a call, nil for nothing.
func (c *phoneRun) answer() (func(*sdk.Call), error) {
	switch {
	case c.echoes():
		return echo, nil
	case c.Answer == "no":
		return nil, nil
	}
	pcm, err := readPCM(c.Answer)
	if err != nil {
		return nil, errs.New(errs.Invalid, "--answer %s: want echo, ask, no, or a WAV file: %w", c.Answer, err)
	}
	return func(call *sdk.Call) { call.Answer(sdk.NewRecording(pcm)) }, nil
}

// echo answers a call and gives back what comes, with video if the caller's camera is on.
func echo(c *sdk.Call) {
	e := sdk.NewEcho()
	if c.OffersVideo() {
		c.StartVideo(e, true)
	}
	c.AnswerFrames(e)
}
