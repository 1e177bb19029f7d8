package voicemail

import "slices"

// Desk is what becomes of who listens to their messages. It is pure: Step takes what happened, and says what is next.
type Desk struct {
	// Own says that the caller's own phone calls, whose mailbox it is. It needs no PIN if it is Trusted, or if there is none yet.
	Own, Trusted, HasPIN bool
	// Mailbox is the number of one that was dialled with the code, "" if none was.
	Mailbox string

	state   deskState
	stray   stray
	wrong   int
	asked   string // mailbox
	list    []Listing
	at      int // of list
	deleted map[string]bool
	chosen  string // PIN, to be said once more
	kind    string // of the greeting that is recorded
}

type deskState uint8

const (
	arriving deskState = iota
	naming             // the mailbox
	proving            // by the PIN
	checking
	looking // at what there is
	hearing
	sending
	options
	choosing // a PIN
	repeating
	greetingRecorded // is being
	greetingJudged
	gone
)

// mostWrong is how many PINs may be wrong in one call.
const mostWrong = 3

// Longest of what is typed.
const (
	mostNumber = 20
	mostPIN    = 12
)

// Step is the next turn.
func (d *Desk) Step(ev Event) Turn {
	if d.state == gone || d.stray.over() {
		d.state = gone
		return Turn{}
	}
	switch d.state {
	case arriving:
		return d.arrive()
	case naming:
		return d.named(ev)
	case proving:
		return d.proved(ev)
	case checking:
		return d.checked(ev)
	case looking:
		return d.looked(ev)
	case hearing:
		return d.heard(ev)
	case sending:
		return d.sent(ev)
	case options:
		return d.opted(ev)
	case choosing, repeating:
		return d.chose(ev)
	case greetingRecorded:
		return d.greetingSpoken(ev)
	}
	return d.greetingKept(ev)
}

func (d *Desk) leave(names ...string) Turn {
	d.state = gone
	return bye(names...)
}

func (d *Desk) arrive() Turn {
	d.deleted = map[string]bool{}
	switch {
	case d.Own && (d.Trusted || !d.HasPIN):
		return d.look()
	case !d.Own && d.Mailbox == "":
		return d.name()
	}
	d.asked = d.Mailbox
	return d.prove()
}

func (d *Desk) name(before ...string) Turn {
	d.state = naming
	return Turn{Say: clip(append(before, "vm-mailbox")...), Then: Task{Kind: AskDigits, Most: mostNumber}}
}

func (d *Desk) named(ev Event) Turn {
	t, ok := ev.(Typed)
	if !ok || t.Digits == "" || t.Digits == "*" {
		if ok && t.Digits == "*" || d.stray.lost() {
			return d.leave()
		}
		return d.name()
	}
	d.asked = t.Digits
	return d.prove()
}

func (d *Desk) prove(before ...string) Turn {
	d.state = proving
	return Turn{Say: clip(append(before, "vm-pin")...), Then: Task{Kind: AskDigits, Most: mostPIN}}
}

func (d *Desk) proved(ev Event) Turn {
	t, ok := ev.(Typed)
	if !ok || t.Digits == "" || t.Digits == "*" {
		if ok && t.Digits == "*" || d.stray.lost() {
			return d.leave()
		}
		return d.prove()
	}
	d.state = checking
	return Turn{Then: Task{Kind: Check, Mailbox: d.asked, PIN: t.Digits}}
}

func (d *Desk) checked(ev Event) Turn {
	if c, ok := ev.(Checked); ok && c.OK {
		d.stray.found()
		return d.look()
	}
	if d.wrong++; d.wrong >= mostWrong {
		return d.leave("vm-wrong")
	}
	if d.Own || d.Mailbox != "" {
		return d.prove("vm-wrong")
	}
	return d.name("vm-wrong")
}

func (d *Desk) look() Turn {
	d.state = looking
	return Turn{Then: Task{Kind: List}}
}

// looked says how many there are, and begins with the first. Who has no PIN yet is asked for one.
func (d *Desk) looked(ev Event) Turn {
	l, ok := ev.(Listed)
	if !ok {
		return d.leave("vm-failed")
	}
	d.list, d.at = l.Messages, 0
	say := summary(l.Messages)
	switch {
	case d.Own && !d.HasPIN:
		return d.choose(say...)
	case len(l.Messages) == 0:
		return d.opt(say...)
	}
	return d.play(say...)
}

func summary(all []Listing) (say []Word) {
	old := 0
	for _, m := range all {
		if m.Heard {
			old++
		}
	}
	count := func(n int, kind string) {
		if n == 0 {
			return
		}
		noun := "vm-many"
		if n == 1 {
			noun = "vm-one"
		}
		say = append(append(say, Word{Number: n}), clip(kind, noun)...)
	}
	if len(all) == 0 {
		return clip("vm-none")
	}
	say = clip("vm-have")
	count(len(all)-old, "vm-new")
	count(old, "vm-old")
	return say
}

// play says a message, what there is to do with it, and waits.
func (d *Desk) play(before ...Word) Turn {
	d.state = hearing
	m := d.list[d.at]
	say := append(before, Word{Clip: "vm-message"}, Word{Number: d.at + 1}, Word{Message: m.ID}, Word{Clip: "vm-help"})
	return Turn{Do: Order{Kind: Mark, Message: m.ID}, Say: say, Then: Task{Kind: AskKey}}
}

// help says what there is to do with the message.
func (d *Desk) help(before ...Word) Turn {
	d.state = hearing
	return Turn{Say: append(before, Word{Clip: "vm-help"}), Then: Task{Kind: AskKey}}
}

// idle is for who presses nothing, or a key that has no meaning.
func (d *Desk) idle(again func(...Word) Turn, ev Event) Turn {
	if d.stray.lost() {
		return d.leave()
	}
	switch ev := ev.(type) {
	case Pressed:
		return again(clip("vm-key")...)
	case Failed:
		return again(clip(ev.Why)...)
	}
	return again()
}

func (d *Desk) heard(ev Event) Turn {
	p, ok := ev.(Pressed)
	if !ok || !slices.Contains([]byte("0456789*#"), p.Key) {
		return d.idle(d.help, ev)
	}
	d.stray.found()
	m := d.list[d.at]
	switch p.Key {
	case '5':
		return d.play()
	case '6', '#', '4':
		return d.turnTo(p.Key)
	case '7':
		order, said := Delete, "vm-deleted"
		if d.deleted[m.ID] {
			order, said = Undelete, "vm-back"
		}
		d.deleted[m.ID] = !d.deleted[m.ID]
		return Turn{Do: Order{Kind: order, Message: m.ID}, Say: clip(said, "vm-help"), Then: Task{Kind: AskKey}}
	case '8':
		return d.help(Word{Envelope: m.ID})
	case '9':
		d.state = sending
		return Turn{Say: clip("vm-to"), Then: Task{Kind: AskDigits, Most: mostNumber}}
	case '0':
		return d.opt()
	}
	return d.leave()
}

// turnTo goes to the next message, or the one before.
func (d *Desk) turnTo(key byte) Turn {
	if key == '4' {
		d.at = max(d.at-1, 0)
		return d.play()
	}
	if d.at+1 == len(d.list) {
		return d.opt(clip("vm-last")...)
	}
	d.at++
	return d.play()
}

func (d *Desk) sent(ev Event) Turn {
	t, ok := ev.(Typed)
	if !ok || t.Digits == "" || t.Digits == "*" {
		return d.idle(d.help, ev)
	}
	d.state = hearing
	return Turn{Do: Order{Kind: Send, Message: d.list[d.at].ID, To: t.Digits}, Say: clip("vm-sent", "vm-help"), Then: Task{Kind: AskKey}}
}

func (d *Desk) opt(before ...Word) Turn {
	d.state = options
	return Turn{Say: append(before, Word{Clip: "vm-options"}), Then: Task{Kind: AskKey}}
}

func (d *Desk) opted(ev Event) Turn {
	p, ok := ev.(Pressed)
	if !ok {
		return d.idle(d.opt, ev)
	}
	switch p.Key {
	case '1':
		if d.stray.lost() { // with no messages, for ever
			return d.leave()
		}
		return d.look()
	case '2':
		return d.greet(greetingOwn)
	case '3':
		return d.greet(greetingName)
	case '4':
		t := d.opt(clip("vm-kept")...)
		t.Do = Order{Kind: Forget, To: greetingOwn}
		return t
	case '5':
		return d.choose()
	case '*', '#':
		return d.leave()
	}
	return d.idle(d.opt, ev)
}

func (d *Desk) choose(before ...Word) Turn {
	d.state = choosing
	return Turn{Say: append(before, Word{Clip: "vm-new-pin"}), Then: Task{Kind: AskDigits, Most: mostPIN}}
}

// chose takes a new PIN, which has to be said twice. Pound or star alone leaves it.
func (d *Desk) chose(ev Event) Turn {
	t, ok := ev.(Typed)
	switch {
	case !ok || t.Digits == "" || t.Digits == "*":
		if d.stray.lost() {
			return d.leave()
		}
		if f, failed := ev.(Failed); failed {
			return d.opt(clip(f.Why)...)
		}
		d.HasPIN = true // nobody is asked twice in a call
		return d.first()
	case d.state == choosing:
		d.state, d.chosen = repeating, t.Digits
		return Turn{Say: clip("vm-pin-again"), Then: Task{Kind: AskDigits, Most: mostPIN}}
	case d.chosen != t.Digits:
		if d.stray.lost() {
			return d.leave()
		}
		return d.choose(clip("vm-pin-differs")...)
	}
	d.HasPIN = true
	next := d.opt(clip("vm-pin-set")...)
	next.Do = Order{Kind: ChangePIN, To: d.chosen}
	return next
}

// first is where who has no PIN goes on: to the messages, if there are any.
func (d *Desk) first() Turn {
	if len(d.list) == 0 {
		return d.opt()
	}
	return d.play()
}

func (d *Desk) greet(kind string) Turn {
	d.state, d.kind = greetingRecorded, kind
	return Turn{Say: clip("vm-record"), Then: Task{Kind: Record, Greeting: kind}}
}

func (d *Desk) greetingSpoken(ev Event) Turn {
	if r, ok := ev.(Recorded); ok && r.Spoken {
		d.state = greetingJudged
		return Turn{Say: clip("vm-accept"), Then: Task{Kind: AskKey}}
	}
	if d.stray.lost() {
		return d.leave("vm-nothing")
	}
	t := d.opt(clip("vm-nothing")...)
	t.Do = Order{Kind: Discard}
	return t
}

// greetingKept does what who has recorded a greeting wants of it. Without a word from them it is as before.
func (d *Desk) greetingKept(ev Event) Turn {
	key := byte('*')
	if p, ok := ev.(Pressed); ok {
		key = p.Key
	}
	switch {
	case key == '1' || key == '#':
		t := d.opt(clip("vm-kept")...)
		t.Do = Order{Kind: Keep}
		return t
	case key == '2' && !d.stray.lost():
		return Turn{Say: append([]Word{{Recorded: true}}, clip("vm-accept")...), Then: Task{Kind: AskKey}}
	case key == '3' && !d.stray.lost():
		t := d.greet(d.kind)
		t.Do = Order{Kind: Discard}
		return t
	case key != '*' && key != '2' && key != '3' && !d.stray.lost():
		return Turn{Say: clip("vm-key", "vm-accept"), Then: Task{Kind: AskKey}}
	}
	if d.stray.in >= mostStray {
		t := d.leave()
		t.Do = Order{Kind: Discard}
		return t
	}
	t := d.opt()
	t.Do = Order{Kind: Discard}
	return t
}
