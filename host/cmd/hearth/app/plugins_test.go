package app

import (
	"crypto/sha256"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/hearthbot/hearth/host"
)

// What comes with hearth is known by its sum and read when it is needed; what is
// another by then is not taken for it.
func TestOpenPlugin(t *testing.T) {
	files := fstest.MapFS{"a.wasm": {Data: []byte("the code")}, "large.wasm": {Data: make([]byte, host.MaxPlugin+1)}}
	b, err := openPlugin(files, "a")
	if err != nil || b.Name != "a" || b.SHA256 != sha256.Sum256([]byte("the code")) {
		t.Fatalf("%+v, %v", b, err)
	}
	if code, err := b.Code(); err != nil || string(code) != "the code" {
		t.Errorf("read as %q, %v", code, err)
	}
	files["a.wasm"] = &fstest.MapFile{Data: []byte("new code")}
	if code, err := b.Code(); code != nil || err == nil || !strings.Contains(err.Error(), "a.wasm: it was changed") {
		t.Errorf("changed meanwhile: %q, %v", code, err)
	}
	delete(files, "a.wasm")
	if _, err := b.Code(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("gone meanwhile: %v", err)
	}
	if _, err := openPlugin(files, "a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("one that is not there: %v", err)
	}
	if _, err := openPlugin(files, "large"); !errors.Is(err, host.ErrTooLarge) {
		t.Errorf("a large one: %v", err)
	}
}
