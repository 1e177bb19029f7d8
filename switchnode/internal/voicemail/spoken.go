package voicemail

import (
	"context"
	"fmt"
	"time"

	"strowger/pkg/rtp/g722"
	"strowger/switchnode/internal/prompt"
)

// say says words until a key comes.
func (v *visitor) say(ctx context.Context, words []Word) (key byte, pressed bool) {
	var clips [][]int16
	for _, w := range words {
		clips = append(clips, v.clips(w)...)
	}
	if len(clips) == 0 {
		return 0, false
	}
	return v.c.Play(ctx, clips...)
}

func (v *visitor) clips(w Word) [][]int16 {
	names := []string{w.Clip}
	switch {
	case w.Clip != "":
	case w.Digits != "":
		names = prompt.Digits(w.Digits)
	case w.Message != "":
		return v.speech(v.Store.Listen(v.owner.User, w.Message))
	case w.Greeting != "":
		return v.speech(v.Store.Greeting(v.owner.User, w.Greeting), nil)
	case w.Envelope != "":
		names = v.envelope(w.Envelope)
	case w.Recorded:
		if v.rec == nil {
			return nil
		}
		return v.speech(v.rec.Listen(v.taped.Length))
	default:
		names = prompt.Number(v.lang(), w.Number)
	}
	return v.Library.Samples(v.language(), names...)
}

// lang is the language that is spoken.
func (v *visitor) lang() string {
	if l := v.language(); l != "" {
		return l
	}
	return v.Library.Language()
}

// speech is what was recorded, in seconds.
func (v *visitor) speech(a *Audio, err error) (clips [][]int16) {
	if err != nil || a == nil {
		if err != nil {
			v.log.Warn("a message cannot be read", "error", err)
		}
		return nil
	}
	defer a.Close()
	for d := g722.NewDecoder(); ; {
		b, err := a.Next()
		if err != nil {
			return clips
		}
		clips = append(clips, d.Decode(nil, b))
	}
}

// envelope says who left a message, and when, by the clocks of the site.
func (v *visitor) envelope(id string) []string {
	for _, m := range v.messages() {
		if m.ID != id {
			continue
		}
		names := []string{"vm-from"}
		if m.From.Number == "" {
			names = append(names, "vm-nobody")
		}
		names = append(names, prompt.Digits(m.From.Number)...)
		now, at := v.Now().In(v.Zone()), m.At.In(v.Zone())
		switch days := int(midnight(now).Sub(midnight(at)).Round(24*time.Hour) / (24 * time.Hour)); {
		case days <= 0:
			names = append(names, "vm-today")
		case days == 1:
			names = append(names, "vm-yesterday")
		default:
			names = append(append(names, prompt.Number(v.lang(), days)...), "days-ago", "vm-at")
		}
		names = append(names, prompt.Number(v.lang(), at.Hour())...)
		return append(names, prompt.Digits(fmt.Sprintf("%02d", at.Minute()))...)
	}
	return nil
}

func midnight(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}
