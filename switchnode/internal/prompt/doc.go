// Package prompt is what callers hear of a switch itself: music while they wait in a queue, where they stand in it, and the tone
// that says that the callee is alerted.
//
// The Library has the clips: those of the product, which make.sh makes, and in their place what the operator has in a folder of
// the same shape. A sentence is put together from clips, by the rules of its language. The Player sends them: one goroutine for all
// who listen, a packet of 20 ms each, in G.711 or G.722 as the listener's leg has it.
package prompt
