// Package wasm runs what the host does not trust: plugins, call by call, and
// commands, which are programs that run once. Neither can hang, crash, starve or
// fill the host. It is the only package that imports wazero.
//
//	Engine ── Compile ─► Plugin ── Image ─► Image ── Call ─► Result
//	          meter,                _initialize,      a sandbox, restored
//	          ABI check,            warm, warm-ups    to the image after it
//	          describe
//
// Every call starts from the same bytes: memory and globals are restored after
// each, however it ended, by copying back the pages it has written (memory.go).
// Fuel counts the guest's steps, the same every time; about every 30 µs the host
// looks at the budget, the clock and the context, and lets its own goroutines run
// (fuel.go). The guest's clock stands still, its randomness is
// the call's seed (guest.go), and of WASI it finds little more than that
// (wasi.go).
//
// A command is metered alike and runs in a new instance each time, with
// arguments, stdin, files in memory and memory that grows; its clock goes with
// the fuel it spends, so that a run is the same whenever it is repeated
// (command.go, files.go, console.go):
//
//	Engine ── Command ─► Command ── Run ─► Outcome
//	          meter,                a new instance: _start, until it exits
//	          compile or interpret
//
// A large one may be prepared once and restored to that before each run, whole
// and not by pages, for it writes most of them (prepared.go).
//
// What was compiled is kept on disk and taken from there the next time, without
// being metered or read again (cache.go, machine.go).
//
// It knows bytes and the names of the ABI: never what an event, an effect or a
// row is, who may do what, or where anything is stored. It stores nothing but
// the compile cache.
package wasm
