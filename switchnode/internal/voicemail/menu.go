package voicemail

// Word is something that is said: one of a clip, a number, digits one by one, a message, the recording under way, a greeting, or who left a
// message and when.
type Word struct {
	Clip     string // name in the library
	Number   int    // with Clip "": from 1
	Digits   string
	Message  string // id: its speech
	Greeting string // of the mailbox
	Envelope string // id of a message: who left it, and when
	Recorded bool
}

func clip(names ...string) (words []Word) {
	for _, n := range names {
		words = append(words, Word{Clip: n})
	}
	return words
}

// Turn is what a menu has done: Do first, then Say until a key comes, then Then, whose outcome is the next event. A key that comes
// while something is said is that outcome, or the first digit of it.
type Turn struct {
	Do   Order
	Say  []Word
	Then Task
}

// Order is something that is done at once. If it fails, the next event is Failed, and nothing is said; but a Mark that fails is passed over.
type Order struct {
	Kind    OrderKind
	Message string // id
	To      string // of Send: a number; of ChangePIN: the PIN; of Forget: a greeting
}

// OrderKind is what an Order does.
type OrderKind uint8

// The orders.
const (
	Nothing   OrderKind = iota
	Mark                // it was heard
	Delete              // until the caller hangs up it can be brought back
	Undelete            // brings it back
	Send                // a copy to a colleague
	ChangePIN           // of the mailbox
	Forget              // a greeting that was recorded
	Keep                // what was recorded
	Discard             // what was recorded
)

// Task is what ends a turn.
type Task struct {
	Kind     TaskKind
	Most     int    // digits, of AskDigits
	Greeting string // of Record: which; "": a message
	Mailbox  string // of Check: what was entered, "" for the caller's own
	PIN      string
}

// TaskKind is what a Task does, and how it ends.
type TaskKind uint8

// The tasks.
const (
	HangUp    TaskKind = iota // over
	AskKey                    // Pressed or Waited
	AskDigits                 // Typed: until pound
	Record                    // Recorded: after a beep
	Check                     // Checked: a PIN
	List                      // Listed
)

// Event is what a turn ended with.
type Event interface{ voicemail() }

// The events of a menu.
type (
	// Begun is the first.
	Begun struct{}
	// Pressed is a key.
	Pressed struct{ Key byte }
	// Waited says that no key came in time.
	Waited struct{}
	// Typed is digits.
	Typed struct{ Digits string }
	// Recorded says that a recording ended, and whether it is long enough to keep.
	Recorded struct{ Spoken bool }
	// Checked says whether a PIN opens the mailbox.
	Checked struct{ OK bool }
	// Listed is what the mailbox has, the new first.
	Listed struct{ Messages []Listing }
	// Failed says that what was ordered could not be done: why is a clip.
	Failed struct{ Why string }
)

// Listing is a message as a menu needs it.
type Listing struct {
	ID    string
	Heard bool
}

func (Begun) voicemail()    {}
func (Pressed) voicemail()  {}
func (Waited) voicemail()   {}
func (Typed) voicemail()    {}
func (Recorded) voicemail() {}
func (Checked) voicemail()  {}
func (Listed) voicemail()   {}
func (Failed) voicemail()   {}

// bye ends a menu.
func bye(names ...string) Turn { return Turn{Say: clip(append(names, "vm-bye")...)} }

// After so many turns that led nowhere, one after the other, a menu ends: nobody is there, or nobody who knows what to do.
const mostStray = 3

// mostTurns bounds a menu that somebody leads in circles.
const mostTurns = 2000

// stray counts turns that led nowhere.
type stray struct{ in, all int }

// lost notes one that led nowhere; true: the menu ends.
func (s *stray) lost() bool {
	s.in++
	return s.in >= mostStray
}

func (s *stray) found() { s.in = 0 }

// over counts turns; true: the menu ends.
func (s *stray) over() bool {
	s.all++
	return s.all > mostTurns
}
