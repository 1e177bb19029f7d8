// Package upkeep is what a switch does with a server of a phone company while nobody calls: it keeps its registration there, and
// looks whether the server answers. Both are machines without clocks; package sipside speaks for them.
package upkeep
