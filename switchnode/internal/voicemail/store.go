package voicemail

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/ident"
)

// Limits bounds what is kept. Zeros are the defaults.
type Limits struct {
	Messages int   // in a mailbox, default 100
	Bytes    int64 // of all mailboxes, default 4 GiB
	Boxes    int   // default 20,000
}

// Config is what a store works with.
type Config struct {
	Dir     string
	Limits  Limits
	Keep    func(user string) time.Duration // messages, 0 for the default; nil: the default for all
	Changed func(user string)               // what Summary says has changed; nil: nobody is told. It must not block
	Ways    func(user string) []string      // by which messages leave the switch (package mailbox); nil: none do
	Owned   func(user string) bool          // whether somebody has this mailbox; nil: each is somebody's
	Now     func() time.Time
	Logger  *slog.Logger

	fault func(step, path string) error // of the disk, in tests
}

// Store is the mailboxes of a switch. It is safe for concurrent use.
type Store struct {
	cfg    Config
	disk   disk
	master vault
	bytes  atomic.Int64 // of messages
	making chan struct{}
	posted chan struct{} // something is to be sent

	mu     sync.Mutex // guards what follows
	boxes  map[string]*box
	broken map[string]error // that cannot be opened
}

// Open opens the mailboxes in a folder. One that is damaged is told of, and the others are there.
func Open(cfg Config) (*Store, error) {
	cfg.Limits = Limits{cmp.Or(cfg.Limits.Messages, 100), cmp.Or(cfg.Limits.Bytes, 4<<30), cmp.Or(cfg.Limits.Boxes, 20_000)}
	if cfg.Changed == nil {
		cfg.Changed = func(string) {}
	}
	if cfg.Owned == nil {
		cfg.Owned = func(string) bool { return true }
	}
	s := &Store{cfg: cfg, disk: disk{cfg.fault}, making: make(chan struct{}, 1), posted: make(chan struct{}, 1), boxes: map[string]*box{}, broken: map[string]error{}}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, err
	}
	key, err := masterKey(filepath.Join(cfg.Dir, "master"))
	if err != nil {
		return nil, fmt.Errorf("voicemail: %w", err)
	}
	if s.master, err = newVault(key); err != nil {
		return nil, err
	}
	folders, err := os.ReadDir(cfg.Dir)
	if err != nil {
		return nil, err
	}
	for _, f := range folders {
		if user := f.Name(); f.IsDir() && ident.Check(ident.User, user) == nil {
			s.load(user)
		}
	}
	return s, nil
}

func newKey() []byte {
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	return key
}

// load opens a mailbox that is there, or notes why it cannot be.
func (s *Store) load(user string) {
	b, err := s.openBox(user)
	lost := false
	if err == nil {
		lost, err = b.load()
	}
	if lost && len(b.messages()) > 0 {
		s.cfg.Logger.Warn("the list of a mailbox was lost or damaged: it was made again from the messages, all of which are new", "user", user)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.broken[user] = err
		s.cfg.Logger.Error("a mailbox cannot be opened", "user", user, "error", err)
		return
	}
	delete(s.broken, user)
	s.bytes.Add(b.bytes())
	s.boxes[user] = b
}

func (b *box) messages() []Message {
	if x := b.state.Load(); x != nil {
		return x.Messages
	}
	return nil
}

func (b *box) bytes() (n int64) {
	for _, m := range b.messages() {
		n += m.Bytes
	}
	return n
}

// get is a mailbox that is there, nil if it is not.
func (s *Store) get(user string) (*box, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.boxes[user], s.broken[user]
}

// box is a mailbox, made if it is not there.
func (s *Store) box(user string) (*box, error) {
	if b, err := s.get(user); b != nil || err != nil {
		return b, err
	}
	if err := ident.Check(ident.User, user); err != nil {
		return nil, errs.New(errs.Invalid, "mailbox: %w", err)
	}
	s.making <- struct{}{}
	defer func() { <-s.making }()
	if b, err := s.get(user); b != nil || err != nil {
		return b, err
	}
	s.mu.Lock()
	n := len(s.boxes)
	s.mu.Unlock()
	if n >= s.cfg.Limits.Boxes {
		return nil, errs.New(errs.Congested, "this switch has %d mailboxes, the most it may", n)
	}
	b, err := s.openBox(user)
	if err == nil {
		err = b.write(&index{})
	}
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.boxes[user] = b
	s.mu.Unlock()
	return b, nil
}

// List is the messages of a user, the oldest first, without those that were deleted.
func (s *Store) List(user string) ([]Message, error) {
	b, err := s.get(user)
	if b == nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(b.messages()), func(m Message) bool { return !m.Deleted.IsZero() }), nil
}

// Bytes is how much the messages of all mailboxes take on disk.
func (s *Store) Bytes() int64 { return s.bytes.Load() }

// Users are those who have a mailbox here.
func (s *Store) Users() (all []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for user := range s.boxes {
		all = append(all, user)
	}
	slices.Sort(all)
	return all
}

// Summary is how many messages a user has that they have not heard, and others.
func (s *Store) Summary(user string) (fresh, old int) {
	b, _ := s.get(user)
	if b == nil {
		return 0, 0
	}
	for _, m := range b.messages() {
		switch {
		case !m.Deleted.IsZero():
		case m.Heard:
			old++
		default:
			fresh++
		}
	}
	return fresh, old
}

// Listen is the speech of a message.
func (s *Store) Listen(user, id string) (*Audio, error) {
	b, err := s.get(user)
	if b == nil {
		return nil, cmp.Or(err, noMessage(id))
	}
	m := b.state.Load().find(id)
	if m == nil {
		return nil, noMessage(id)
	}
	return b.audio(id, m.Samples)
}

func noMessage(id string) error { return errs.New(errs.NotFound, "there is no message %s", id) }

// Mark notes that a message was heard.
func (s *Store) Mark(user, id string, heard bool) error {
	return s.edit(user, id, func(m *Message) { m.Heard = heard })
}

// Delete deletes a message, which Undelete brings back until Purge.
func (s *Store) Delete(user, id string) error {
	return s.edit(user, id, func(m *Message) { m.Deleted = s.cfg.Now() })
}

// Undelete brings a message back.
func (s *Store) Undelete(user, id string) error {
	defer s.post() // what was not sent before goes out
	return s.edit(user, id, func(m *Message) { m.Deleted = time.Time{} })
}

func (s *Store) edit(user, id string, f func(*Message)) error {
	return s.change(user, func(x *index) error {
		m := x.find(id)
		if m == nil {
			return noMessage(id)
		}
		f(m)
		return nil
	})
}

// change changes what a mailbox has, and tells of it.
func (s *Store) change(user string, f func(*index) error) error {
	b, err := s.box(user)
	if err != nil {
		return err
	}
	if err := b.change(f); err != nil {
		return err
	}
	s.cfg.Changed(user)
	return nil
}

// Purge takes off the disk what was deleted.
func (s *Store) Purge(user string) error {
	return s.drop(user, func(m Message) bool { return !m.Deleted.IsZero() })
}

// Remove takes a message off the disk.
func (s *Store) Remove(user, id string) error {
	b, err := s.get(user)
	if b == nil || b.state.Load().find(id) == nil {
		return cmp.Or(err, noMessage(id))
	}
	return s.drop(user, func(m Message) bool { return m.ID == id })
}

// drop takes messages off the disk: first the index says that they are gone, then they are.
func (s *Store) drop(user string, gone func(Message) bool) error {
	b, err := s.get(user)
	if b == nil || !slices.ContainsFunc(b.messages(), gone) {
		return err
	}
	var dropped []Message
	err = s.change(user, func(x *index) error {
		x.Messages = slices.DeleteFunc(x.Messages, func(m Message) bool {
			if gone(m) {
				dropped = append(dropped, m)
				return true
			}
			return false
		})
		return nil
	})
	if err != nil {
		return err
	}
	for _, m := range dropped {
		s.bytes.Add(-m.Bytes)
		err = errors.Join(err, b.disk.remove(b.path(m.ID, whole)), b.disk.remove(b.path(m.ID, partial)))
	}
	return err
}

// Piece is a piece of the speech of a message, in G.722, from 0, and how many there are.
func (s *Store) Piece(user, id string, piece, size int) (speech []byte, pieces int, err error) {
	a, err := s.Listen(user, id)
	if err != nil {
		return nil, 0, err
	}
	defer a.Close()
	pieces = max((a.left+size-1)/size, 1)
	if piece < 0 || piece >= pieces {
		return nil, 0, errs.New(errs.Invalid, "piece %d: the message has %d", piece, pieces)
	}
	for from, at := piece*size, 0; len(speech) < size; {
		b, err := a.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, 0, err
		}
		if at+len(b) > from {
			speech = append(speech, b[max(from-at, 0):]...)
		}
		at += len(b)
	}
	return speech[:min(len(speech), size)], pieces, nil
}
