package pack

import (
	"bytes"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// TestReadAndWrite takes a pack through a zip: what Read reads is what Load
// needs, and nothing is lost.
func TestReadAndWrite(t *testing.T) {
	in := changed(t, map[string]string{"README.md": "no part of it", "hello/notes.txt": "neither", "stages.fr.json": "{}"})
	files, others, err := Read(in)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"README.md", "hello/notes.txt", "stages.fr.json"}; !slices.Equal(others, want) {
		t.Errorf("beside it lie %q, want %q", others, want)
	}
	var b bytes.Buffer
	if err := WriteZip(&b, files); err != nil {
		t.Fatal(err)
	}
	fsys, err := OpenZip(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	again, others, err := Read(fsys)
	if err != nil || len(others) > 0 || !maps.Equal(files, again) {
		t.Errorf("%v, %q, %d files of %d", err, others, len(again), len(files))
	}
	p, err := Load(fsys)
	if err != nil || len(p.Tasks) != 4 {
		t.Fatal(err)
	}
	files["path.txt"] = PathText(p.Stages)
	if q, err := Load(inMemory(files)); err != nil || PathText(q.Stages) != files["path.txt"] {
		t.Errorf("%v", err)
	}
}

func inMemory(files map[string]string) fs.FS {
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

func TestReadRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"what is not UTF-8": {map[string]string{"path.txt": "\xff"}, "path.txt: it is not UTF-8"},
		"too much":          {map[string]string{"a/task.md": strings.Repeat("x", MaxBytes), "b/task.md": "y"}, "more than 1024 KiB"},
	} {
		if _, _, err := Read(inMemory(c.files)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	many := map[string]string{}
	for i := range maxOthers + 1 {
		many["x/"+strings.Repeat("y", i%50)+string(rune('a'+i/50))] = ""
	}
	if _, _, err := Read(inMemory(many)); err == nil || !strings.Contains(err.Error(), "is this the right folder?") {
		t.Errorf("many others: %v", err)
	}
}

// TestTranslated lays a pack in English over one in two languages.
func TestTranslated(t *testing.T) {
	below, _, err := Read(sample)
	if err != nil {
		t.Fatal(err)
	}
	files := maps.Clone(below)
	var gone []string
	maps.DeleteFunc(files, func(name, _ string) bool {
		zh := strings.Contains(name, "zh-CN")
		if zh {
			gone = append(gone, name)
		}
		return zh
	})
	slices.Sort(gone)
	if added := Translated(files, below); len(gone) < 2 || !slices.Equal(added, gone) {
		t.Fatalf("added %q, want %q", added, gone)
	}
	p, err := Load(inMemory(files))
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range p.Tasks {
		if task.Title["zh-CN"] != "" && task.Title["zh-CN"] != task.Title["en"] {
			t.Errorf("%s is still called %q in Chinese", task.ID, task.Title["zh-CN"])
		}
	}
}

// FuzzZip opens whatever comes as a zip: it is read within its bounds, and what
// is read can be written and read again.
func FuzzZip(f *testing.F) {
	for _, extra := range []string{"", "../evil", "a\\b", "bomb", "sample/hello/task.md"} {
		r, size := zipped(f, "sample/", extra, []byte("x"))
		b := make([]byte, size)
		if _, err := r.ReadAt(b, 0); err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Fuzz(func(t *testing.T, b []byte) {
		fsys, err := OpenZip(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		_, _ = Load(fsys) // must come to an end
		files, _, err := Read(fsys)
		if err != nil {
			return
		}
		size := 0
		for name, text := range files {
			if size += len(text); !IsFile(name) || !fs.ValidPath(name) || size > MaxBytes {
				t.Fatalf("%q, %d bytes", name, size)
			}
		}
		var out bytes.Buffer
		if err := WriteZip(&out, files); err != nil {
			t.Fatal(err)
		}
		again, err := OpenZip(bytes.NewReader(out.Bytes()), int64(out.Len()))
		if err != nil {
			t.Fatal(err)
		}
		if same, _, err := Read(again); err != nil || files["path.txt"] != "" && !maps.Equal(files, same) {
			t.Fatalf("%v", err)
		}
	})
}
