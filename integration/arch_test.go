package integration

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

// source is one parsed Go file.
type source struct {
	path  string // from the repository's root, with slashes
	fset  *token.FileSet
	file  *ast.File
	lines int
}

func (s source) dir() string          { return path.Dir(s.path) }
func (s source) test() bool           { return strings.HasSuffix(s.path, "_test.go") }
func (s source) main() bool           { return s.file.Name.Name == "main" }
func (s source) line(p token.Pos) int { return s.fset.Position(p).Line }
func (s source) at(n ast.Node, format string, args ...any) string {
	return fmt.Sprintf("%s:%d: ", s.path, s.line(n.Pos())) + fmt.Sprintf(format, args...)
}

// parse reads one file; generated ones are none of the architecture's business.
func parse(name string, text []byte) (s source, generated bool, err error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return source{}, false, err
	}
	return source{path: name, fset: fset, file: f, lines: fset.File(f.Pos()).LineCount()}, ast.IsGenerated(f), nil
}

// tree reads every Go file of the module at root.
func tree(root fs.FS) ([]source, error) {
	var all []source
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			base := path.Base(name)
			if name != "." && (strings.HasPrefix(base, ".") || base == "testdata" || base == "node_modules") {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		s, generated, err := parse(name, text)
		if err == nil && !generated {
			all = append(all, s)
		}
		return err
	})
	return all, err
}

// TestArchitecture holds the import rules, one package doc per package, the size budgets and the bans of the house style.
func TestArchitecture(t *testing.T) {
	all, err := tree(os.DirFS(".."))
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("read only %d files: is this the repository's integration folder?", len(all))
	}
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			for _, f := range r.check(all) {
				t.Error(f)
			}
		})
	}
}

// TestDependenciesHaveReasons finds each direct dependency of go.mod in docs/dependencies.md.
func TestDependenciesHaveReasons(t *testing.T) {
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("../docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	direct := 0
	for line := range strings.Lines(string(mod)) {
		f := strings.Fields(line)
		if len(f) != 2 || !strings.HasPrefix(f[1], "v") { // "module version", without "// indirect"
			continue
		}
		direct++
		if !strings.Contains(string(doc), "| "+f[0]+" |") {
			t.Errorf("docs/dependencies.md has no reason for %s", f[0])
		}
	}
	if direct < 10 {
		t.Errorf("found only %d direct dependencies: has go.mod another form?", direct)
	}
}

// TestArchitectureCatches gives each rule what it must refuse and what it must let pass.
func TestArchitectureCatches(t *testing.T) {
	tried := map[string]bool{}
	for _, c := range cases {
		t.Run(c.rule+"/"+c.name, func(t *testing.T) {
			var all []source
			for name, text := range c.files {
				s, generated, err := parse(name, []byte(text))
				if err != nil {
					t.Fatal(err)
				}
				if !generated {
					all = append(all, s)
				}
			}
			i := slices.IndexFunc(rules, func(r rule) bool { return r.name == c.rule })
			if i < 0 {
				t.Fatalf("no rule is called %q", c.rule)
			}
			found := strings.Join(rules[i].check(all), "\n")
			if c.want == "" && found != "" || !strings.Contains(found, c.want) {
				t.Errorf("found %q, want %q", found, c.want)
			}
		})
		tried[c.rule] = tried[c.rule] || c.want != ""
	}
	for _, r := range rules {
		if !tried[r.name] {
			t.Errorf("no case shows that rule %q can fail", r.name)
		}
	}
}
