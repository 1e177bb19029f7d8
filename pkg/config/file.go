package config

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
	"github.com/alecthomas/kong"
)

// File is the path of a TOML file with settings; as a flag it loads the file.
type File string

// BeforeResolve reads the file before flags that were not given take their values from it.
func (f File) BeforeResolve(ctx *kong.Context, trace *kong.Path) error {
	path, _ := ctx.FlagValue(trace.Flag).(File)
	if path == "" {
		path = f // from the environment
	}
	settings, err := load(string(path))
	if err != nil {
		return err
	}
	ctx.AddResolver(settings)
	return nil
}

// settings is a decoded file.
type settings struct {
	path   string
	text   string
	values map[string]any
}

func load(path string) (*settings, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	return decode(path, string(b))
}

func decode(path, text string) (*settings, error) {
	s := &settings{path: path, text: text}
	if _, err := toml.Decode(s.text, &s.values); err != nil {
		var p toml.ParseError
		if errors.As(err, &p) {
			return nil, fmt.Errorf("%s:%d: %s", path, p.Position.Line, p.Message)
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// Validate refuses keys that are no flag of the program.
func (s *settings) Validate(app *kong.Application) error {
	var known []string
	err := kong.Visit(app.Node, func(n kong.Visitable, next kong.Next) error {
		if f, ok := n.(*kong.Flag); ok && f.Name != "help" && f.Name != "config" && f.Name != "version" {
			known = append(known, f.Name)
		}
		return next(nil)
	})
	if err != nil {
		return err
	}
	unknown := make([]string, 0, len(s.values))
	for key := range s.values {
		if !slices.Contains(known, key) {
			unknown = append(unknown, key)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.SortFunc(unknown, func(a, b string) int { return s.line(a) - s.line(b) })
	words := fmt.Sprintf("%s:%d: there is no setting %q", s.path, s.line(unknown[0]), unknown[0])
	if near := nearest(unknown[0], known); near != "" {
		words += fmt.Sprintf("; did you mean %q?", near)
	}
	return errors.New(words)
}

// Resolve gives a flag its value from the file, unless the environment has one.
func (s *settings) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if _, ok := os.LookupEnv(name); ok {
			return nil, nil
		}
	}
	v, ok := s.values[flag.Name]
	if !ok {
		return nil, nil
	}
	if _, ok := v.(map[string]any); ok && !flag.IsMap() {
		return nil, fmt.Errorf("%s:%d: %q is a table, want one value", s.path, s.line(flag.Name), flag.Name)
	}
	return v, nil
}

// line finds where a top-level key is set, counted from 1; the decoder keeps no positions.
func (s *settings) line(key string) int {
	at := regexp.MustCompile(`(?m)^[ \t]*\[*[ \t]*["']?` + regexp.QuoteMeta(key) + `["']?[ \t]*[=.\]]`).FindStringIndex(s.text)
	if at == nil {
		return 1
	}
	return 1 + strings.Count(s.text[:at[0]], "\n")
}

// nearest returns the known word with the fewest edits to a word, "" if none is near enough to be a slip of the finger.
func nearest(word string, known []string) string {
	best, fewest := "", 1+utf8.RuneCountInString(word)/2
	for _, k := range known {
		if d := distance(word, k); d < fewest {
			best, fewest = k, d
		}
	}
	return best
}

// distance is the Levenshtein distance: inserted, deleted or changed runes.
func distance(a, b string) int {
	rb := []rune(b)
	row := make([]int, len(rb)+1)
	for j := range row {
		row[j] = j
	}
	for i, ca := range []rune(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j, cb := range rb {
			change := diagonal
			if ca != cb {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(rb)]
}
