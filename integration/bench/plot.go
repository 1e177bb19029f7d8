package main

import (
	"fmt"
	"html"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Measures of a plot, in pixels.
const (
	plotWidth  = 880
	plotLabel  = 360 // for the names
	plotValue  = 150 // for the figures behind the longest bar
	plotBar    = 16
	plotGap    = 12
	plotTop    = 44
	plotLegend = 22
)

// bar is one figure of a plot; beside is drawn behind it.
type bar struct {
	class         string // ours, peer
	value, beside float64
	text          string
}

// bars are those of a row.
func (r row) bars() []bar {
	all := []bar{{"ours", median(r.Ours), 0, number(median(r.Ours)) + " " + r.Unit}}
	if cloud := median(r.Cloud); cloud > 0 {
		all[0].beside = cloud
		all[0].text = number(median(r.Ours)) + " + " + number(cloud) + " " + r.Unit
	}
	if len(r.Their) > 0 {
		all = append(all, bar{"peer", median(r.Their), 0, number(median(r.Their)) + " " + r.Unit})
	}
	return all
}

// plot draws rows of one unit as bars from the left, each row's own bars below one another.
func plot(title string, rows []row) string {
	most, bars := 0.0, 0
	peers := map[string]bool{}
	for _, r := range rows {
		for _, b := range r.bars() {
			most, bars = max(most, b.value+b.beside), bars+1
		}
		if len(r.Their) > 0 {
			peers[r.Peer] = true
		}
	}
	height := plotTop + bars*plotBar + len(rows)*plotGap + plotLegend
	var s strings.Builder
	fmt.Fprintf(&s, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="%s">`+"\n", plotWidth, height, html.EscapeString(title))
	s.WriteString("<style>text{font:13px sans-serif;fill:#333}.title{font-weight:bold;font-size:15px}.ours{fill:#1f6fb2}.beside{fill:#9cc7e8}" +
		".peer{fill:#c9702f}.ground{fill:#fff}</style>\n")
	fmt.Fprintf(&s, `<rect class="ground" width="%d" height="%d"/>`+"\n", plotWidth, height)
	fmt.Fprintf(&s, `<text class="title" x="8" y="24">%s</text>`+"\n", html.EscapeString(title))
	y := plotTop
	scale := float64(plotWidth-plotLabel-plotValue) / max(most, 1e-9)
	for _, r := range rows {
		fmt.Fprintf(&s, `<text x="8" y="%d">%s</text>`+"\n", y+plotBar-4, html.EscapeString(strings.TrimSpace(r.Name+" "+r.Load)))
		for _, b := range r.bars() {
			own, beside := b.value*scale, b.beside*scale
			fmt.Fprintf(&s, `<rect class="%s" x="%d" y="%d" width="%.1f" height="%d"/>`, b.class, plotLabel, y, own, plotBar-2)
			if beside > 0 {
				fmt.Fprintf(&s, `<rect class="beside" x="%.1f" y="%d" width="%.1f" height="%d"/>`, plotLabel+own, y, beside, plotBar-2)
			}
			fmt.Fprintf(&s, `<text x="%.1f" y="%d">%s</text>`+"\n", plotLabel+own+beside+6, y+plotBar-4, html.EscapeString(b.text))
			y += plotBar
		}
		y += plotGap
	}
	x := plotLabel
	for _, key := range legend(rows, peers) {
		fmt.Fprintf(&s, `<rect class="%s" x="%d" y="%d" width="12" height="12"/><text x="%d" y="%d">%s</text>`+"\n", key[0], x, y, x+17, y+11, key[1])
		x += 130
	}
	s.WriteString("</svg>\n")
	return s.String()
}

// legend is the classes and names that a plot has.
func legend(rows []row, peers map[string]bool) [][2]string {
	keys := [][2]string{{"ours", "Strowger"}}
	if slices.ContainsFunc(rows, func(r row) bool { return median(r.Cloud) > 0 }) {
		keys = append(keys, [2]string{"beside", "its cloud"})
	}
	for name := range peers {
		keys = append(keys, [2]string{"peer", html.EscapeString(name)})
	}
	return keys
}

// draw writes a plot of each part into a folder.
func draw(dir string, parts []part, rows []row) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, p := range parts {
		of := rowsOf(rows, p.name)
		if len(of) == 0 {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, p.name+".svg"), []byte(plot(p.what, of)), 0o644); err != nil {
			return err
		}
	}
	return nil
}
