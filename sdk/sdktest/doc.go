// Package sdktest runs a plugin natively under go test, with a small community
// around it: members who join, write and press buttons, a clock that the test
// moves, rows, timers, and what each member would see.
//
// A transcript says it best: a txtar file whose section "transcript" has a line
// beginning with ">" for each thing that happens, and under it what the plugin
// did. [Transcripts] runs them; "go test -update" writes what the plugin did.
//
//	A newcomer is greeted by name.
//	-- setup --
//	locale zh-CN
//	-- transcript --
//	> ann joins #general
//	to ann, key hello, expires 1d
//	    欢迎，Ann！
//
// A test that needs more says it in Go, with [New] and a [Member]'s methods.
//
// It holds a plugin to what the host does: the ABI's bounds, the capabilities
// that its manifest asks for, and determinism (each event is handled twice, and
// both times the effects have to be the same bytes). It does not run the
// WebAssembly module; nothing here is needed to run a plugin in production.
package sdktest
