package main

import "time"

// plan is how much is measured.
type plan struct {
	runs          int       // how often each figure is taken; the median counts
	phones        int       // registered in all, in as many parts as there are runs
	registerRates []float64 // a second; the first is that of the first REGISTER of each phone
	talkers       int       // phones that call one another: half of them call the others
	callRates     []float64 // a second, through one switch
	betweenRates  []float64 // a second, through two
	audio         []audioLoad
	pushRates     []float64 // a second
	legRates      []float64 // calls a second with a WebRTC leg
	legs          int       // WebRTC legs that are up
	sleepers      int       // devices that sleep
	held          int       // calls that are up
	waiting       int       // callers in one line
	turns         int       // that they get
	lamps         lampLoad
	soak          time.Duration // how long calls come and go
	devices       string        // in the registry of the benchmark of admissions, "few|many"
	benchtime     string        // of it
	look          time.Duration // how long servers must do little before a run is over
	each          time.Duration // how long a run is
}

// lampLoad is phones that watch, and how many lamps each has.
type lampLoad struct{ phones, each int }

// newPlan is what a whole run does, or a quick one.
func newPlan(quick bool) plan {
	if quick {
		return plan{runs: 1, phones: 90, registerRates: []float64{200}, talkers: 20, callRates: []float64{50}, betweenRates: []float64{50},
			audio:     []audioLoad{{calls: 5, packet: 50}},
			pushRates: []float64{100}, legRates: []float64{5}, legs: 10, sleepers: 40,
			held: 20, waiting: 20, turns: 5, lamps: lampLoad{phones: 5, each: 4}, soak: 2 * time.Second, devices: "1000|100000", benchtime: "200ms", look: 200 * time.Millisecond, each: time.Second / 2}
	}
	return plan{
		runs: 3, phones: 6000, registerRates: []float64{400, 2000}, talkers: 200, callRates: []float64{100, 400}, betweenRates: []float64{100, 200},
		audio:     []audioLoad{{calls: 50, packet: 50}, {calls: 200, packet: 50}, {calls: 200, packet: 250}},
		pushRates: []float64{200, 600}, legRates: []float64{10, 40}, legs: 100, sleepers: 800, // with a tenth more, a bridge takes 1024 channels from one address
		held: 500, waiting: 1000, turns: 100, lamps: lampLoad{phones: 100, each: 10}, soak: 100 * time.Second, devices: "1000|1000000", benchtime: "2s", look: time.Second, each: 5 * time.Second,
	}
}
