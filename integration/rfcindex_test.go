package integration

import (
	"fmt"
	"go/ast"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// entry is a row of docs/rfc-index.md: what the code and the tests have of one section.
type entry struct{ files, tests []string }

// citation names a section as the index does: "3261, 14.1", or "3261, –" for the document as a whole.
func citation(rfc, section string) string {
	if section == "" {
		section = "–"
	}
	return rfc + ", " + section
}

// readIndex reads the tables of the index by citation.
func readIndex(text string) map[string]entry {
	index := map[string]entry{}
	quoted := regexp.MustCompile("`([^`]+)`")
	cell := func(s string) (all []string) {
		for _, m := range quoted.FindAllStringSubmatch(s, -1) {
			all = append(all, m[1])
		}
		return all
	}
	rfc := ""
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "### RFC "); ok {
			rfc, _, _ = strings.Cut(rest, ":")
		} else if strings.HasPrefix(line, "#") {
			rfc = ""
		}
		cells := strings.Split(line, " | ")
		if section := strings.TrimPrefix(cells[0], "| "); rfc != "" && len(cells) == 4 && section != "section" {
			index[rfc+", "+section] = entry{cell(cells[2]), cell(cells[3])}
		}
	}
	return index
}

// citations returns the files that cite each section in their comments. The tests and the benchmarks support nothing.
func citations(all []source) map[string][]string {
	cites := map[string][]string{}
	cite := regexp.MustCompile(`RFC (\d{3,5})(?:, ((?:\d+|[A-Z])(?:\.\d+)*)\b)?`)
	for _, s := range all {
		if s.test() || strings.HasPrefix(s.path, "integration/bench/") || strings.HasPrefix(s.path, "integration/peers/") {
			continue
		}
		for _, group := range s.file.Comments {
			for _, m := range cite.FindAllStringSubmatch(strings.ReplaceAll(group.Text(), "\n", " "), -1) {
				if k := citation(m[1], m[2]); !slices.Contains(cites[k], s.path) {
					cites[k] = append(cites[k], s.path)
				}
			}
		}
	}
	return cites
}

// compareIndex says where the index and the sources differ.
func compareIndex(index map[string]entry, all []source) (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	tests := map[string]bool{}
	for _, s := range all {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && s.test() {
				tests[f.Name.Name] = true
			}
		}
	}
	cites := citations(all)
	for k, e := range index {
		for _, f := range e.files {
			if !slices.Contains(cites[k], f) {
				fault("the index has %s for RFC %s, which is not cited there", f, k)
			}
		}
		if len(e.files) == 0 {
			fault("the index has no code for RFC %s", k)
		}
		for _, name := range e.tests {
			if !tests[name] {
				fault("the index has the test %s for RFC %s, which does not exist", name, k)
			}
		}
	}
	for k, files := range cites {
		for _, f := range files {
			if !slices.Contains(index[k].files, f) {
				fault("%s cites RFC %s, which the index lacks: add it to the row, or a row", f, k)
			}
		}
	}
	slices.Sort(faults)
	return faults
}

// TestArchitectureRFCIndex finds each citation of the code in docs/rfc-index.md, and each file and test of that in the code.
func TestArchitectureRFCIndex(t *testing.T) {
	all, err := tree(os.DirFS(".."))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../docs/rfc-index.md")
	if err != nil {
		t.Fatal(err)
	}
	index := readIndex(string(text))
	if len(index) < 150 {
		t.Errorf("the index has only %d sections: is its form another?", len(index))
	}
	for _, f := range compareIndex(index, all) {
		t.Error(f)
	}
}

// TestArchitectureRFCIndexCatches gives the comparison what it must find.
func TestArchitectureRFCIndexCatches(t *testing.T) {
	var all []source
	for name, text := range map[string]string{
		"a/a.go":      "package a\n\n// It waits (RFC 3261,\n// 14.1; RFC 3550, A.8) as RFC 3264 says.\nfunc f() {}\n",
		"a/a_test.go": "package a\n\n// RFC 9999\nfunc TestF() {}\n",
	} {
		s, _, err := parse(name, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	const head = "### RFC 3261: SIP\n\n| section | what | code | tests |\n|---|---|---|---|\n"
	const rest = "\n### RFC 3550: RTP\n\n| A.8 | jitter | `a/a.go` |  |\n\n### RFC 3264: offers\n| – | all | `a/a.go` |  |\n"
	for row, want := range map[string]string{
		"| 14.1 | glare | `a/a.go` | `TestF` |\n": "",
		"": "a/a.go cites RFC 3261, 14.1, which the index lacks",
		"| 14.1 | glare | `a/a.go`, `a/b.go` | `TestF` |\n":                         "a/b.go for RFC 3261, 14.1, which is not cited",
		"| 14.1 | glare | `a/a.go` | `TestG` |\n":                                   "TestG for RFC 3261, 14.1, which does not exist",
		"| 14.1 | glare | `a/a.go` | `TestF` |\n| 14.2 | refusals |  | `TestF` |\n": "no code for RFC 3261, 14.2",
	} {
		if got := strings.Join(compareIndex(readIndex(head+row+rest), all), "\n"); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q", row, got, want)
		}
	}
}
