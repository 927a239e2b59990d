// Package meter rewrites a WebAssembly module so that it counts its own work
// and keeps all its state where the host can restore it. It knows the binary
// format and nothing else: not the engine's API, not what a plugin is.
//
// The rewritten module
//
//   - has one more mutable global, the fuel, charged as below, and calls the
//     import hearth_meter.refuel when it has fallen below zero. The host then
//     sets it to what it grants, or panics, which ends the call;
//   - exports its fuel and every mutable global of its own;
//   - has a memory whose minimum is its maximum, if [Options.MemoryPages] says so.
//
// # Where fuel is charged
//
// A unit is about one instruction. What is charged is decided by the module
// alone, never by how much is granted when, so a run burns the same fuel every
// time. Three places charge, and each compares the fuel with zero at once:
//
// Function entries pay for the code of the function outside its loops, every
// branch of it. A leaf, a function of at most 64 instructions without loops
// and calls, is left alone: each call of it is part of its caller's cost, and
// an indirect call costs as much as the dearest leaf.
//
// Loop headers pay for one turn of the loop, without the loops in it.
//
// Backward jumps, in the one kind of loop that would suffer from a charge at
// its header. Go compiles a function with calls or branches to a loop that
// dispatches on a local; each turn runs from one case towards the end, and
// most jumps lead forward to a later case:
//
//	loop $L                          ◄─────────┐
//	  block … block block                      │
//	    local.get $state                       │
//	    br_table 0 1 2 … n                     │
//	  end  ─── case 0 starts here ───          │
//	  …                                        │
//	  i32.const 2 ; local.set $state ; br $L ──┤ 2 ends below: forward, free
//	  end  ─── case 1 ───                      │
//	  …                                        │
//	  i32.const 0 ; local.set $state           │
//	    ● charge the way back to case 0        │
//	  br $L ───────────────────────────────────┤ 0 ended above: backward
//	  end  ─── case 2 ───                      │
//	  …                                        │
//	    ● charge the way back to $L            │
//	  br_if $L ────────────────────────────────┘ state unknown: as far as it can be
//	end
//
// Only an outermost loop with exactly this head is taken for one, and only a
// br right after an i32.const and local.set of its state is taken for known.
// A jump that leaves the loop through the table leads forward as well; one
// whose table entry is $L itself leads backward.
//
// Bulk operations pass their length through one added function, which charges
// a unit for 8 bytes if it is above 1 KiB. Host functions bound themselves; a
// call of one costs 64.
//
// # Why nothing runs for free
//
// Let T be the cost of a function outside its loops charged at the header, and
// q ≤ T the cost of what lies before the point of execution. The entry charges
// T; going on, forward branches included, moves q forward by at least what is
// executed; a jump back from q to q' charges q - q' and 4 for the loop's head.
// So at every point
//
//	charged ≥ executed + (T - q) ≥ executed
//
// but for the head that a forward jump runs through again, two instructions
// where the jump itself took three. Inside a loop charged at its header the
// same holds for each turn, since nothing in it leads back but that header or
// one inside, and dispatch loops are never inside. Hence
//
//   - an infinite run inside one function passes a header or a backward jump
//     infinitely often, and each charges at least 1;
//   - an infinite run of calls enters functions that are no leaves infinitely
//     often, because a leaf calls nothing; the same goes for tail calls, and
//     for trees of 2^40 calls without a loop;
//   - between two comparisons runs at most one function's worth of code, whose
//     size is bounded, so the host is asked in time.
//
// All this is about the code the engine sees, so the reader accepts only what
// has one reading (see reader), and a module that refers to a type, function
// or global beyond its own is refused: the next index is refuel, the bulk
// function or the fuel itself. Nor may it import or export the added names.
// Fuel cannot wrap: a charge is below 2^30 and is compared at once.
//
// # Stricter than the engine
//
// Refused though wazero would take them: atomics and shared memory, SIMD
// opcodes in other than their one encoding, typed references and recursive type
// groups (which wazero reads without being asked to), tables with an initial
// value, names that are not UTF-8, and whatever is beyond the bounds. A table
// may grow to 1 Mi entries at most. Custom sections other than "name" are
// dropped, as are the names of locals.
//
// # Bounds
//
// The module comes from anybody. The rewriter takes time and memory linear in
// its size, and refuses what would make the engine take more than that; see
// limits.go for what was measured.
package meter
