//go:build race

package parse

// raced reports that the race detector runs. It makes sync.Pool forget at
// random, so that what is allocated says nothing.
const raced = true
