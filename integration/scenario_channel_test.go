package integration

import (
	"testing"
)

// awake connects an app, and returns when it has its channel.
func (a *app) awake(t *testing.T) {
	t.Helper()
	if err := a.Connect(); err != nil {
		t.Fatal(err)
	}
	until(t, func() string {
		if !a.Awake() {
			return "the app has no channel yet"
		}
		return ""
	})
}

// TestAppIsAwakeUntilItSleeps opens a channel to the bridge and closes it.
func TestAppIsAwakeUntilItSleeps(t *testing.T) {
	t.Parallel()
	w := together(t)
	eve, _ := w.roamer(t, "Eve")
	app := w.app(t, eve, "webpush")
	for range 2 {
		app.awake(t)
		app.Disconnect()
		until(t, func() string {
			if app.Awake() {
				return "the app is awake still"
			}
			return ""
		})
	}
}
