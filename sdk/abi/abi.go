// Package abi is the wire contract between hearth and its plugins: what goes
// into an invocation ([Setup], [Call]), what comes out of it ([Effects],
// [Manifest]), and the names by which host and guest find each other.
//
// The bytes are MessagePack maps with the short keys of the msg tags; a reader
// skips keys it does not know, a writer leaves out what is zero. ABI.md
// specifies them for plugins written in other languages. The package knows no
// host and no store; it imports the msgp runtime only.
//
//	host                                   guest
//	 │  instantiate, _initialize              │
//	 │  hearth_buffer(n) ──────────────────►  │  room for n bytes of input
//	 │  describe() ─────────────────────────► │  Manifest
//	 │  warm(Setup) ────────────────────────► │  config, texts, declared rows
//	 │ ═══════════ the pristine image is taken here ═══════════
//	 │  handle(Call) ───────────────────────► │
//	 │  ◄────────── kv_get, kv_scan, log ──── │  reads of its own rows
//	 │  ◄───────────────────────── Effects ── │
package abi

//go:generate go tool msgp -io=false -tests=false -file event.go -o event_gen.go
//go:generate go tool msgp -io=false -tests=false -file effects.go -o effects_gen.go
//go:generate go tool msgp -io=false -tests=false -file content.go -o content_gen.go
//go:generate go tool msgp -io=false -tests=false -file manifest.go -o manifest_gen.go
//go:generate go tool msgp -io=false -tests=false -file state.go -o state_gen.go
//go:generate go tool msgp -io=false -tests=false -file migrate.go -o migrate_gen.go

// Version is the ABI that this package describes; hearth_abi returns it.
const Version = 1

// Exports of a guest. Each takes the length n of its input, which the host has
// written to the address that the last hearth_buffer call returned, and returns
// where its output lies: address<<32 | length.
const (
	ExportVersion  = "hearth_abi"    // () → i32: the ABI version, required
	ExportBuffer   = "hearth_buffer" // (n i32) → i32: an address with room for n bytes, required
	ExportDescribe = "describe"      // (0) → Manifest, required
	ExportHandle   = "handle"        // (Call) → Effects, required
	ExportWarm     = "warm"          // (Setup) → nothing; builds memory that the image keeps
	ExportQuery    = "query"         // (Query) → View; reads only
	ExportMigrate  = "migrate"       // (Migration) → Migrated; one bounded step to another state version
)

// Imports of a guest, beside WASI's clock, random and stdio.
const (
	ImportModule = "hearth"

	// ImportGet is (key, key_len, buf, cap i32) → i32: the length of the value,
	// or -1 if there is none. If the length is more than cap, nothing is written
	// and the guest asks again with more room.
	ImportGet = "kv_get"

	// ImportScan is (scan, scan_len, buf, cap i32) → i32: a Scan in, the length
	// of the encoded Rows out, with ImportGet's rule about room.
	ImportScan = "kv_scan"

	// ImportLog is (level, text, len i32): one line of at most MaxLog bytes.
	ImportLog = "log"
)

// Levels of ImportLog.
const (
	LogDebug = iota
	LogInfo
	LogWarn
	LogError
)

// Bounds of one invocation. What goes beyond is refused with an error that
// names the bound, and nothing of the invocation is committed.
const (
	MaxEffects  = 64        // entries of Effects.Out
	MaxWrites   = 48        // entries of Effects.Writes
	MaxAdds     = 16        // entries of Effects.Adds
	MaxReads    = 96        // checked rows an invocation may read
	MaxScan     = 48        // rows of one checked scan
	MaxScans    = 16        // checked scans of an invocation
	MaxRelaxed  = 1 << 20   // bytes of one relaxed scan
	MaxKey      = 256       // bytes of a state key
	MaxName     = 128       // bytes of the name or key of a message, timer, action, button, form or event
	MaxValue    = 64 << 10  // bytes of a state value
	MaxOutput   = 256 << 10 // bytes of encoded Effects
	MaxInput    = 1 << 20   // bytes of an encoded Call
	MaxSetup    = 8 << 20   // bytes of an encoded Setup, whose warm rows have at most MaxRelaxed under each prefix
	MaxNote     = 4 << 10   // bytes of a note
	MaxText     = 32 << 10  // bytes of all texts of one message
	MaxBlocks   = 40        // of one message
	MaxButtons  = 25        // of one message
	MaxFields   = 20        // of one message, and of one form
	MaxLog      = 1 << 10   // bytes of one log line
	MaxLogLines = 100       // log lines of an invocation
	MaxDepth    = 16        // links of a causal chain
	MaxExamples = 16        // of a manifest
	MaxShown    = 32        // experiments shown by one message
)
