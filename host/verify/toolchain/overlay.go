package toolchain

import (
	"embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The tools are built with what makes an image of them possible: a function that
// gets them ready and one that runs them, in place of a start that does both; and
// a linker that can read the library's archives first and the program later.
// What is added lies in overlay; what is changed of Go's own text is below, line
// by line. Where a line is not there just once this is another Go, and the tools
// are built as they are.

//go:embed overlay
var overlayFiles embed.FS

// added are files of a tool's packages, below src/cmd, that are new or come in
// place of Go's.
var added = map[string]map[string]string{
	Compile: {"compile/main.go": "compile.go.txt", "compile/hearth_args.go": "args.go.txt"},
	Link: {"link/main.go": "link.go.txt", "link/hearth_args.go": "args.go.txt",
		"link/internal/ld/hearth.go": "ld.go.txt", "link/internal/loader/hearth.go": "loader.go.txt", "link/internal/wasm/hearth.go": "wasm.go.txt"},
}

// runtimeOnly is the overlay of package runtime, as overlay has it.
const runtimeOnly = "runtime"

// change is a line of a file below src/cmd and what takes its place.
type change struct{ file, old, new string }

var changed = map[string][]change{
	runtimeOnly: changedRuntime,
	Compile: {
		// The compilers for other machines are left out.
		{
			file: "compile/internal/ssa/config.go",
			old: `func NewConfig(arch string, types Types, ctxt *obj.Link, optimize, softfloat bool) *Config {
`,
			new: `func NewConfig(_ string, types Types, ctxt *obj.Link, optimize, softfloat bool) *Config {
	const arch = "wasm"
`,
		},

		// Wrappers for the methods of shapes, which stand for type arguments in the
		// code that instances share, are called by nobody: what has a shape is asked
		// by its dictionary.
		{
			file: "compile/internal/noder/reader.go",
			old: `	if !needed {
		// Only called to add to 'seen'.
		return
	}

	if !typ.IsInterface() {
`,
			new: `	if !needed || typ.HasShape() {
		return
	}

	if !typ.IsInterface() {
`,
		},
	},
	Link: {
		// What was read early is not read again.
		{
			file: "link/internal/ld/lib.go",
			old: `	ctxt.loader = loader.NewLoader(flags, &ctxt.ErrorReporter.ErrorReporter)
`,
			new: `	ctxt.loader = ctxt.takeEarly(flags)
`,
		},
		{
			file: "link/internal/ld/lib.go",
			old: `	pkg := objabi.PathToPrefix(lib.Pkg)

	if ctxt.Debugvlog > 1 {
`,
			new: `	if earlyLibs[lib] {
		return
	}
	pkg := objabi.PathToPrefix(lib.Pkg)

	if ctxt.Debugvlog > 1 {
`,
		},
		{
			file: "link/internal/loader/loader.go",
			old: `func (l *Loader) LoadSyms(arch *sys.Arch) {
`,
			new: `func (l *Loader) loadSymsAtOnce(arch *sys.Arch) {
`,
		},
		{
			file: "link/internal/loader/loader.go",
			old: `		gi := l.LookupOrCreateSym(name, v)
`,
			new: `		gi, known := l.lookupRef(r, i, name, v)
		if !known {
			continue
		}
`,
		},

		// Buckets of sixteen functions: see changedRuntime.
		{
			file: "link/internal/ld/pcln.go",
			old: `	SUBBUCKETSIZE = abi.FuncTabBucketSize / SUBBUCKETS
`,
			new: `	SUBBUCKETSIZE = bucketSize / SUBBUCKETS
`,
		},
		{
			file: "link/internal/ld/pcln.go",
			old: `	nbuckets := int32((max - min + abi.FuncTabBucketSize - 1) / abi.FuncTabBucketSize)
`,
			new: `	nbuckets := int32((max - min + bucketSize - 1) / bucketSize)
`,
		},

		// Most symbols are those of what is not linked.
		{
			file: "link/internal/ld/symtab.go",
			old: `	for s := loader.Sym(1); s < nsym; s++ {
		if (!ctxt.IsExternal()`,
			new: `	for s := loader.Sym(1); s < nsym; s++ {
		if !ldr.AttrReachable(s) {
			continue
		}
		if (!ctxt.IsExternal()`,
		},

		// A tenth of a link went into names that -s drops, and into buffers that grow
		// byte by byte.
		{
			file: "link/internal/wasm/asm.go",
			old: `		name := nameRegexp.ReplaceAllString(ldr.SymName(fn), "_")
`,
			new: `		name := ""
		if !*ld.FlagS {
			name = nameRegexp.ReplaceAllString(ldr.SymName(fn), "_")
		}
`,
		},
		{
			file: "link/internal/wasm/asm.go",
			old: `			P := ldr.Data(fn)
`,
			new: `			P := ldr.Data(fn)
			wfn.Grow(len(P) + 5*relocs.Count())
`,
		},
		{
			file: "link/internal/wasm/asm.go",
			old: `	ctxt.Out.Write([]byte{0x00, 0x61, 0x73, 0x6d}) // magic
`,
			new: `	ctxt.Out.Reserve(sizeOf(fns))
	ctxt.Out.Write([]byte{0x00, 0x61, 0x73, 0x6d}) // magic
`,
		},
	},
}

// changedRuntime is what the runtime has to know of the linker's changes. The table
// by which a function is found by its program counter has a bucket for 4096 of
// them. On wasm a function has 1<<16, whatever its size, so sixteen buckets say the
// same: 30,000 data segments and a quarter of the work of a link for hello, world.
// With one bucket for sixteen functions, as on other machines, there are few.
var changedRuntime = []change{
	{
		file: "../runtime/symtab.go",
		old: `	b := x / abi.FuncTabBucketSize
`,
		new: `	b := x / (16 << 16)
`,
	},
	{
		file: "../runtime/symtab.go",
		old: `	i := x % abi.FuncTabBucketSize / (abi.FuncTabBucketSize / nsub)
`,
		new: `	i := x % (16 << 16) / ((16 << 16) / nsub)
`,
	},
}

// errOverlay says that this Go's tools are not those that the overlay is for.
type errOverlay struct {
	file string
	line string
	n    int
}

func (e *errOverlay) Error() string {
	return fmt.Sprintf("src/cmd/%s has the line %q %d times instead of once", e.file, strings.TrimSpace(e.line), e.n)
}

// overlay writes the overlay of a tool below dir, and returns the path of what
// go build's -overlay wants.
func overlay(tool, goroot, dir string) (string, error) {
	replace := map[string]string{}
	put := func(name string, text []byte) error {
		path := filepath.Join(dir, tool+"-overlay", filepath.FromSlash(name))
		replace[filepath.Join(goroot, "src", "cmd", filepath.FromSlash(name))] = path
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		return os.WriteFile(path, text, 0o600)
	}
	for name, from := range added[tool] {
		text, err := overlayFiles.ReadFile("overlay/" + from)
		if err != nil {
			return "", err
		}
		if err := put(name, text); err != nil {
			return "", err
		}
	}
	texts := map[string]string{}
	for _, c := range changed[tool] {
		text, ok := texts[c.file]
		if !ok {
			b, err := os.ReadFile(filepath.Join(goroot, "src", "cmd", filepath.FromSlash(c.file)))
			if err != nil {
				return "", err
			}
			text = string(b)
		}
		if n := strings.Count(text, c.old); n != 1 {
			return "", &errOverlay{c.file, c.old, n}
		}
		texts[c.file] = strings.Replace(text, c.old, c.new, 1)
	}
	for name, text := range texts {
		if err := put(name, []byte(text)); err != nil {
			return "", err
		}
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, tool+"-overlay.json")
	return path, os.WriteFile(path, list, 0o600)
}
