//go:build race

package host

// raced says that the race detector watches, under which a sandbox's compiler
// takes minutes for what takes seconds.
const raced = true
