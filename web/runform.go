package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/tools/txtar"

	"github.com/hearthbot/hearth/host/verify/source"
	"github.com/hearthbot/hearth/web/page"
)

// Bounds on what a form of /run may bring.
const (
	maxRunForm  = 448 << 10        // bytes, every character escaped
	runBodyTime = 20 * time.Second // for it to arrive in
)

// program is what the page's editor holds.
type program struct {
	Code  string // one file, or several with markers, as source.Parse has them
	Stdin string
	Args  string // one line, as in a shell
}

// submitted is a form as it came.
type submitted struct {
	program
	Example string // the example that was begun with, "" for none
	Lang    string // "en" or "zh-CN"
}

// refusal is a request that cannot be answered as it was meant.
type refusal struct {
	status int
	key    string // of the text that says why
	args   []any
	wait   time.Duration // before it makes sense to try again; 0 if that is not known
}

func (e *refusal) Error() string { return "web: /run: " + e.key }

func refused(status int, key string, args ...any) *refusal {
	return &refusal{status: status, key: key, args: args}
}

// bound lets a client have so many requests under way, of so many bytes, in so
// much time. What is read of a form is in memory.
func (p *runPage) bound(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leave, ok := p.limits.Enter(page.ClientOf(r, p.o.Proxies))
		if !ok {
			e := refused(http.StatusTooManyRequests, "error.many")
			e.wait = time.Second
			w.Header().Set("Connection", "close") // rather than read what is sent
			p.fail(w, r, &submitted{Lang: p.language(w, r)}, e)
			return
		}
		defer leave()
		c := http.NewResponseController(w)
		_ = c.SetReadDeadline(time.Now().Add(runBodyTime)) // net/http lifts it once the body is read; not every connection has deadlines
		r.Body = http.MaxBytesReader(w, r.Body, maxRunForm)
		if err := r.ParseForm(); err != nil {
			status, key := http.StatusBadRequest, "error.form"
			if big := (*http.MaxBytesError)(nil); errors.As(err, &big) {
				status, key = http.StatusRequestEntityTooLarge, "error.large"
			}
			p.fail(w, r, &submitted{Lang: p.language(w, r)}, refused(status, key))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// form is what a request brought, mended where browsers change it: line ends
// become "\n".
func (p *runPage) form(w http.ResponseWriter, r *http.Request) *submitted {
	lines := strings.NewReplacer("\r\n", "\n", "\r", "\n")
	f := &submitted{Lang: p.language(w, r), Example: r.PostForm.Get("example")}
	f.Code, f.Stdin = lines.Replace(r.PostForm.Get("code")), lines.Replace(r.PostForm.Get("stdin"))
	f.Args = strings.TrimSpace(r.PostForm.Get("args"))
	if e := p.example(f.Example); e == nil || e.program(f.Lang) != f.program {
		f.Example = "" // it has become something else
	}
	return f
}

// submission is what the verifier is asked for. The error is a *refusal, or a
// *source.ParseError.
func (f *submitted) submission() (Submission, error) {
	files, err := source.Parse("", f.Code)
	if err != nil {
		return Submission{}, err
	}
	args, ok := splitArgs(f.Args)
	if !ok {
		return Submission{}, refused(http.StatusUnprocessableEntity, "error.args")
	}
	s := Submission{Files: map[string]string{}, Stdin: f.Stdin, Args: args, Locale: f.Lang}
	for _, file := range files {
		s.Files[file.Name] = file.Text
	}
	return s, nil
}

// splitArgs takes a line apart as a shell does: at spaces, but not in quotes;
// a backslash keeps the next character from meaning anything. It returns false
// for a quote that is not closed.
func splitArgs(line string) ([]string, bool) {
	var args []string
	var word strings.Builder
	in, begun, escaped := rune(0), false, false
	for _, r := range line {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && in != '\'':
			escaped, begun = true, true
		case in != 0:
			if r == in {
				in = 0
			} else {
				word.WriteRune(r)
			}
		case r == '"' || r == '\'':
			in, begun = r, true
		case r == ' ' || r == '\t' || r == '\n':
			if begun {
				args = append(args, word.String())
				word.Reset()
				begun = false
			}
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	if begun {
		args = append(args, word.String())
	}
	return args, in == 0 && !escaped
}

// starts are the lines of text, from 0, at which its files begin: those that
// source.Parse finds in it.
func starts(text string) map[string]int {
	a := txtar.Parse([]byte(text))
	at := map[string]int{}
	line := strings.Count(string(a.Comment), "\n")
	for _, f := range a.Files {
		line++ // the marker
		if _, ok := at[f.Name]; !ok {
			at[f.Name] = line
		}
		line += strings.Count(string(f.Data), "\n")
	}
	if _, ok := at[source.DefaultName]; !ok {
		at[source.DefaultName] = 0
	}
	return at
}

// offset is the place of a line from 1 and a column in bytes from 1 in text, in
// the UTF-16 units that browsers count; -1 if there is no such line.
func offset(text string, line, column int) int {
	units := func(s string) int {
		n := 0
		for _, r := range s {
			n++
			if r > 0xffff {
				n++
			}
		}
		return n
	}
	at := 0
	for ; line > 1; line-- {
		before, rest, ok := strings.Cut(text, "\n")
		if !ok {
			return -1
		}
		at += units(before) + 1
		text = rest
	}
	text, _, _ = strings.Cut(text, "\n")
	n := min(max(column-1, 0), len(text))
	for n > 0 && n < len(text) && !utf8.RuneStart(text[n]) {
		n--
	}
	return at + units(text[:n])
}

// fail answers with why not.
func (p *runPage) fail(w http.ResponseWriter, r *http.Request, f *submitted, e *refusal) {
	t := runTexts(f.Lang)
	if e.wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(seconds(e.wait)))
	}
	text := t.Say(e.key, e.args...)
	if scripted(r) {
		answerScript(w, e.status, scriptAnswer{Sorry: text})
		return
	}
	p.show(w, r, e.status, &runView{Program: *f, Sorry: text})
}

// scripted says whether the page's script asks, which puts answers into the
// page; without it whole pages go back and forth.
func scripted(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "application/json") || streamed(r)
}

// scriptAnswer is what the page's script learns, one line of a stream included.
type scriptAnswer struct {
	Say   string `json:"say,omitempty"`   // what to tell the person at once, such as how it goes
	Sorry string `json:"sorry,omitempty"` // why there is no answer
	HTML  string `json:"html,omitempty"`  // what to show; it is the end
	Code  string `json:"code,omitempty"`  // what the editor is to hold now
}

func answerScript(w http.ResponseWriter, status int, a scriptAnswer) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(a) // an error says that the browser has gone
}
