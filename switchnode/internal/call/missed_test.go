package call

import (
	"testing"

	"strowger/pkg/errs"
)

// A call-back that the caller could not have answered is no try: a phone company that is away for some minutes costs nobody their place. One that
// nobody may make is not tried again.
func TestMissed(t *testing.T) {
	for code, want := range map[errs.Code]Leaving{
		errs.NoAnswer: Unreached, errs.Busy: Unreached, errs.GuardCalls: Unreached, errs.Declined: GaveUp, errs.NoLine: NoWay,
		errs.GuardNumber: Barred, errs.GuardCountry: Barred, errs.Forbidden: Barred,
		errs.CloudAway: CutOff, errs.Congested: CutOff, errs.NodeStopped: CutOff,
	} {
		if got := missed(CauseOf(code, "")); got != want {
			t.Errorf("%s: %s, want %s", code, got, want)
		}
	}
}
