package voicemail

// Visit is what becomes of who leaves a message. It is pure: Step takes what happened, and says what is next. Whoever hangs up leaves what
// they have said so far.
type Visit struct {
	// Name and Own say that the user has recorded their name, and a greeting of their own.
	Name, Own bool
	// Number is that of the user.
	Number string

	state visitState
	stray stray
	tries int
}

type visitState uint8

const (
	greeting visitState = iota
	speaking
	judging // what was recorded
	leaving
)

// mostTries is how often a message may be recorded.
const mostTries = 5

// Step is the next turn.
func (v *Visit) Step(ev Event) Turn {
	if _, failed := ev.(Failed); failed || v.state == leaving || v.stray.over() {
		v.state = leaving
		if f, ok := ev.(Failed); ok {
			return bye(f.Why)
		}
		return Turn{}
	}
	switch v.state {
	case greeting:
		v.state = speaking
		return v.record(v.greeting()...)
	case speaking:
		return v.spoken(ev)
	}
	return v.judged(ev)
}

func (v *Visit) greeting() []Word {
	switch {
	case v.Own:
		return []Word{{Greeting: greetingOwn}}
	case v.Name:
		return append(clip("vm-reached"), Word{Greeting: greetingName}, Word{Clip: "vm-leave"})
	}
	return clip("vm-standard", "vm-leave")
}

func (v *Visit) record(say ...Word) Turn {
	v.state = speaking
	v.tries++
	return Turn{Say: say, Then: Task{Kind: Record}}
}

func (v *Visit) spoken(ev Event) Turn {
	r, ok := ev.(Recorded)
	switch {
	case ok && r.Spoken:
		v.state = judging
		return Turn{Say: clip("vm-accept"), Then: Task{Kind: AskKey}}
	case v.tries >= mostTries || v.stray.lost():
		v.state = leaving
		t := bye("vm-nothing")
		t.Do = Order{Kind: Discard}
		return t
	}
	t := v.record(clip("vm-nothing")...)
	t.Do = Order{Kind: Discard}
	return t
}

// judged does what who has recorded something wants of it. Who says nothing wants it kept.
func (v *Visit) judged(ev Event) Turn {
	key := byte('1')
	if p, ok := ev.(Pressed); ok {
		key = p.Key
	}
	ask := Task{Kind: AskKey}
	switch {
	case key == '1' || key == '#' || key == '*':
	case key == '2' && !v.stray.lost():
		return Turn{Say: append([]Word{{Recorded: true}}, clip("vm-accept")...), Then: ask}
	case key == '3' && v.tries < mostTries:
		t := v.record()
		t.Do = Order{Kind: Discard}
		return t
	case key != '2' && key != '3' && !v.stray.lost():
		return Turn{Say: clip("vm-key", "vm-accept"), Then: ask}
	}
	v.state = leaving
	t := bye("vm-kept")
	t.Do = Order{Kind: Keep}
	return t
}
