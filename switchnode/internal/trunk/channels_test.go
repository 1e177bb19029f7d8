package trunk

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestChannels has calls of both kinds come, be answered and go, at once or late, at a trunk of few channels: no more are carried than
// there are, an ordinary call is ended only for an emergency call and when all are taken, the one that was answered last, and every
// emergency call gets a channel unless others have all of them.
func TestChannels(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 4).Draw(t, "channels")
		var c Channels
		type phone struct {
			use             *Use
			has, told, gone bool
			answered        int
		}
		var all []*phone
		answers := 0
		carried := func(help bool) (n int) {
			for _, v := range all {
				if v.has && !v.gone && (v.use.Help || !help) {
					n++
				}
			}
			return n
		}
		come := func(help bool) {
			v := &phone{use: &Use{Trunk: "tk", Help: help}}
			v.use.End = func() { v.told = true }
			v.use.Ready = func() { v.has = true }
			before, helped := carried(false), carried(true)
			told := func(v *phone) bool { return v.told }
			ended := len(slices.DeleteFunc(slices.Clone(all), func(v *phone) bool { return !told(v) }))
			var last *phone
			for _, o := range all {
				if o.has && !o.gone && !o.told && !o.use.Help && (last == nil || o.answered >= last.answered) {
					last = o
				}
			}
			switch got := c.Take(v.use, most); got {
			case Taken:
				if v.has = true; before >= most {
					t.Fatalf("%d calls on %d channels", before+1, most)
				}
			case Waits:
				if !help || before < most || last == nil || !last.told {
					t.Fatalf("the call that was answered last does not make way, or for nobody: %+v", last)
				}
				ended++
			case Full:
				if help && last != nil || before < most {
					t.Fatalf("no channel for a call, help: %v; %d of %d, %d of them for help", help, before, most, helped)
				}
				v.gone = true
			}
			all = append(all, v)
			if n := len(slices.DeleteFunc(slices.Clone(all), func(v *phone) bool { return !told(v) })); n != ended {
				t.Fatalf("%d were ended, want %d", n, ended)
			}
		}
		pick := func(t *rapid.T) *phone {
			live := slices.DeleteFunc(slices.Clone(all), func(v *phone) bool { return v.gone })
			if len(live) == 0 {
				t.Skip("nobody calls")
			}
			return rapid.SampledFrom(live).Draw(t, "call")
		}
		t.Repeat(map[string]func(*rapid.T){
			"calls": func(*rapid.T) { come(false) },
			"help":  func(*rapid.T) { come(true) },
			"answered": func(t *rapid.T) {
				if v := pick(t); v.has && v.answered == 0 {
					answers++
					v.answered = answers
					c.Answered(v.use)
				}
			},
			"gone": func(t *rapid.T) {
				v := pick(t)
				v.gone = true
				c.Release(v.use)
				c.Release(v.use)
			},
			"": func(t *rapid.T) {
				if n := carried(false); n > most || n != c.InUse("tk") {
					t.Fatalf("%d calls on %d channels, %d are counted", n, most, c.InUse("tk"))
				}
			},
		})
		for _, v := range all {
			if !v.gone && !v.use.Help {
				v.gone = true
				c.Release(v.use)
			}
		}
		for _, v := range all {
			if !v.gone && !v.has {
				t.Fatal("an emergency call waits, and no ordinary one is there")
			}
		}
	})
}

// TestInsist gives an emergency call a channel although who was told to make way does not go.
func TestInsist(t *testing.T) {
	var c Channels
	told := false
	stays := &Use{Trunk: "tk", End: func() { told = true }}
	if c.Take(stays, 1) != Taken {
		t.Fatal("no channel")
	}
	help := &Use{Trunk: "tk", Help: true, Ready: func() { t.Error("it has one already") }}
	if c.Take(help, 1) != Waits || !told {
		t.Fatal("nobody makes way")
	}
	c.Insist(help)
	c.Insist(help)
	if n := c.InUse("tk"); n != 2 {
		t.Errorf("%d in use", n)
	}
	c.Release(stays)
	if c.Take(&Use{Trunk: "tk"}, 1) != Full {
		t.Error("an ordinary call takes the channel of an emergency call")
	}
	c.Release(help)
	for range 2 {
		if c.Take(&Use{Trunk: "tk"}, 0) != Taken {
			t.Error("a limit where there is none")
		}
	}
}
