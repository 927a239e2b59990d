//go:build wasip1

package main

// pristine says that memory is put back after every event.
const pristine = true
