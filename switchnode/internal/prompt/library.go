package prompt

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"strowger/pkg/errs"
)

//go:embed clips
var product embed.FS

// musicName is the clip that repeats; busyName and fullName begin what a caller hears: the callee is on the phone, or the switch has
// no room. backName ends it: by which key they are called back.
const (
	musicName = "music"
	busyName  = "busy"
	fullName  = "full"
	backName  = "back"
)

// Library is the clips of a switch. It is safe for concurrent use.
type Library struct {
	language string           // that of who named none
	clips    map[string]*clip // by name, "en/busy"
	tone     *clip
}

// Languages are those that callers can be told in.
func Languages() (tags []string) {
	for _, l := range languages {
		tags = append(tags, l.tag)
	}
	return tags
}

// Open returns the clips of the product, and in their place those of a folder, unless that is "". language is the one of callers
// for whom none is set. Every file of the folder that cannot be used is part of the error: a WAV file that is not of the right kind,
// or whose name is that of no clip.
func Open(folder, language string) (*Library, error) {
	if !slices.Contains(Languages(), language) {
		return nil, errs.New(errs.Invalid, "language %q: want %s", language, strings.Join(Languages(), " or "))
	}
	l := &Library{language: language, clips: map[string]*clip{}, tone: ringingTone()}
	own, err := fs.Sub(product, "clips")
	if err != nil {
		return nil, err
	}
	if err := l.read(own, func(string) bool { return true }); err != nil || folder == "" {
		return l, err
	}
	if _, err := os.Stat(folder); err != nil {
		return nil, errs.New(errs.Invalid, "prompts: %w", err)
	}
	known := func(name string) bool { return l.clips[name] != nil }
	if err := l.read(os.DirFS(folder), known); err != nil {
		return nil, errs.New(errs.Invalid, "prompts in %s: %w", folder, err)
	}
	return l, nil
}

// read takes the WAV files of a folder, those whose names are known. Other files it passes over.
func (l *Library) read(folder fs.FS, known func(name string) bool) error {
	var bad []error
	err := fs.WalkDir(folder, ".", func(at string, e fs.DirEntry, err error) error {
		name, wav := strings.CutSuffix(at, ".wav")
		if err != nil || e.IsDir() || !wav {
			return err
		}
		b, err := fs.ReadFile(folder, at)
		if err != nil {
			return err
		}
		samples, err := readWAV(b)
		switch {
		case !known(name):
			bad = append(bad, fmt.Errorf("%s takes the place of nothing: %s", at, l.alike(name)))
		case err != nil:
			bad = append(bad, fmt.Errorf("%s %w", at, err))
		default:
			l.clips[name] = &clip{samples: samples}
		}
		return nil
	})
	return errors.Join(append(bad, err)...)
}

// alike says which names there are where one is not.
func (l *Library) alike(name string) string {
	var names []string
	for other := range l.clips {
		if path.Dir(other) == path.Dir(name) {
			names = append(names, path.Base(other))
		}
	}
	if len(names) == 0 {
		return "there are " + musicName + ".wav and the folders " + strings.Join(Languages(), " and ")
	}
	slices.Sort(names)
	return "there are " + strings.Join(names, ", ")
}

// say is clips of a language by their names.
func (l *Library) say(language string, names ...string) (clips []*clip) {
	for _, name := range names {
		if c := l.clips[language+"/"+name]; c != nil {
			clips = append(clips, c)
		}
	}
	return clips
}
