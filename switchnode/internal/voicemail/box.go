package voicemail

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"strowger/pkg/errs"
	"strowger/pkg/ident"
)

// Message is one that is kept.
type Message struct {
	ID string `json:"id"`
	Envelope
	Samples int   `json:"samples"` // at Rate
	Bytes   int64 `json:"bytes"`   // on disk
	Heard   bool  `json:"heard,omitempty"`
	// Deleted is when its owner deleted it, who may take that back until they hang up.
	Deleted time.Time `json:"deleted,omitzero"`
	Cut     bool      `json:"cut,omitempty"` // its recording was cut off by a crash
	// Sent is what becomes of it outside of the switch. It is stored with the message: whoever has one has the other.
	Sent []Delivery `json:"sent,omitempty"`
}

// Length is how long it takes to hear.
func (m Message) Length() time.Duration { return time.Duration(m.Samples) * time.Second / Rate }

// index is what a mailbox has. One that is shared is never changed.
type index struct {
	Messages  []Message         `json:"messages,omitempty"` // the oldest first
	Greetings map[string]string `json:"greetings,omitempty"`
	Guard     Guard             `json:"guard,omitzero"`
	// Unowned is since when nobody has this mailbox, zero while somebody has.
	Unowned time.Time `json:"unowned,omitzero"`
}

func (x *index) find(id string) *Message {
	i := slices.IndexFunc(x.Messages, func(m Message) bool { return m.ID == id })
	if i < 0 {
		return nil
	}
	return &x.Messages[i]
}

// box is a mailbox.
type box struct {
	user, dir string
	disk      disk
	key       []byte
	own       vault // of the index
	plan      func() []Delivery
	turn      chan struct{}
	state     atomic.Pointer[index]
	recording atomic.Int32
}

const (
	keyFile   = "key"
	indexFile = "index"
	whole     = ".msg"
	partial   = ".part"
)

// openBox opens the mailbox of a user, or makes it.
func (s *Store) openBox(user string) (*box, error) {
	dir, d, master := filepath.Join(s.cfg.Dir, user), s.disk, s.master
	b := &box{user: user, dir: dir, disk: d, turn: make(chan struct{}, 1), plan: func() []Delivery { return s.plan(user) }}
	what := "the key of mailbox " + user
	sealed, err := os.ReadFile(filepath.Join(dir, keyFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		b.key = newKey()
		if err := d.folder(dir); err != nil {
			return nil, err
		}
		if err := d.replace(filepath.Join(dir, keyFile), master.seal(what, b.key)); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	default:
		if b.key, err = master.open(what, sealed); err != nil {
			return nil, err
		}
	}
	b.own, err = derive(b.key, "index")
	return b, err
}

func (b *box) path(id, suffix string) string { return filepath.Join(b.dir, id+suffix) }

func (b *box) vault(id string) (vault, error) { return derive(b.key, "message "+id) }

// load reads the index and puts right what a crash left; lost says that the index was, and was made anew. What the disk fails to give is not
// lost: made anew, it would send every message again, and forget wrong PINs.
func (b *box) load() (lost bool, err error) {
	x, err := b.readIndex()
	switch {
	case errors.Is(err, fs.ErrNotExist), errs.CodeOf(err) == errs.Invalid:
		lost, x = true, &index{}
	case err != nil:
		return false, err
	}
	was := x.clone()
	files, err := os.ReadDir(b.dir)
	if err != nil {
		return lost, err
	}
	x.Messages = slices.DeleteFunc(x.Messages, func(m Message) bool {
		return !m.Deleted.IsZero() || !slices.ContainsFunc(files, func(f fs.DirEntry) bool { return f.Name() == m.ID+whole || f.Name() == m.ID+partial })
	})
	for _, f := range files {
		if err := b.settle(x, f.Name(), lost); err != nil {
			return lost, err
		}
	}
	slices.SortStableFunc(x.Messages, func(m, o Message) int { return m.At.Compare(o.At) })
	if !lost && reflect.DeepEqual(was, x) { // on a full disk too, messages can be heard
		b.state.Store(x)
		return false, nil
	}
	return lost, b.write(x)
}

// settle puts right what is of one file. rebuild says that everything is to be had again.
func (b *box) settle(x *index, name string, rebuild bool) error {
	id, suffix, _ := strings.Cut(name, ".")
	suffix = "." + suffix
	at := filepath.Join(b.dir, name)
	known := x.find(id) != nil || slices.Contains(slices.Collect(maps.Values(x.Greetings)), id)
	switch {
	case name == keyFile || name == indexFile:
		return nil
	case known && suffix == partial:
		return b.disk.rename(at, b.path(id, whole))
	case known && suffix == whole:
		return nil
	case suffix == partial || suffix == whole && rebuild:
		m, err := b.recover(id, at)
		switch {
		case err != nil && errs.CodeOf(err) != errs.Invalid:
			return err
		case err == nil && m.Greeting != "" && suffix == whole:
			x.greet(m.Greeting, id)
			return nil
		case err != nil || m.Greeting != "" || m.Samples < Second:
			return b.disk.remove(at)
		}
		x.Messages = append(x.Messages, m)
		if suffix == partial {
			return b.disk.rename(at, b.path(id, whole))
		}
		return nil
	}
	return b.disk.remove(at) // deleted, or the rest of a write
}

// recover reads how much there is of a recording that was cut off. It is errs.Invalid if there is nothing; other errors are those of the disk.
func (b *box) recover(id, at string) (m Message, err error) {
	if err := ident.Check(ident.Message, id); err != nil {
		return m, errs.New(errs.Invalid, "%w", err)
	}
	v, err := b.vault(id)
	if err != nil {
		return m, err
	}
	f, err := os.Open(at)
	if err != nil {
		return m, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return m, err
	}
	r, e, err := newReader(f, v)
	if err != nil {
		return m, err
	}
	m = Message{ID: id, Envelope: e, Bytes: info.Size(), Cut: true, Sent: b.plan()}
	for {
		speech, err := r.next()
		switch {
		case errors.Is(err, io.EOF), errs.CodeOf(err) == errs.Invalid:
			return m, nil
		case err != nil:
			return m, err
		}
		m.Samples += 2 * len(speech)
	}
}

func (b *box) readIndex() (*index, error) {
	sealed, err := os.ReadFile(filepath.Join(b.dir, indexFile))
	if err != nil {
		return nil, err
	}
	return openIndex(b.own, b.user, sealed)
}

func openIndex(v vault, user string, sealed []byte) (*index, error) {
	plain, err := v.open("the index of mailbox "+user, sealed)
	if err != nil {
		return nil, err
	}
	x := new(index)
	if err := json.Unmarshal(plain, x); err != nil {
		return nil, errs.New(errs.Invalid, "the index of mailbox %s: %w", user, err)
	}
	return x, nil
}

// write makes x what the mailbox has, durably.
func (b *box) write(x *index) error {
	plain, err := json.Marshal(x)
	if err != nil {
		return err
	}
	if err := b.disk.replace(filepath.Join(b.dir, indexFile), b.own.seal("the index of mailbox "+b.user, plain)); err != nil {
		return err
	}
	b.state.Store(x)
	return nil
}

// change changes what the mailbox has, durably, one change after the other.
func (b *box) change(f func(*index) error) error {
	b.turn <- struct{}{}
	defer func() { <-b.turn }()
	x := b.state.Load().clone()
	if err := f(x); err != nil {
		return err
	}
	return b.write(x)
}

func (x *index) clone() *index {
	c := *x
	c.Messages, c.Greetings = slices.Clone(x.Messages), maps.Clone(x.Greetings)
	return &c
}

// greet makes a recording the greeting of its kind.
func (x *index) greet(kind, id string) {
	if x.Greetings == nil {
		x.Greetings = map[string]string{}
	}
	x.Greetings[kind] = id
}

// Audio is the speech of a message as it is read.
type Audio struct {
	f    *os.File
	r    *reader
	left int // octets
}

// Next is the next second of it in G.722, or less at the end; io.EOF after that.
func (a *Audio) Next() ([]byte, error) {
	if a.left <= 0 {
		return nil, io.EOF
	}
	speech, err := a.r.next()
	if err != nil {
		return nil, err
	}
	speech = speech[:min(len(speech), a.left)]
	a.left -= len(speech)
	return speech, nil
}

// Close ends the reading.
func (a *Audio) Close() error { return a.f.Close() }

func (b *box) audio(id string, samples int) (*Audio, error) {
	v, err := b.vault(id)
	if err != nil {
		return nil, err
	}
	var f *os.File
	for _, name := range []string{whole, partial, whole} { // it could not be renamed, or is renamed just now
		if f, err = os.Open(b.path(id, name)); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	r, _, err := newReader(f, v)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Audio{f: f, r: r, left: (samples + 1) / 2}, nil
}
