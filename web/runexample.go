package web

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"golang.org/x/tools/txtar"
)

// example is a program of the path. It is a file run/examples/NN-ID.txtar:
//
//	en: its title in English
//	en: what it shows, in a line
//	zh: both in Chinese
//	zh: …
//	-- main.go --
//	//en A comment in English
//	//zh and the same one in Chinese: each reader has one of them.
//	-- in/stdin --
//	-- in/args --
//	-- want/verdict --
//	accepted
//	-- want/stdout --
//
// What lies below in is what it reads, what lies below want is what the tests
// hold it to; each may be missing.
type example struct {
	ID                      string
	titles, abouts          [2]string // English, Chinese
	programs                [2]program
	wantVerdict, wantStdout string
}

func nth(lang string) int {
	if lang == "zh-CN" {
		return 1
	}
	return 0
}

func (e *example) title(lang string) string    { return e.titles[nth(lang)] }
func (e *example) about(lang string) string    { return e.abouts[nth(lang)] }
func (e *example) program(lang string) program { return e.programs[nth(lang)] }

// example is the one with an id, or nil.
func (p *runPage) example(id string) *example {
	for i := range p.examples {
		if p.examples[i].ID == id {
			return &p.examples[i]
		}
	}
	return nil
}

func readExamples(files fs.FS) ([]example, error) {
	names, err := fs.Glob(files, "run/examples/*.txtar") // in their order
	if err != nil {
		return nil, err
	}
	var out []example
	for _, name := range names {
		b, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		e, err := readExample(strings.TrimSuffix(path.Base(name), ".txtar"), b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out = append(out, e)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("there are no examples")
	}
	return out, nil
}

func readExample(name string, b []byte) (example, error) {
	_, id, ok := strings.Cut(name, "-")
	if !ok {
		return example{}, fmt.Errorf("the name is not NN-ID.txtar")
	}
	e := example{ID: id}
	a := txtar.Parse(b)
	for i, tag := range []string{"en: ", "zh: "} {
		var said []string
		for line := range strings.Lines(string(a.Comment)) {
			if text, ok := strings.CutPrefix(line, tag); ok {
				said = append(said, strings.TrimSpace(text))
			}
		}
		if len(said) != 2 {
			return e, fmt.Errorf("%d lines begin with %q, not a title and a description", len(said), tag)
		}
		e.titles[i], e.abouts[i] = said[0], said[1]
	}
	var programs [2][]txtar.File
	for _, f := range a.Files {
		text := string(f.Data)
		switch f.Name {
		case "in/stdin":
			e.programs[0].Stdin, e.programs[1].Stdin = text, text
		case "in/args":
			e.programs[0].Args, e.programs[1].Args = strings.TrimSpace(text), strings.TrimSpace(text)
		case "want/verdict":
			e.wantVerdict = strings.TrimSpace(text)
		case "want/stdout":
			e.wantStdout = text
		default:
			for i, other := range []string{"//zh ", "//en "} {
				programs[i] = append(programs[i], txtar.File{Name: f.Name, Data: []byte(inLanguage(text, other))})
			}
		}
	}
	for i, files := range programs {
		if len(files) == 1 {
			e.programs[i].Code = string(files[0].Data)
			continue
		}
		e.programs[i].Code = string(txtar.Format(&txtar.Archive{Files: files}))
	}
	return e, nil
}

// inLanguage leaves out the comments of the other language, and the tags of
// those that stay.
func inLanguage(text, other string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		body := strings.TrimLeft(line, "\t")
		indent := line[:len(line)-len(body)]
		switch {
		case strings.HasPrefix(body, other):
		case strings.HasPrefix(body, "//en "), strings.HasPrefix(body, "//zh "):
			b.WriteString(indent + "// " + body[len("//en "):])
		default:
			b.WriteString(line)
		}
	}
	return b.String()
}
