package meter

// Bounds on a module. They keep both the rewriter and the engine behind it
// linear: wazero spends time and memory per function times its type, per
// function times its locals, and per table entry, all of which a few bytes can
// claim by the million.
const (
	DefaultMaxSize      = 32 << 20 // bytes; a plugin in Go has 2 to 8 MiB
	DefaultMaxFunctions = 100_000  // a plugin in Go has 2,000 to 20,000

	hardMaxSize  = 1 << 30  // offsets are kept in 32 bits
	maxTypes     = 100_000  // function types
	maxArity     = 1_000    // parameters, and results, of a type
	maxBody      = 8 << 20  // bytes of one function
	maxLocals    = 49_999   // of one function; wazero's own limit is 50,000
	sumLocals    = 16 << 20 // of all functions, parameters included
	maxDepth     = 100_000  // nested blocks; Go nests one for each resume point
	maxGlobals   = 100_000
	maxTables    = 100
	maxTableSize = 1 << 20 // entries of all tables at start, and the largest maximum
	maxSegments  = 100_000 // element segments, and data segments
)

// What things cost, in units of one instruction.
const (
	maxLeaf   = 64 // a leaf function no dearer than this is charged to its callers
	callCost  = 64 // a call of an imported function, or of one that is not known
	growCost  = 256
	bulkCost  = 16
	bulkSmall = 1024 // a bulk operation of up to this length costs bulkCost,
	bulkShift = 3    // a longer one also a unit for 8 bytes or table entries
	jumpCost  = 4    // the prologue of a dispatch loop
)
