package pack

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

// sample is the pack of the plugin's own tests.
var sample = os.DirFS("../testdata/pack")

func TestLoad(t *testing.T) {
	p, err := Load(sample)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Stages) != 2 || len(p.Start()) != 3 || len(p.Tasks) != 4 {
		t.Fatalf("%d stages, %d tasks to start with of %d", len(p.Stages), len(p.Start()), len(p.Tasks))
	}
	sum := p.Task("sum")
	if sum.Number != 4 || sum.Stage != "go-on" || sum.Kind != Program || sum.Minutes != 10 || sum.Tool != "go run" || sum.Stdin != "3 4\n" {
		t.Errorf("%+v", sum)
	}
	if !strings.HasSuffix(sum.Text.In("en"), "## not a heading\n```") {
		t.Errorf("the text ends differently: %q", sum.Text.In("en"))
	}
	if !sum.Printed("7  \r\n\n") || sum.Printed("7 8") || sum.Printed("\n7") {
		t.Error("white space at the ends is forgiven, and nothing else")
	}
	hello := p.Task("hello")
	if got := hello.Title.In("zh-SG"); got != "你好，世界" {
		t.Errorf("zh-SG: %s", got)
	}
	if got := hello.Title.In("fr"); got != "Hello, world" {
		t.Errorf("fr: %s", got)
	}
	if got := hello.Hints[2].In("en"); got != "Put `fmt.Println(\"Hello, world\")` between the braces." {
		t.Errorf("hint 3: %s", got)
	}
	if p.Next("hello").ID != "module" || p.Next("test").ID != "sum" || p.Next("sum") != nil || p.Next("none") != nil {
		t.Error("Next does not follow path.txt")
	}
	if p.Stage("go-on").Title.In("en") != "Going on" || p.Stage("none") != nil || p.Task("none") != nil {
		t.Error("a stage or task is not found, or one that is not there is")
	}
	if ids := p.Untranslated("zh-CN"); len(ids) > 0 {
		t.Errorf("untranslated: %v", ids)
	}
}

// changed is the sample with some files put in another's place; "" takes one out.
func changed(t testing.TB, files map[string]string) fstest.MapFS {
	t.Helper()
	m := fstest.MapFS{}
	err := fs.WalkDir(sample, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(sample, name)
		m[name] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if m[name] = (&fstest.MapFile{Data: []byte(text)}); text == "" {
			delete(m, name)
		}
	}
	return m
}

func TestProblemsSayWhereAndWhatToDo(t *testing.T) {
	task := "---\nkind: program\n---\n# Hello\n\nText.\n\n## Hint 1\na\n## Hint 2\nb\n## Hint 3\nc\n"
	code := "-- starter/hello.go --\npackage main\n-- solution/hello.go --\npackage main\n-- want --\nhi\n"
	paste := "-- starter/paste.txt --\na\n-- solution/paste.txt --\nb\n"
	for _, c := range []struct{ file, text, want string }{
		{"path.txt", "", "path.txt: there is none; write the stages"},
		{"path.txt", "hello\n", "path.txt:1: the task hello is in no stage; open one before it: # start"},
		{"path.txt", "# start\nhello\n\nhello\n", "path.txt:4: the task hello is there twice"},
		{"path.txt", "# start\nHello\n", `path.txt:2: "Hello" is no id`},
		{"path.txt", "# start\nhello\n# go-on\n# start\nsum\n", "path.txt:4: the stage start is opened twice"},
		{"path.txt", "# go-on\nhello\n", "path.txt: the first stage is not start; begin with the line # start"},
		{"path.txt", "# start\nhello\n# go-on\n", "path.txt: the stage go-on has no tasks"},
		{"path.txt", "# start\nmore\n# go-on\nsum\n", "more/task.md: there is none; write it, or take more out of path.txt"},
		{"path.txt", "# start\n" + strings.Repeat("a\n", 2), "path.txt:3: the task a is there twice"},
		{"stages.en.json", "", `stages.en.json: there is none; give each stage of path.txt a title: {"start": "…"}`},
		{"stages.en.json", `{"start": "Begin"}`, `stages.en.json: the stage go-on has no title; add "go-on": "…"`},
		{"stages.zh-CN.json", "{\n  \"start\": 1\n}", "stages.zh-CN.json:2: it is no object from stage to title"},
		{"hello/task.md", strings.TrimPrefix(task, "---\n"), "hello/task.md:1: it does not begin with its front matter"},
		{"hello/task.md", strings.Replace(task, "program", "quiz", 1), `hello/task.md:2: there is no kind "quiz"; it is program, test or paste`},
		{"hello/task.md", strings.Replace(task, "kind: program\n", "", 1), "hello/task.md:1: the front matter does not say the kind"},
		{"hello/task.md", strings.Replace(task, "program\n", "program\nminutes: soon\n", 1), `hello/task.md:3: "soon" is no number of minutes`},
		{"hello/task.md", strings.Replace(task, "program\n", "program\ncolour: red\n", 1), `hello/task.md:3: there is no setting "colour"`},
		{"hello/task.md", strings.Replace(task, "program\n", "program\nnothing\n", 1), `hello/task.md:3: "nothing" is no setting`},
		{"hello/task.md", strings.Replace(task, "program\n", "program\nstdin: \"a\n", 1), `hello/task.md:3: stdin`},
		{"hello/task.md", "---\nkind: program\n", "hello/task.md:1: the front matter does not end"},
		{"hello/task.md", strings.Replace(task, "# Hello", "Hello", 1), "hello/task.md:4: it does not begin with its title"},
		{"hello/task.md", strings.Replace(task, "## Hint 2", "## Hint 3", 1), `hello/task.md:10: the heading "Hint 3" has no place here`},
		{"hello/task.md", strings.Replace(task, "## Hint 3\nc\n", "", 1), "hello/task.md: there are 2 hints, not three; add ## Hint 3"},
		{"hello/task.md", strings.Replace(task, "\nb\n", "\n\n", 1), "hello/task.md: hint 2 is empty; write it"},
		{"hello/task.md", strings.Replace(task, "Text.", "", 1), "hello/task.md: the text is empty; write it"},
		{"hello/task.md", strings.Replace(task, "Text.", "```go\nx", 1), "hello/task.md: a code block does not end; close it with ```"},
		{"hello/task.md", strings.Replace(task, "Text.", strings.Repeat("a", 7000), 1), "hello/task.md: the text has 7000 bytes, at most 6144"},
		{"hello/task.md", "\xff", "hello/task.md: it is not UTF-8"},
		{"hello/task.md", strings.Repeat("a", MaxBytes+1), "hello/task.md: with it the pack has more than 1024 KiB"},
		{"hello/task.zh-CN.md", task, "hello/task.zh-CN.md:1: it does not begin with its title"},
		{"hello/code.txtar", "", "hello/code.txtar: there is none"},
		{"hello/code.txtar", "-- want --\nhi\n", "hello/code.txtar: there is no starter/"},
		{"hello/code.txtar", "-- starter/a.go --\na\n-- want --\nhi\n", "hello/code.txtar: there is no solution/"},
		{"hello/code.txtar", strings.Replace(code, "-- want --\nhi\n", "", 1), "hello/code.txtar: a program has the file want"},
		{"hello/code.txtar", code + "-- tests/a_test.go --\na\n", "hello/code.txtar: a program has the file want"},
		{"hello/code.txtar", code + "-- want --\nhi\n", "hello/code.txtar:5: want is there twice"},
		{"hello/code.txtar", code + "-- notes --\nhi\n", `hello/code.txtar:7: "notes" has no place here`},
		{"hello/code.txtar", code + "-- starter/../a.go --\nhi\n", `hello/code.txtar:7: "starter/../a.go" is no name`},
		{"hello/code.txtar", strings.Replace(code, "package main", strings.Repeat("x", 3001), 1), "hello/code.txtar: the starter has 3002 characters"},
		{"hello/code.txtar", code + "-- accept.json --\n{}\n", "hello/code.txtar: accept.json is for tasks of kind paste"},
		{"test/code.txtar", code, "test/code.txtar: a task of kind test has tests/ and no want"},
		{"test/code.txtar", strings.Replace(code, "want", "tests/a.txt", 1), "test/code.txtar:5: tests/a.txt is no Go file"},
		{"module/code.txtar", code, "module/code.txtar: nothing is run for a paste"},
		{"module/code.txtar", paste, "module/code.txtar: a paste has rules in accept.json; there is none"},
		{"module/code.txtar", paste + "-- accept.json --\n{}\n", `module/code.txtar:5: accept.json: "any" is empty`},
		{"module/code.txtar", paste + "-- accept.json --\n{\"any\": [{\"match\": \"a\"}]}\n", "module/code.txtar:1: the rules accept starter/paste.txt"},
		{"module/code.txtar", paste + "-- accept.json --\n{\"any\": [{\"match\": \"c\"}]}\n", "module/code.txtar:3: the rules do not accept solution/paste.txt"},
		{"module/code.txtar", strings.ReplaceAll(paste, "paste.txt", "a.txt") + "-- accept.json --\n{\"any\": [{\"match\": \"b\"}]}\n", "module/code.txtar: a paste has one starter/paste.txt"},
	} {
		p, err := Load(changed(t, map[string]string{c.file: c.text}))
		if err == nil || p != nil || !strings.Contains("\n"+err.Error(), "\n"+c.want) {
			t.Errorf("%s: %v\nwant %s", c.file, err, c.want)
		}
	}
}

func TestAllProblemsAreListedWithinReason(t *testing.T) {
	var path strings.Builder
	path.WriteString("# start\n")
	for i := range MaxTasks + 1 {
		fmt.Fprintf(&path, "t%d\n", i)
	}
	_, err := Load(fstest.MapFS{"path.txt": {Data: []byte(path.String())}})
	if n := strings.Count(err.Error(), "\n"); n != 0 || !strings.Contains(err.Error(), "path.txt:202: there are more than 200 tasks") {
		t.Errorf("%d lines: %v", n+1, err)
	}
	_, err = Load(fstest.MapFS{"path.txt": {Data: []byte(strings.TrimSuffix(path.String(), "t200\n"))}})
	if n := strings.Count(err.Error(), "\n"); n != maxProblems {
		t.Errorf("%d lines: %v", n+1, err)
	}
}

// zipped is the sample below a folder of a zip, with one more file.
func zipped(t testing.TB, folder, extra string, data []byte) (*bytes.Reader, int64) {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, f := range changed(t, nil) {
		w, err := z.Create(folder + name)
		if err == nil {
			_, err = w.Write(f.Data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if extra != "" {
		if w, err := z.Create(extra); err != nil {
			t.Fatal(err)
		} else if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(b.Bytes()), int64(b.Len())
}

func TestLoadZip(t *testing.T) {
	for _, folder := range []string{"", "my-pack/", "a/b/"} {
		r, size := zipped(t, folder, folder+"sub/path.txt", nil)
		if p, err := LoadZip(r, size); err != nil || len(p.Tasks) != 4 {
			t.Errorf("%q: %v", folder, err)
		}
	}
	for _, c := range []struct {
		extra string
		data  []byte
		want  string
	}{
		{"../evil", nil, "is a path out of the zip"},
		{"/etc/passwd", nil, "is a path out of the zip"},
		{"bomb", make([]byte, MaxBytes+1), "more than 4096 KiB when it is unpacked"},
	} {
		r, size := zipped(t, "", c.extra, c.data)
		if _, err := LoadZip(r, size); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.extra, err)
		}
	}
	if _, err := LoadZip(strings.NewReader("no zip"), 6); err == nil || !strings.Contains(err.Error(), "this is no zip") {
		t.Errorf("%v", err)
	}
	if _, err := LoadZip(nil, maxZip+1); err == nil {
		t.Error("a zip beyond the bound is read")
	}
}

// TestZipThatLies has a zip say that a file is small which is not.
func TestZipThatLies(t *testing.T) {
	r, size := zipped(t, "", "", nil)
	raw := make([]byte, size)
	if _, err := r.ReadAt(raw, 0); err != nil {
		t.Fatal(err)
	}
	// The central directory's entries begin with PK\1\2 and have the size at 24.
	for i := 0; i+28 < len(raw); i++ {
		if string(raw[i:i+4]) == "PK\x01\x02" {
			copy(raw[i+24:], []byte{1, 0, 0, 0})
		}
	}
	if _, err := LoadZip(bytes.NewReader(raw), size); err == nil {
		t.Error("a zip whose sizes are wrong is read")
	}
}

func FuzzLoad(f *testing.F) {
	for _, name := range []string{"hello", "module", "test", "sum"} {
		task, _ := fs.ReadFile(sample, name+"/task.md")
		code, _ := fs.ReadFile(sample, name+"/code.txtar")
		f.Add("# start\n"+name, `{"start": "Begin"}`, string(task), string(code))
	}
	f.Add("# start\na\n# b\nc", `{"start": 1}`, "---\nkind: test\n---\n# x\n## 提示1\n", "-- starter/a.go --")
	f.Fuzz(func(t *testing.T, path, stages, task, code string) {
		m := fstest.MapFS{"path.txt": {Data: []byte(path)}, "stages.en.json": {Data: []byte(stages)}}
		for line := range strings.SplitSeq(path, "\n") {
			if id := strings.TrimSpace(line); isID(id) {
				m[id+"/task.md"], m[id+"/code.txtar"] = &fstest.MapFile{Data: []byte(task)}, &fstest.MapFile{Data: []byte(code)}
			}
		}
		p, err := Load(m)
		if (p == nil) != (err != nil) {
			t.Fatalf("%v, %v", p, err)
		}
		if p == nil {
			return
		}
		for _, task := range p.Tasks {
			if task.Title.In("zh-CN") == "" || len(task.Hints) != 3 || len(task.Starter) == 0 || p.Task(task.ID) != task {
				t.Errorf("%+v", task)
			}
			if task.Kind == Paste && !task.Accept.Check(task.Solution[0].Text).OK {
				t.Error("the solution is not accepted")
			}
		}
	})
}
