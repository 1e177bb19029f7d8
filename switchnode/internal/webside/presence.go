package webside

import (
	"time"

	"strowger/pkg/errs"
)

// presence is whether the device of an answered leg is there: whether it has a connection, and its media have a way. It may be
// without either for Times.Away, in which it comes back on another network; the call goes on meanwhile. The zero value is a
// device that is there.
type presence struct {
	cut    bool // no connection
	silent bool // no way for media
	over   bool
}

// happening is something that happens to a presence.
type happening uint8

const (
	streamEnded happening = iota
	streamBack            // another one, or the first
	mediaFailed           // ICE finds no way
	mediaBack
	timeIsUp // the timer that was armed ran out
	legOver
)

// verdict is what is to be done.
type verdict uint8

const (
	goOn verdict = iota
	arm          // the timer of Times.Away
	disarm
	giveUp
)

// away says whether the device is missing in some way.
func (p *presence) away() bool { return p.cut || p.silent }

// step takes what happens. What changes nothing is goOn.
func (p *presence) step(h happening) verdict {
	before := p.away()
	switch h {
	case streamEnded:
		p.cut = true
	case streamBack:
		p.cut = false
	case mediaFailed:
		p.silent = true
	case mediaBack:
		p.silent = false
	}
	switch {
	case p.over:
		return goOn
	case h == legOver:
		p.over = true
		if before {
			return disarm
		}
	case h == timeIsUp && before:
		p.over = true
		return giveUp
	case !before && p.away():
		return arm
	case before && !p.away():
		return disarm
	}
	return goOn
}

// why is the reason of giveUp.
func (p *presence) why() (code errs.Code, words string) {
	if p.cut {
		return errs.LegLost, "The app is gone"
	}
	return errs.MediaLost, "No way is left for the audio of the app"
}

// decide carries out what the presence of the device asks for.
func (l *leg) decide(v verdict) {
	switch v {
	case arm:
		l.watch.armed++
		armed, post := l.watch.armed, l.setup.Post
		l.watch.timer = time.AfterFunc(l.web.cfg.Times.Away, func() { post(alone{armed}) })
	case disarm:
		l.watch.armed++
		l.watch.timer.Stop()
	}
}
