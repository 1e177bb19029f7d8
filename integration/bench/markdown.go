package main

import (
	"fmt"
	"os"
	"strings"
)

// rowsOf are the rows of a part.
func rowsOf(rows []row, part string) (of []row) {
	for _, r := range rows {
		if r.Part == part {
			of = append(of, r)
		}
	}
	return of
}

// markdown is the table of rows. Columns in which no row has anything are left out.
func markdown(rows []row) string {
	var cells [][]string
	for _, r := range rows {
		cells = append(cells, r.cells())
	}
	var b strings.Builder
	line := func(cells []string, used []bool) {
		for i, c := range cells {
			if used[i] {
				fmt.Fprintf(&b, "| %s ", c)
			}
		}
		b.WriteString("|\n")
	}
	used := make([]bool, len(heads()))
	for _, c := range cells {
		for i := range used {
			used[i] = used[i] || c[i] != ""
		}
	}
	line(heads(), used)
	line(strings.Split(strings.TrimSpace(strings.Repeat("--- ", len(used))), " "), used)
	for _, c := range cells {
		line(c, used)
	}
	return b.String()
}

// refresh replaces in a document what is between the comments of each part that was measured.
func refresh(file, machine string, parts []part, rows []row) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	document := string(text)
	for _, p := range parts {
		if of := rowsOf(rows, p.name); len(of) > 0 {
			if document, err = replaced(document, p.name, markdown(of)+"\n"+machine+"\n"); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
	}
	return os.WriteFile(file, []byte(document), 0o644)
}

// replaced has other text between the comments of a part.
func replaced(document, part, text string) (string, error) {
	begin, end := fmt.Sprintf("<!-- bench %s -->\n", part), fmt.Sprintf("<!-- end of %s -->", part)
	before, rest, okBegin := strings.Cut(document, begin)
	_, after, okEnd := strings.Cut(rest, end)
	if !okBegin || !okEnd {
		return "", fmt.Errorf("no lines %q and %q", strings.TrimSpace(begin), end)
	}
	return before + begin + "\n" + text + "\n" + end + after, nil
}
