package main

import "time"

// plan is how much is measured.
type plan struct {
	phones        int       // registered in all, in as many parts as there are runs
	registerRates []float64 // a second; the first is that of the first REGISTER of each phone
	talkers       int       // phones that call one another: half of them call the others
	callRates     []float64 // a second
	each          time.Duration
}

// newPlan is what a whole run does, or a quick one.
func newPlan(quick bool) plan {
	if quick {
		return plan{phones: 90, registerRates: []float64{200}, talkers: 20, callRates: []float64{50}, each: time.Second / 2}
	}
	return plan{
		phones: 1200, registerRates: []float64{400, 2000}, talkers: 200, callRates: []float64{100, 400}, each: 5 * time.Second,
	}
}
