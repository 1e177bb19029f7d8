//go:build race

package channel

// raced says that the race detector makes stacks larger than they are.
const raced = true
