package web

import (
	"errors"
	"fmt"
	"go/format"
	"net/http"
	"strings"

	"golang.org/x/tools/txtar"

	"github.com/hearthbot/hearth/host/verify/screen"
	"github.com/hearthbot/hearth/host/verify/source"
	"github.com/hearthbot/hearth/web/page"
)

// format lays the editor's text out as gofmt does.
func (p *runPage) format(w http.ResponseWriter, r *http.Request) {
	f := p.form(w, r)
	if wait, ok := p.limits.Take("format", page.ClientOf(r, p.o.Proxies), formatRate); !ok {
		no := refused(http.StatusTooManyRequests, "error.often", seconds(wait))
		no.wait = wait
		p.fail(w, r, f, no)
		return
	}
	select {
	case p.formatting <- struct{}{}: // one at a time: of the strangest text it takes half a second
	case <-r.Context().Done():
		return
	}
	code, err := formatted(f.Code)
	<-p.formatting
	var no *refusal
	if errors.As(err, &no) {
		p.fail(w, r, f, no)
		return
	}
	if err != nil {
		p.fail(w, r, f, refused(http.StatusUnprocessableEntity, "error.format", page.Printable(source.Cut(err.Error(), 300))))
		return
	}
	if scripted(r) {
		say := "run.formatted"
		if code == f.Code {
			say = "run.unchanged"
		}
		answerScript(w, http.StatusOK, scriptAnswer{Code: code, Say: runTexts(f.Lang).Say(say)})
		return
	}
	f.Code = code
	p.show(w, r, http.StatusOK, &runView{Program: *f})
}

// formatted is a text with its Go files formatted. What is too deeply nested is
// refused before: of 64 KiB of opening braces gofmt makes gigabytes of tabs.
func formatted(code string) (string, error) {
	files, err := source.Parse("", code)
	if err != nil {
		return "", err
	}
	anything := screen.Rules{Imports: func(string) bool { return true }, Unsafe: true, Library: true}
	for _, d := range screen.Screen(files, nil, anything) {
		if d.Code == "screen/syntax" || d.Code == "screen/nesting" {
			return "", fmt.Errorf("%s:%d:%d: %s", d.File, d.Line, d.Column, d.Message)
		}
	}
	size := 0
	tidy := func(text string) (string, error) {
		out, err := format.Source([]byte(text))
		if size += len(out); err == nil && size > source.MaxSize {
			return "", refused(http.StatusUnprocessableEntity, "error.grown")
		}
		return string(out), err
	}
	a := txtar.Parse([]byte(code))
	if len(files) > len(a.Files) { // the first has no marker
		head, err := tidy(files[0].Text)
		if err != nil {
			return "", err
		}
		a.Comment = []byte(head)
	}
	for i, f := range a.Files {
		if !strings.HasSuffix(f.Name, ".go") || len(f.Data) == 0 {
			continue
		}
		text, err := tidy(string(f.Data))
		if err != nil {
			return "", fmt.Errorf("%s: %w", f.Name, err)
		}
		a.Files[i].Data = []byte(text)
	}
	return string(txtar.Format(a)), nil
}

// translate shows the same in the other language. An example that nobody has
// changed has its comments in that language too.
func (p *runPage) translate(w http.ResponseWriter, r *http.Request) {
	f := p.form(w, r)
	e := p.example(f.Example)
	f.Lang = page.KnownLanguage(r.PostForm.Get("to"))
	if pages := p.s.o.Pages; pages != nil {
		pages.Choose(w, r, f.Lang)
	}
	if e != nil {
		f.program = e.program(f.Lang)
	}
	p.show(w, r, http.StatusOK, &runView{Program: *f})
}
