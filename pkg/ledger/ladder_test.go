package ledger

import (
	"cmp"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"strowger/pkg/designation"
)

var update = flag.Bool("update", false, "write the golden files anew")

// teller writes the events of one node.
type teller struct {
	node string
	seq  uint64
	skew int64 // ms
}

func (n *teller) at(ms float64, e Event) NodeEvent {
	n.seq++
	e.Seq, e.At, e.Call = n.seq, 1_700_000_000_000_000+int64(ms*1000)+n.skew*1000, "ca_1"
	return NodeEvent{Node: n.node, Spool: "sp_" + n.node, Event: e}
}

func (n *teller) arrow(ms float64, from, to, text string) NodeEvent {
	return n.at(ms, Event{Kind: Message, Sender: from, Receiver: to, Text: text})
}

var names = map[string]string{"sw_x": "switch berlin", "sw_y": "switch rome", "dv_b": "Bob's phone"}

// twoOffices is a call between two switches; skew is by how many ms the callee's switch is behind.
func twoOffices(skew int64) []NodeEvent {
	x, y := &teller{node: "sw_x"}, &teller{node: "sw_y", skew: -skew}
	const invite = "INVITE sip:301001@10.9.0.2:7443 SIP/2.0"
	bob := &designation.Party{Number: "301001", Name: "Bob"}
	return []NodeEvent{
		x.at(0, Event{Kind: Attempt, To: &designation.Party{Number: "301001"}}),
		x.arrow(0.1, "phone 1001", "sw_x", "INVITE sip:301001@192.0.2.10 SIP/2.0"),
		x.arrow(0.3, "sw_x", "phone 1001", "SIP/2.0 100 Trying"),
		x.arrow(0.4, "sw_x", "cloud", "admit 301001"),
		x.arrow(3.2, "cloud", "sw_x", "admitted: Bob at switch rome"),
		x.at(3.3, Event{Kind: Admitted, To: bob, Anchor: "sw_y"}),
		x.arrow(4, "sw_x", "sw_y", invite),
		y.arrow(5, "sw_x", "sw_y", invite),
		y.at(5.5, Event{Kind: Trying, Leg: "lg_1", Device: "dv_b"}),
		y.arrow(6, "sw_y", "phone 30 1001", "INVITE sip:1001@198.51.100.77:49876;line=abc SIP/2.0"),
		y.arrow(56, "phone 30 1001", "sw_y", "SIP/2.0 180 Ringing"),
		y.at(56.1, Event{Kind: Ringing, Leg: "lg_1", Device: "dv_b"}),
		y.arrow(56.2, "sw_y", "sw_x", "SIP/2.0 180 Ringing"),
		x.arrow(57, "sw_y", "sw_x", "SIP/2.0 180 Ringing"),
		x.arrow(57.1, "sw_x", "phone 1001", "SIP/2.0 180 Ringing"),
		y.arrow(2056, "phone 30 1001", "sw_y", "SIP/2.0 200 OK"),
		y.at(2056.2, Event{Kind: Answered, Leg: "lg_1", Device: "dv_b", Codec: "PCMU/8000"}),
		y.arrow(2056.3, "sw_y", "sw_x", "SIP/2.0 200 OK"),
		x.arrow(2057, "sw_y", "sw_x", "SIP/2.0 200 OK"),
		x.arrow(2057.1, "sw_x", "phone 1001", "SIP/2.0 200 OK"),
		x.arrow(2060, "phone 1001", "sw_x", "ACK sip:301001@192.0.2.10 SIP/2.0"),
		x.at(2061, Event{Kind: Media, Leg: "lg_0", Codec: "PCMU/8000", Local: "192.0.2.10:20000", Remote: "192.0.2.77:4000"}),
		x.arrow(5000, "phone 1001", "sw_x", "BYE sip:301001@192.0.2.10 SIP/2.0"),
		x.arrow(5001, "sw_x", "sw_y", "BYE sip:301001@10.9.0.2:7443 SIP/2.0"),
		y.arrow(5002, "sw_x", "sw_y", "BYE sip:301001@10.9.0.2:7443 SIP/2.0"),
		y.at(5002.1, Event{Kind: Quality, Leg: "lg_1", Quality: &QualityFigures{PacketsReceived: 147, PacketsSent: 148, JitterReceived: .42}}),
		y.at(5002.2, Event{Kind: Ended, By: "caller", Cause: &Cause{Code: "normal", SIP: 200, Q850: 16, Words: "Normal call clearing"}}),
	}
}

func draw(t *testing.T, events []NodeEvent, names map[string]string) string {
	t.Helper()
	var b strings.Builder
	if err := Ladder(&b, events, names); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is\n%s\nwant\n%s", name, got, want)
	}
}

func TestLadders(t *testing.T) {
	refused := &teller{node: "sw_x"}
	for name, events := range map[string][]NodeEvent{
		"two-offices":  twoOffices(0),
		"clock-behind": twoOffices(500), // the callee's switch: receipts must not move above what was sent
		"refused": {
			refused.at(0, Event{Kind: Attempt, To: &designation.Party{Number: "9"}}),
			refused.arrow(1, "phone 1001", "sw_x", "INVITE sip:9@192.0.2.10 SIP/2.0"),
			refused.at(2, Event{Kind: Refused, Cause: &Cause{Code: "unknown-number", SIP: 404, Q850: 1, Words: "Nobody has the number 9"}}),
			refused.arrow(3, "sw_x", "phone 1001", "SIP/2.0 404 Nobody has the number 9"),
			refused.arrow(4, "phone 1001", "sw_x", "ACK sip:9@192.0.2.10 SIP/2.0"),
		},
		"no-events": nil,
	} {
		t.Run(name, func(t *testing.T) {
			got := draw(t, events, names)
			for line := range strings.Lines(got) {
				if n := utf8.RuneCountInString(line) - 1; n > ladderWidth {
					t.Errorf("a line has %d columns: %s", n, line)
				}
			}
			golden(t, name, got)
		})
	}
}

// The order in which the cloud has stored events changes nothing.
func TestOrderOfStorageDoesNotMatter(t *testing.T) {
	events := twoOffices(500)
	want := draw(t, events, names)
	for range 20 {
		rand.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		if got := draw(t, events, names); got != want {
			t.Fatalf("shuffled:\n%s\nwant\n%s", got, want)
		}
	}
}

func arranged(events []NodeEvent) []row {
	return arrange(inOrder(events, participants(events)), func(id string) string { return id })
}

func TestCausality(t *testing.T) {
	for skew := int64(-3000); skew <= 3000; skew += 100 {
		rows := arranged(twoOffices(skew))
		if len(rows) != 23 { // four of the 27 events are receipts of what the other switch has recorded
			t.Fatalf("%d rows", len(rows))
		}
		for _, node := range []string{"sw_x", "sw_y"} {
			var seqs []uint64
			for _, r := range rows {
				if r.event.Node == node {
					seqs = append(seqs, r.event.Seq)
				}
			}
			if !slices.IsSorted(seqs) {
				t.Errorf("skew %d ms: %s wrote %v", skew, node, seqs)
			}
		}
		index := func(node string, kind Kind, text string) int {
			return slices.IndexFunc(rows, func(r row) bool {
				return r.event.Node == node && r.event.Kind == kind && strings.Contains(r.event.Text, text)
			})
		}
		if sent, tried := index("sw_x", Message, "INVITE sip:301001@10"), index("sw_y", Trying, ""); tried < sent {
			t.Errorf("skew %d ms: tried in row %d what was sent in row %d", skew, tried, sent)
		}
		if bye, ended := index("sw_x", Message, "BYE sip:301001@10"), index("sw_y", Ended, ""); ended < bye {
			t.Errorf("skew %d ms: ended in row %d by what was sent in row %d", skew, ended, bye)
		}
	}
}

// Nodes write names, and a peer's id as long as they do not know its name: the ends are found all the same.
func TestNamesInMessages(t *testing.T) {
	want := draw(t, twoOffices(500), nil)
	want = strings.NewReplacer("sw_x", "rome", "sw_y", "bari").Replace(want)
	events := twoOffices(500)
	for i, e := range events {
		alias := map[string]string{"sw_x": "rome", "sw_y": "bari"}
		if e.Node == "sw_x" {
			delete(alias, "sw_y")
		}
		events[i].Sender, events[i].Receiver = cmp.Or(alias[e.Sender], e.Sender), cmp.Or(alias[e.Receiver], e.Receiver)
	}
	if got := draw(t, events, nil); got != want {
		t.Errorf("by names:\n%s\nwant\n%s", got, want)
	}
}

// A switch that refused at once has nothing but messages of one link: its name is the one that the other has not.
func TestOnlyTheLink(t *testing.T) {
	x, y := &teller{node: "sw_x"}, &teller{node: "sw_y", skew: -500}
	events := []NodeEvent{
		y.arrow(1, "bari", "rome", "INVITE"), y.arrow(2, "rome", "bari", "480"),
		x.arrow(-1, "phone", "bari", "INVITE"), x.arrow(0, "bari", "rome", "INVITE"), x.arrow(3, "rome", "bari", "480"),
	}
	sorted := Order(events)
	var seen []string
	for _, e := range sorted {
		seen = append(seen, e.Node+" "+e.Text)
	}
	if want := []string{"sw_x INVITE", "sw_x INVITE", "sw_y INVITE", "sw_y 480", "sw_x 480"}; !slices.Equal(seen, want) {
		t.Errorf("in order %v, want %v", seen, want)
	}
	if rows := arranged(events); len(rows) != 3 {
		t.Errorf("%d rows, want 3", len(rows))
	}
}

// Two nodes of one name, and events that lack things, are sorted all the same: each once.
func TestOrderKeepsAll(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	some := func(of ...string) string { return of[r.IntN(len(of))] }
	for range 500 {
		var events []NodeEvent
		for i := range 12 {
			events = append(events, NodeEvent{Node: some("sw_1", "sw_2", "sw_3", ""), Spool: some("a", "b"), Event: Event{
				Seq: uint64(i), At: r.Int64N(5), Kind: Message, Sender: some("n", "m", "sw_1", "phone"), Receiver: some("n", "m", "phone", ""), Text: some("1", "2"),
			}})
		}
		want := Order(events)
		seen := map[uint64]bool{}
		for _, e := range want {
			seen[e.Seq] = true
		}
		if len(seen) != len(events) {
			t.Fatalf("%d of %d events are left", len(seen), len(events))
		}
		r.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		if got := Order(events); !slices.EqualFunc(got, want, func(a, b NodeEvent) bool { return a.Seq == b.Seq }) {
			t.Fatalf("the order depends on how they came:\n%v\n%v", got, want)
		}
	}
}

// Records that contradict each other are all shown, and the end is reached.
func TestContradiction(t *testing.T) {
	x, y := &teller{node: "sw_x"}, &teller{node: "sw_y"}
	events := []NodeEvent{
		x.arrow(1, "sw_y", "sw_x", "b"), x.arrow(2, "sw_x", "sw_y", "a"),
		y.arrow(1, "sw_x", "sw_y", "a"), y.arrow(2, "sw_y", "sw_x", "b"),
	}
	if rows := arranged(events); len(rows) != 2 {
		t.Errorf("%d rows, want 2", len(rows))
	}
}

func TestLabels(t *testing.T) {
	for _, c := range []struct {
		text string
		room int
		want string
	}{
		{"INVITE sip:1001@10.0.0.1 SIP/2.0", 40, "INVITE sip:1001@10.0.0.1"},
		{"INVITE sip:1001@10.0.0.1 SIP/2.0", 14, "INVITE 1001"},
		{"INVITE sips:1001@10.0.0.1 SIP/2.0", 14, "INVITE 1001"},
		{"INVITE sip:1234567890@10.0.0.1 SIP/2.0", 14, "INVITE 12345.."},
		{"SIP/2.0 183 Session Progress", 14, "183 Session .."},
		{"SIP/2.0 200 OK", 14, "200 OK"},
		{"evil\x1b[2J", 14, "evil?[2J"},
		{"anything", 1, "."},
	} {
		if got := label(c.text, c.room); got != c.want {
			t.Errorf("%q in %d: %q, want %q", c.text, c.room, got, c.want)
		}
	}
}

func FuzzLadder(f *testing.F) {
	f.Add("phone", "sw_x", "INVITE sip:1001@10.0.0.1 SIP/2.0", "message", int64(5))
	f.Add("sw_x", "sw_x", "\x1b[2J\n|", "ended", int64(-1))
	f.Fuzz(func(t *testing.T, from, to, text, kind string, at int64) {
		e := NodeEvent{Node: "sw_x", Event: Event{At: at, Kind: Kind(kind), Sender: from, Receiver: to, Text: text, Device: text}}
		out := draw(t, []NodeEvent{e, {Node: to, Event: e.Event}}, map[string]string{from: text})
		if strings.ContainsFunc(out, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f }) {
			t.Errorf("control characters in %q", out)
		}
	})
}
