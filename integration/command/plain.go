package command

import (
	"io"
	"strings"
	"unicode"
)

// plain is a terminal that gets text only. Names, reasons and ladders come from users and from phones; a control sequence
// among them could rewrite what an admin reads, or worse. Each Write is whole text.
type plain struct{ io.Writer }

func (p plain) Write(b []byte) (int, error) {
	text := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, string(b))
	if _, err := io.WriteString(p.Writer, text); err != nil {
		return 0, err
	}
	return len(b), nil
}
