// Package phone is a SIP phone for the demo, the scenario tests and the benchmarks: it registers, calls, answers, holds,
// sends digits, speaks G.711 from samples and records what it hears, and keeps what happened as typed events that tests
// compare.
//
// A phone is made by [New] and lives while [Phone.Run] does. Samples are 16 bits, linear, at 8,000 Hz everywhere.
package phone
