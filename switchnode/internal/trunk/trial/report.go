// Package trial is the test of a trunk: what each step of it shows, in words, and what an administrator is to change where one fails.
// Whoever carries a step out tells the Report; a Talk reads the messages of the call that is made, of which a Caller is the leg that
// calls.
package trial

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"strowger/pkg/fabric"
)

// maxSteps bounds a report: a phone company may ring, and say so, as often as it likes.
const maxSteps = 100

// Report is what a test has shown so far. It is safe for concurrent use.
type Report struct {
	trunk, call, number string
	began               time.Time

	mu    sync.Mutex // guards what follows
	steps []fabric.TestStep
	done  bool
}

// NewReport returns the report of a test of a trunk that begins now. number is what is to be called, by the call of that id; both are
// "" if nobody is.
func NewReport(trunk, call, number string) *Report {
	return &Report{trunk: trunk, call: call, number: number, began: time.Now()}
}

// Found adds a step that is as it should be.
func (r *Report) Found(format string, args ...any) {
	r.add(fabric.TestStep{Words: fmt.Sprintf(format, args...)})
}

// Failed adds a step that is not, and what to change.
func (r *Report) Failed(advice, format string, args ...any) {
	r.add(fabric.TestStep{Words: fmt.Sprintf(format, args...), Failed: true, Advice: advice})
}

// Noted adds a step that need not be at fault, and what may be changed all the same.
func (r *Report) Noted(advice, format string, args ...any) {
	r.add(fabric.TestStep{Words: fmt.Sprintf(format, args...), Advice: advice})
}

func (r *Report) add(s fabric.TestStep) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.steps) < maxSteps {
		s.Millis = time.Since(r.began).Milliseconds()
		r.steps = append(r.steps, s)
	}
}

// End says that nothing more comes.
func (r *Report) End() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done = true
}

// Of says whether it is a trunk that is tested.
func (r *Report) Of(trunk string) bool { return r != nil && r.trunk == trunk }

// Ended says whether nothing more comes.
func (r *Report) Ended() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.done
}

// State is what is known by now.
func (r *Report) State() fabric.TrunkTested {
	r.mu.Lock()
	defer r.mu.Unlock()
	return fabric.TrunkTested{Call: r.call, To: r.number, Steps: slices.Clone(r.steps), Done: r.done}
}
