package wasm

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/tetratelabs/wazero"
)

// wazero reads the machine code that it has kept into memory of its own: a page
// fault for each page, and as much memory again as the system holds of the file.
// The code is the same wherever it lies, so here its pages are mapped where wazero
// would have them read to. For that it has to begin with a page of the file, and
// wazero's header before it is as long as the module has functions; so there is
// room in front:
//
//	0     8          room        room+at            room+at+n
//	├room─┤ zeros ····├── header ─┤── machine code ──┤── its CRC-32, other tables ──┤
//	                  └ as wazero wrote it           └ codeAlign divides room+at

// codeAlign is a multiple of the pages of every system.
const codeAlign = 64 << 10

// wazeroKnown is the version whose form is known here, and of which it is known
// that it reads machine code to memory that it has mapped for nothing else. For
// another, code is read and not mapped: look at deserializeCompiledModule and
// MmapCodeSegment in its source before raising this.
const wazeroKnown = "v1.12.0"

// knownWazero says whether that is what is built in. Without modules nobody can
// say, and it is what go.mod asks for: a test sees to that.
var knownWazero = sync.OnceValue(func() bool {
	info, _ := debug.ReadBuildInfo()
	return info == nil || !slices.ContainsFunc(info.Deps, func(m *debug.Module) bool {
		return m.Path == "github.com/tetratelabs/wazero" && (m.Version != wazeroKnown || m.Replace != nil)
	})
})

// fileCache is wazero's interface to what it keeps, which it does not export.
type fileCache interface {
	Get(key [32]byte) (content io.ReadCloser, ok bool, err error)
	Add(key [32]byte, content io.Reader) error
	Delete(key [32]byte) error
}

// newCodeCache is wazero's cache in a directory, but for the room and the mapping.
func newCodeCache(dir string) (wazero.CompilationCache, error) {
	c, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return nil, err
	}
	// There is no other way in: a cache is wazero's own, and a file's Read cannot
	// be anybody else's.
	field := reflect.Indirect(reflect.ValueOf(c)).FieldByName("fileCache")
	if !field.IsValid() || field.Kind() != reflect.Interface || !reflect.TypeFor[*codeCache]().Implements(field.Type()) {
		return nil, errors.New("wasm: this wazero keeps machine code in a way that is not known here")
	}
	field = reflect.NewAt(field.Type(), field.Addr().UnsafePointer()).Elem()
	files, ok := field.Interface().(fileCache)
	if !ok {
		return nil, errors.New("wasm: wazero's cache has no files")
	}
	field.Set(reflect.ValueOf(&codeCache{files}))
	return c, nil
}

// codeCache has room in front of what wazero writes, and maps what it reads.
type codeCache struct{ fileCache }

func (c *codeCache) Add(key [32]byte, content io.Reader) error {
	r := bufio.NewReaderSize(content, maxCodeHead)
	head, err := r.Peek(maxCodeHead)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	at, _ := codeBegin(head)
	room := make([]byte, 8+(codeAlign-(at+8)%codeAlign)%codeAlign)
	binary.LittleEndian.PutUint64(room, uint64(len(room)))
	return c.fileCache.Add(key, io.MultiReader(bytes.NewReader(room), r))
}

func (c *codeCache) Get(key [32]byte) (io.ReadCloser, bool, error) {
	r, ok, err := c.fileCache.Get(key)
	if !ok || err != nil {
		return nil, ok, err
	}
	file, ok := r.(*os.File)
	if !ok {
		return nil, false, errors.Join(errors.New("wasm: wazero's cache is not of files"), r.Close())
	}
	code, err := openCode(file)
	if err != nil {
		return nil, false, errors.Join(err, file.Close())
	}
	return code, true, nil
}

// maxCodeHead holds the part of wazero's header that does not grow.
const maxCodeHead = 512

// codeBegin is how many bytes of what wazero writes come before machine code; false
// if head does not begin as that does.
func codeBegin(head []byte) (at int64, ok bool) {
	const magic = "WAZEVO"
	if !bytes.HasPrefix(head, []byte(magic)) || len(head) <= len(magic) {
		return 0, false
	}
	begin := len(magic) + 1 + int(head[len(magic)]) // its version is between
	if len(head) < begin+4 {
		return 0, false
	}
	functions := binary.LittleEndian.Uint32(head[begin:])
	return int64(begin) + 4 + 8*int64(functions) + 8, true
}

// codeFile reads what wazero has written to a file.
type codeFile struct {
	file  *os.File
	room  int64
	size  int64 // of the file
	begin int64 // of the machine code in the file, and
	end   int64 // its end; both 0 if it is not to be mapped

	next   int64 // byte to be read
	buffer *bufio.Reader
}

// openCode looks at the header of a file of machine code.
func openCode(file *os.File) (*codeFile, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	f := &codeFile{file: file, size: info.Size()}
	var number [8]byte
	if _, err := file.ReadAt(number[:], 0); err != nil {
		return nil, fmt.Errorf("wasm: read the head of machine code: %w", err)
	}
	room := binary.LittleEndian.Uint64(number[:])
	if room < 8 || room > 8+codeAlign || int64(room) > f.size {
		return nil, fmt.Errorf("wasm: machine code cannot begin at byte %d", room)
	}
	f.room = int64(room)
	f.seek(f.room)
	head := make([]byte, min(maxCodeHead, f.size-f.room))
	if _, err := file.ReadAt(head, f.room); err != nil {
		return nil, fmt.Errorf("wasm: read the head of machine code: %w", err)
	}
	at, ok := codeBegin(head)
	if !ok || f.room+at > f.size {
		return f, nil
	}
	if _, err := file.ReadAt(number[:], f.room+at-8); err != nil {
		return nil, fmt.Errorf("wasm: read the head of machine code: %w", err)
	}
	begin := f.room + at
	if n := binary.LittleEndian.Uint64(number[:]); n <= uint64(f.size-begin) {
		f.begin, f.end = begin, begin+int64(n)
	}
	return f, nil
}

func (f *codeFile) seek(to int64) {
	f.next = to
	f.buffer = bufio.NewReaderSize(io.NewSectionReader(f.file, to, f.size-to), codeAlign)
}

// sumCode writes all of a file of machine code to h but that itself.
func sumCode(h io.Writer, file *os.File) error {
	f, err := openCode(file)
	if err != nil {
		return err
	}
	_, err = io.Copy(h, io.MultiReader(io.NewSectionReader(file, 0, f.begin), io.NewSectionReader(file, f.end, f.size-f.end)))
	return err
}

// Read fills p unless the file ends before, as wazero expects. The machine code it
// maps there: p then is memory of wazero's that holds nothing else.
func (f *codeFile) Read(p []byte) (int, error) {
	if f.next == f.begin && int64(len(p)) == f.end-f.begin && knownWazero() {
		mapped, err := mapCode(p, f.file, f.begin)
		if err != nil {
			return 0, err
		}
		if mapped {
			f.seek(f.end)
			return len(p), nil
		}
	}
	n, err := io.ReadFull(f.buffer, p)
	f.next += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (f *codeFile) Close() error { return f.file.Close() }
