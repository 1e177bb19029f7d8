package sitecopy

import (
	"testing"

	"strowger/pkg/sitecopy"
)

// TestLotsOfSites: a space has two digits, also where the code of a site is one digit that a space begins with.
func TestLotsOfSites(t *testing.T) {
	w := newWorld(t)
	s := w.fetched(w.x).Snapshot()
	s.docs.copy.Sites = append(s.docs.copy.Sites, sitecopy.SiteCode{Site: "si_one", Code: "1"})
	s.docs.peers["si_one"] = sitecopy.Peer{SiteName: "One", SiteCode: "1", Switches: s.docs.peers[w.berlin].Switches}
	for place, want := range map[string]struct {
		away  bool
		there string
	}{
		"01": {false, "01"}, "12": {false, "12"}, "20": {false, "20"}, "2012": {false, "12"}, "107": {true, "07"}, "3007": {true, "07"}, "": {}, "7": {false, "7"},
	} {
		nodes, there, err := s.Lots(place)
		if err != nil || there != want.there || len(nodes) == 0 || (nodes[0] == w.y.Node) != want.away {
			t.Errorf("%q: %q at %v, %v; want %+v", place, there, nodes, err, want)
		}
	}
}
