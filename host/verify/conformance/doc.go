// Package conformance holds the verifier to Go: programs that nobody wrote for
// hearth do in it what they do elsewhere. It has nothing but tests, which go the
// whole way of package verify with the real compiler.
//
//   - Go's own run tests (GOROOT/test) are built by `go build` and run in plain
//     wazero, and go through the verifier: output and exit code are the same. A
//     fixed tenth runs in `go test`, all of them in `make conformance`, which
//     prints a table. testdata/excluded.txt lists what is left out, and why.
//   - Programs made by a grammar that knows what they print: the verifier says
//     so too. Broken, they end in a verdict like any others.
package conformance
