//go:build peers

package peers

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// shotsFlag has TestShots make the pictures of docs/softphone:
//
//	go test -tags peers -count=1 ./integration/peers -run '^TestShots$' -shots "$PWD/docs/softphone"
var shotsFlag = flag.String("shots", "", "folder for pictures of the softphone in each of its states; none are made without")

// shotsNetwork is the number of a network that no other test has.
const shotsNetwork = 15

// look is how a picture is taken.
type look struct {
	suffix        string
	width, height int64
	scale         float64
	dark          bool
}

var (
	desktop = look{"desktop", 1280, 800, 1, false}
	night   = look{"desktop-dark", 1280, 800, 1, true}
	pocket  = look{"phone", 390, 844, 1.5, false}
	pocketN = look{"phone-dark", 390, 844, 1.5, true}
	short   = look{"phone-short", 360, 600, 1.5, false} // an old phone
)

// TestShots makes pictures of the softphone in real calls.
func TestShots(t *testing.T) {
	if *shotsFlag == "" {
		t.Skip("no pictures are asked for: -shots DIR")
	}
	d := found(t, shotsNetwork, "Nordlicht", longRing)
	berlin := d.office(t, "10", 0)
	carla := berlin.phone(t, d.addPerson(t, berlin, "Carla Mendes", "1003"), handset{codec: opus, tone: low})
	grace := berlin.phone(t, d.addPerson(t, berlin, "Grace Liu", "1007"), handset{codec: opus, tone: low})
	away := d.addPerson(t, berlin, "Dmitri Petrov", "1004")
	for i, name := range []string{"Amara Diallo", "Hugo Martín", "Ines Costa", "Jonas Weber", "Noor Haddad", "Zofia Nowak"} {
		d.addPerson(t, berlin, name, string(rune('1'+i))+"021")
	}
	bridge := d.webBridge(t)
	asleep := d.app(t, "Elif Kaya", "1005")
	asleep.run(t, "no") // to say where it is woken
	asleep.stop(t)
	s, code := d.softphone(t, bridge, "Ben Okafor", "1002", high)
	s.open(t, "/")
	s.shows(t, "Make this browser your phone")
	s.shoot(t, "welcome", desktop, pocket)
	s.open(t, "/#"+code)
	s.shows(t, "Reachable")
	s.open(t, "/#settings")
	s.presses(t, "Ring when this page is closed")
	s.shows(t, "even when this page is closed")
	s.shoot(t, "settings", night, pocket)
	s.shotsOfCalls(t, carla, asleep, away)
	s.shotsOfIncoming(t, grace)
	s.shotsOfLists(t)
}

// shoot takes pictures of what the page shows.
func (s *softphone) shoot(t *testing.T, name string, looks ...look) {
	t.Helper()
	for _, l := range looks {
		scheme := map[bool]string{false: "light", true: "dark"}[l.dark]
		still := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}
		var png []byte
		s.run(t, "take a picture of "+name, emulation.SetDeviceMetricsOverride(l.width, l.height, l.scale, l.width < desktop.width),
			emulation.SetEmulatedMedia().WithFeatures(still),
			chromedp.Evaluate(`new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))`, nil, awaited),
			chromedp.ActionFunc(func(ctx context.Context) (err error) {
				png, err = page.CaptureScreenshot().Do(ctx)
				return err
			}), emulation.ClearDeviceMetricsOverride())
		if err := os.WriteFile(filepath.Join(*shotsFlag, name+"-"+l.suffix+".png"), png, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// shotsOfCalls calls who answers, who sleeps, and who is away.
func (s *softphone) shotsOfCalls(t *testing.T, carla *phone, asleep *app, away account) {
	s.open(t, "/")
	s.shows(t, "Reachable")
	s.shoot(t, "keypad", desktop)
	s.presses(t, "1")
	s.presses(t, "0")
	s.shoot(t, "keypad", pocket, short)
	s.open(t, "/#contacts")
	s.shows(t, "Reachable")
	s.presses(t, "Call Carla Mendes, "+carla.dial)
	carla.await(t, "CALL_INCOMING")
	s.becomes(t, "it rings", `document.querySelector(".state.ringing")`)
	s.shoot(t, "ringing", desktop, pocket)
	carla.do(t, "accept", "")
	s.talks(t)
	s.shows(t, "Good")
	s.shows(t, "0:04")
	s.shoot(t, "call", desktop, pocket, pocketN)
	s.presses(t, "Keypad")
	s.presses(t, "4")
	s.presses(t, "2")
	s.shoot(t, "call-keypad", desktop, pocket, short)
	s.presses(t, "Keypad")
	s.presses(t, "Hold")
	s.shows(t, "On hold")
	s.shoot(t, "hold", desktop)
	s.presses(t, "Hold")
	s.talks(t)
	s.presses(t, "Hang up")
	s.shows(t, "Call ended")
	s.shoot(t, "ended", desktop)
	s.presses(t, "Close")
	s.presses(t, "Call Elif Kaya, "+asleep.dial)
	s.shows(t, "Waking their phone")
	s.shoot(t, "waking", desktop, pocket)
	s.presses(t, "Cancel")
	s.presses(t, "Close")
	s.presses(t, "Call Dmitri Petrov, "+away.dial)
	s.shows(t, "None of their phones can be reached now")
	s.shoot(t, "refused", desktop, pocket)
	s.presses(t, "Close")
}

// shotsOfIncoming is called, and misses the call.
func (s *softphone) shotsOfIncoming(t *testing.T, grace *phone) {
	grace.do(t, "dial", s.dial)
	s.rings(t)
	s.shoot(t, "incoming", desktop, pocket, pocketN)
	grace.do(t, "hangup", "")
	s.shows(t, "The caller hung up")
	s.shoot(t, "missed", pocket)
	s.presses(t, "Close")
}

// shotsOfLists shows the calls of some days, of which those of the other days are made up.
func (s *softphone) shotsOfLists(t *testing.T) {
	eval[any](t, s.browser, `import("/js/store.js").then(async (store) => {
		const day = 86_400_000;
		const at = (days, h, m) => new Date(Date.now() - days * day).setHours(h, m, 0, 0);
		const all = await store.calls();
		await Promise.all(all.map((e, i) => store.keepCall({ ...e, at: e.at - i * 23 * 60_000, seconds: e.seconds && 347 })));
		for (const [i, e] of [
			{ direction: "incoming", name: "Amara Diallo", number: "101021", at: at(1, 16, 42), seconds: 734, outcome: "ended" },
			{ direction: "outgoing", name: "Jonas Weber", number: "104021", at: at(1, 11, 5), seconds: 68, outcome: "ended" },
			{ direction: "incoming", name: "Zofia Nowak", number: "106021", at: at(2, 9, 30), seconds: 0, outcome: "declined" },
			{ direction: "incoming", name: "", number: "+49 30 901820", at: at(2, 8, 55), seconds: 0, outcome: "cancelled" },
		].entries()) {
			await store.keepCall({ call: "made-up-" + i, code: "", words: "", seen: true, ...e });
		}
	})`)
	s.open(t, "/#recents")
	s.shows(t, "Yesterday")
	s.shows(t, "Reachable")
	s.shoot(t, "recents", desktop, night, pocket)
	s.presses(t, "Missed")
	s.shoot(t, "recents-missed", pocket)
	s.open(t, "/#contacts")
	s.shows(t, "Reachable")
	s.shoot(t, "contacts", desktop, pocket)
}
