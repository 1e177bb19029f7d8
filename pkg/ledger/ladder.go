package ledger

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Widths of a ladder, in characters.
const (
	ladderWidth = 100
	timeWidth   = 10
	minColumn   = 14
)

// Ladder writes a call as a ladder: participants side by side in the order in which messages name them, messages between them
// as arrows, what a node noted at its line, and in front the milliseconds since the first event. Times are those of the
// node that wrote the event. A message that both ends recorded is one arrow. Names maps ids of nodes and devices to what
// people call them; a node without one has the name by which it wrote, and any other id is shown. Up to five participants
// fit in 100 columns.
func Ladder(w io.Writer, events []NodeEvent, names map[string]string) error {
	nodes := participants(events)
	own := map[string]string{} // by node
	for n, node := range nodes {
		if n != node {
			own[node] = n
		}
	}
	name := func(id string) string {
		if n := names[id]; n != "" && n != id {
			return printable(n)
		}
		return printable(cmp.Or(own[id], id))
	}
	rows := arrange(inOrder(events, nodes), name)
	if len(rows) == 0 {
		_, err := fmt.Fprintln(w, "no events")
		return err
	}
	c := newCanvas(rows)
	c.head()
	for _, r := range rows {
		if r.from != "" {
			c.arrow(r)
		} else {
			c.note(r, note(r.event.Event, name))
		}
	}
	_, err := io.WriteString(w, c.text.String())
	return err
}

// row is one line of a ladder: a message, or what a node noted.
type row struct {
	event    NodeEvent
	node     string // name of who wrote it
	from, to string // names of the ends of a message, "" for a note
}

// arrange makes rows of events in their order. The receiver's record of a message goes: the sender's stands above it.
func arrange(ordered []*line, name func(string) string) []row {
	var rows []row
	for _, l := range ordered {
		if l.send != nil {
			continue
		}
		r := row{event: l.event, node: name(l.event.Node)}
		if from, to := name(l.from), name(l.to); from != to {
			r.from, r.to = from, to
		}
		rows = append(rows, r)
	}
	return rows
}

// canvas draws line by line.
type canvas struct {
	names  []string
	column map[string]int // of a participant: where its line stands
	space  int            // between two lines
	width  int
	begin  int64
	line   []rune
	text   strings.Builder
}

func newCanvas(rows []row) *canvas {
	c := &canvas{column: map[string]int{}, begin: rows[0].event.At}
	var noters []string
	for _, r := range rows {
		if r.from != "" {
			c.names = append(c.names, r.from, r.to)
		} else {
			noters = append(noters, r.node)
		}
	}
	c.names = distinct(append(c.names, noters...)) // who sends stands left of a node that has only noted something yet
	c.space = max(minColumn, (ladderWidth-timeWidth)/len(c.names))
	c.width = max(ladderWidth, timeWidth+c.space*len(c.names))
	for i, n := range c.names {
		c.column[n] = timeWidth + c.space/2 + i*c.space
	}
	return c
}

func distinct(all []string) (once []string) {
	for _, s := range all {
		if !slices.Contains(once, s) {
			once = append(once, s)
		}
	}
	return once
}

// head writes the names, each above its line.
func (c *canvas) head() {
	c.line = []rune(strings.Repeat(" ", c.width))
	c.put(timeWidth-4, "ms")
	for n, x := range c.column {
		n = clip(n, c.space-2)
		c.put(x-utf8.RuneCountInString(n)/2, n)
	}
	c.end()
}

// start begins a line with the time and everybody's vertical line.
func (c *canvas) start(at int64) {
	c.line = []rune(strings.Repeat(" ", c.width))
	c.put(0, fmt.Sprintf("%*.1f", timeWidth-2, float64(at-c.begin)/1000))
	for _, x := range c.column {
		c.line[x] = '|'
	}
}

func (c *canvas) put(x int, s string) {
	for _, r := range s {
		if x >= 0 && x < len(c.line) {
			c.line[x] = r
		}
		x++
	}
}

func (c *canvas) end() {
	c.text.WriteString(strings.TrimRight(string(c.line), " "))
	c.text.WriteByte('\n')
}

// arrow draws "--INVITE 1001-->" from one line to another.
func (c *canvas) arrow(r row) {
	c.start(r.event.At)
	left, right := c.column[r.from], c.column[r.to]
	toRight := left < right
	if !toRight {
		left, right = right, left
	}
	room := right - left - 1
	label := label(r.event.Text, room-4)
	shaft := []rune(strings.Repeat("-", room))
	copy(shaft[(room-utf8.RuneCountInString(label)+1)/2:], []rune(label))
	if toRight {
		shaft[room-1] = '>'
	} else {
		shaft[0] = '<'
	}
	c.put(left+1, string(shaft))
	c.end()
}

// note writes a text beside the line of who noted it, on the side that has more room.
func (c *canvas) note(r row, text string) {
	c.start(r.event.At)
	x := c.column[r.node]
	c.line[x] = '*'
	text = " " + printable(text) + " "
	right, left := c.width-x-1, x-timeWidth
	if n := utf8.RuneCountInString(text); n <= right || right >= left {
		c.put(x+1, clip(text, right))
	} else {
		text = clip(text, left)
		c.put(x-utf8.RuneCountInString(text), text)
	}
	c.end()
}

// label shortens the first line of a message: without the SIP version, then with only the user of its URI, then cut.
func label(text string, room int) string {
	text = strings.TrimPrefix(strings.TrimSuffix(printable(text), " SIP/2.0"), "SIP/2.0 ")
	if utf8.RuneCountInString(text) <= room {
		return text
	}
	if method, uri, ok := strings.Cut(text, " sip"); ok {
		uri = strings.TrimPrefix(strings.TrimPrefix(uri, "s"), ":")
		if user, _, ok := strings.Cut(uri, "@"); ok {
			text = method + " " + user
		}
	}
	return clip(text, room)
}

func clip(s string, room int) string {
	if utf8.RuneCountInString(s) <= room {
		return s
	}
	const dots = ".."
	if room <= len(dots) {
		return dots[:max(room, 0)]
	}
	return string([]rune(s)[:room-len(dots)]) + dots
}

// printable keeps what a message says from moving the cursor of who reads it.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}
