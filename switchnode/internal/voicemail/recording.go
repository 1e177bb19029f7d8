package voicemail

import (
	"errors"

	"strowger/pkg/errs"
	"strowger/pkg/ident"
	"strowger/pkg/rtp/g722"
)

// Greetings that a user may record.
const (
	greetingName = "name"
	greetingOwn  = "own"
)

// Recording is a message as it is recorded. It is for one goroutine, which ends it by Keep or Discard.
type Recording struct {
	s       *Store
	b       *box
	id      string
	e       Envelope
	w       *writer
	encoder *g722.Encoder
	rest    []int16 // less than a second
	samples int     // written
	over    bool
}

// most recordings of one mailbox at once.
const mostRecordings = 8

// Record begins a message for a user. It is errs.Congested if there is no room.
func (s *Store) Record(user string, e Envelope) (*Recording, error) {
	b, err := s.box(user)
	if err != nil {
		return nil, err
	}
	switch n := b.recording.Load(); {
	case n >= mostRecordings:
		return nil, errs.New(errs.Congested, "%d callers are leaving messages for this user now", n)
	case e.Greeting == "" && len(b.messages())+int(n) >= s.cfg.Limits.Messages:
		return nil, errs.New(errs.Congested, "the mailbox has %d messages, the most it may", len(b.messages()))
	case s.bytes.Load() >= s.cfg.Limits.Bytes:
		return nil, errs.New(errs.Congested, "the mailboxes of this switch take %d bytes, the most they may", s.bytes.Load())
	}
	id := ident.New(ident.Message)
	v, err := b.vault(id)
	if err != nil {
		return nil, err
	}
	w, err := newWriter(s.disk, b.path(id, partial), v, e)
	if err != nil {
		return nil, err
	}
	b.recording.Add(1)
	return &Recording{s: s, b: b, id: id, e: e, w: w, encoder: g722.NewEncoder()}, nil
}

// Write adds speech. What is longer than a second is on disk when it returns.
func (r *Recording) Write(samples []int16) error {
	r.rest = append(r.rest, samples...)
	for len(r.rest) >= Second {
		if err := r.flush(Second); err != nil {
			return err
		}
	}
	return nil
}

func (r *Recording) flush(n int) error {
	whole := r.rest[:n]
	if n%2 == 1 {
		whole = append(whole[:n:n], 0)
	}
	if err := r.w.record(r.encoder.Encode(nil, whole)); err != nil {
		return err
	}
	r.rest = r.rest[n:]
	r.samples += n
	return nil
}

// Samples is how much was written, at Rate.
func (r *Recording) Samples() int { return r.samples + len(r.rest) }

// Keep stores the first samples of it. When it returns without an error the message is on disk, whatever happens.
func (r *Recording) Keep(samples int) (Message, error) {
	if len(r.rest) > 0 && r.samples < samples {
		if err := r.flush(min(len(r.rest), samples-r.samples)); err != nil {
			return r.salvage(err)
		}
	}
	return r.enter(min(samples, r.samples), nil)
}

// salvage keeps what is on disk when no more can be written.
func (r *Recording) salvage(err error) (Message, error) {
	if r.samples < Second || r.e.Greeting != "" {
		return Message{}, errors.Join(err, r.Discard())
	}
	return r.enter(r.samples, err)
}

func (r *Recording) enter(samples int, err error) (Message, error) {
	m := Message{ID: r.id, Envelope: r.e, Samples: samples, Bytes: r.w.bytes, Cut: err != nil}
	if r.e.Greeting == "" {
		m.Sent = r.b.plan()
	}
	old := ""
	entered := r.s.change(r.b.user, func(x *index) error {
		if r.e.Greeting == "" {
			x.Messages = append(x.Messages, m)
			return nil
		}
		old = x.Greetings[r.e.Greeting]
		x.greet(r.e.Greeting, r.id)
		return nil
	})
	if entered != nil {
		return Message{}, errors.Join(err, entered, r.end()) // what is on disk is found at the next start
	}
	if r.e.Greeting == "" {
		r.s.bytes.Add(m.Bytes)
	}
	defer r.s.post()
	err = errors.Join(r.end(), r.b.disk.rename(r.b.path(r.id, partial), r.b.path(r.id, whole)))
	if err != nil {
		r.s.cfg.Logger.Warn("a message is kept by the name of one that is being recorded", "message", r.id, "error", err)
	}
	if old != "" {
		if err := r.b.disk.remove(r.b.path(old, whole)); err != nil {
			r.s.cfg.Logger.Warn("a greeting that was replaced is still on disk", "message", old, "error", err)
		}
	}
	return m, nil
}

// Discard forgets it.
func (r *Recording) Discard() error {
	if r.over {
		return nil
	}
	return errors.Join(r.end(), r.b.disk.remove(r.b.path(r.id, partial)))
}

func (r *Recording) end() error {
	if r.over {
		return nil
	}
	r.over = true
	r.b.recording.Add(-1)
	return r.w.f.Close()
}

// Forward copies a message to another mailbox of this switch; by is who sends it on.
func (s *Store) Forward(from, id, to, by string) (Message, error) {
	b, err := s.get(from)
	if b == nil || b.state.Load().find(id) == nil {
		return Message{}, errors.Join(err, noMessage(id))
	}
	m := *b.state.Load().find(id)
	in, err := b.audio(id, m.Samples)
	if err != nil {
		return Message{}, err
	}
	defer in.Close()
	e := m.Envelope
	e.By, e.At = by, s.cfg.Now()
	r, err := s.Record(to, e)
	if err != nil {
		return Message{}, err
	}
	for {
		speech, err := in.Next()
		if err != nil {
			break // what can be read of it
		}
		if err := r.w.record(speech); err != nil {
			return Message{}, errors.Join(err, r.Discard())
		}
		r.samples += 2 * len(speech)
	}
	return r.Keep(m.Samples)
}

// Greeting is a greeting of a user, nil if they have recorded none.
func (s *Store) Greeting(user, kind string) *Audio {
	b, _ := s.get(user)
	if b == nil {
		return nil
	}
	id := b.state.Load().Greetings[kind]
	if id == "" {
		return nil
	}
	a, err := b.audio(id, 1<<30)
	if err != nil {
		s.cfg.Logger.Warn("a greeting cannot be read", "user", user, "error", err)
		return nil
	}
	return a
}

// ForgetGreeting deletes a greeting.
func (s *Store) ForgetGreeting(user, kind string) error {
	b, err := s.get(user)
	if b == nil || b.state.Load().Greetings[kind] == "" {
		return err
	}
	id := ""
	err = s.change(user, func(x *index) error {
		id = x.Greetings[kind]
		delete(x.Greetings, kind)
		return nil
	})
	if err != nil {
		return err
	}
	return b.disk.remove(b.path(id, whole))
}

// Listen is what was recorded so far, up to samples.
func (r *Recording) Listen(samples int) (*Audio, error) {
	if len(r.rest) > 0 {
		if err := r.flush(len(r.rest)); err != nil {
			return nil, err
		}
	}
	return r.b.audio(r.id, samples)
}

func (s *Store) hasGreeting(user, kind string) bool {
	b, _ := s.get(user)
	return b != nil && b.state.Load().Greetings[kind] != ""
}
