package meter

import "time"

// Bounds on a module. They keep not only the rewriter but also the engine
// behind it within time and memory: wazero 1.12 allocates by what a few bytes
// claim (locals, table entries), takes about 800 bytes of memory for each byte
// of the function it compiles, and its time for a function, in nanoseconds here,
// grows as
//
//	8 blocks² + blocks·locals² + 6 locals²·(sum of the depths of all loops)
const (
	DefaultMaxSize      = 32 << 20         // bytes; a plugin in Go has 2 to 8 MiB
	DefaultMaxFunctions = 100_000          // a plugin in Go has 2,000 to 5,000
	DefaultMaxCompile   = 10 * time.Second // gofmt comes to 0.4 s

	hardMaxSize  = 1 << 30 // offsets are kept in 32 bits
	maxTypes     = 100_000 // function types
	maxArity     = 1_000   // parameters, and results, of a type
	maxBody      = 1 << 20 // bytes of a function; values its calls and branches move
	maxLocals    = 50_000  // of a function; wazero's own limit
	sumLocals    = 16 << 20
	maxPages     = 1 << 16 // of memory, by the format
	maxGlobals   = 100_000
	maxTables    = 100
	maxTableSize = 1 << 20 // entries of all tables at start, and the most one may grow to
	maxSegments  = 100_000 // element segments, and data segments

	nsBlocks  = 8
	nsNesting = 6
)

// What things cost, in units of one instruction.
const (
	maxLeaf   = 64 // a leaf function no dearer than this is charged to its callers
	callCost  = 64 // a call of an imported function, or of one that is not known
	growCost  = 256
	bulkCost  = 16
	bulkSmall = 1024 // a bulk operation of up to this length costs bulkCost,
	bulkShift = 3    // a longer one also a unit for 8 bytes or table entries
	jumpCost  = 4    // the head of a dispatch loop
)
