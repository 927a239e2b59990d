// Package people is the pages about members: the directory at /members, and at
// /members/{id} what is known of one, with all that is kept of them to download,
// and the way to forget them. It owns what those pages show. It must not know
// how anything is kept or erased.
//
// The pages are for managers, as the same is in the API: who only looks at how
// the community does need not see its people. Forgetting is for admins, because
// nobody can take it back.
//
// It stores nothing.
package people

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

//go:embed html
var files embed.FS

// Options say what the pages work with. All but Link are required.
type Options struct {
	Frame   *page.Frame
	Members web.Members

	// Link says that a GitHub account is a member's, "" that none is any more; it is
	// on record. ErrHandle says that GitHub has no such names, a *TakenError that it
	// is another's: then move takes it from them. nil leaves that out.
	Link func(ctx context.Context, who audit.Who, id, handle string, move bool, why string) error
}

// ErrHandle says that no GitHub account can have a name.
var ErrHandle = errors.New("people: no GitHub account can have that name")

// TakenError says whose a GitHub account is.
type TakenError struct{ Member string }

func (e *TakenError) Error() string { return "people: the account is that of " + e.Member }

type pages struct {
	*page.Set
	members web.Members
	link    func(ctx context.Context, who audit.Who, id, handle string, move bool, why string) error
}

const (
	perPage    = 50
	maxQuery   = 100 // bytes, as the directory takes
	maxForm    = 8 << 10
	maxWhy     = 500             // bytes
	forgetTime = 5 * time.Minute // all that is kept is looked through
)

// Register registers the pages with the frame.
func Register(o Options) error {
	if o.Frame == nil || o.Members == nil {
		return errors.New("people: Options.Frame or Options.Members is missing")
	}
	set, err := o.Frame.NewSet(files, words, "html/*.html")
	if err != nil {
		return fmt.Errorf("people: %w", err)
	}
	p := &pages{set, o.Members, o.Link}
	set.Menu(page.Item{Path: "/members", Key: "members", Need: access.Manager})
	f := o.Frame
	f.Get("/members", access.Manager, p.list)
	f.Get("/members/{id}", access.Manager, p.one)
	f.Get("/members/{id}/export", access.Manager, p.export)
	f.Post("/members/{id}/forget", access.Admin, p.forget)
	if o.Link != nil {
		f.Post("/members/{id}/github", access.Admin, p.linkGitHub)
		f.Get("/members/{id}/github", access.Admin, func(w http.ResponseWriter, r *page.Request) error { // who loads the answer to the form again
			http.Redirect(w, r.Request, Path(id(r))+"#github", http.StatusSeeOther)
			return nil
		})
	}
	f.Get("/members/{id}/forget", access.Admin, func(w http.ResponseWriter, r *page.Request) error { // who loads the answer to the form again
		http.Redirect(w, r.Request, "/members", http.StatusSeeOther)
		return nil
	})
	return nil
}

// id is the member's of a path. Whose id has characters that an address cannot
// have, the browser has escaped it.
func id(r *page.Request) string {
	v := r.PathValue("id")
	if r.URL.RawPath == "" {
		return v
	}
	if plain, err := url.PathUnescape(v); err == nil {
		return plain
	}
	return v
}

// Path is the address of a member's page.
func Path(id string) string { return "/members/" + url.PathEscape(id) }

// row is a member in the list.
type row struct {
	web.Member
	Path         string
	Joined, Left *page.Stamp
}

type listView struct {
	page.Head
	Query string
	Sorry string
	Rows  []row
	Next  string // the address of the next page
	First string // of the first, if this is another
}

func (p *pages) list(w http.ResponseWriter, r *page.Request) error {
	q := r.URL.Query()
	v := &listView{Head: page.Head{Title: p.Texts(r).Say("members")}, Query: strings.TrimSpace(q.Get("query"))}
	after := q.Get("after")
	if len(v.Query) > maxQuery {
		v.Sorry = p.Texts(r).Say("query.long")
		return p.Show(w, r, http.StatusUnprocessableEntity, "members", v)
	}
	got, err := p.members.Members(r.Context(), web.MemberFilter{Query: v.Query, After: after, Limit: perPage})
	if err != nil {
		return err
	}
	for _, m := range got.Members {
		v.Rows = append(v.Rows, row{m, Path(m.ID), page.Maybe(m.Joined), page.Maybe(m.Left)})
	}
	if got.Next != "" {
		v.Next = "/members?" + page.Query("query", v.Query, "after", got.Next)
	}
	if after != "" {
		v.First = "/members?" + page.Query("query", v.Query)
	}
	return p.Show(w, r, http.StatusOK, "members", v)
}

// oneView is the page of a member.
type oneView struct {
	page.Head
	row
	Seen, Since *page.Stamp
	Says        []says
	Events      []eventRow
	Messages    []messageRow
	Sorry       string
	Done        string
	Way         *way
	CanLink     bool
	GitHubForm  gitHubForm
}

// gitHubForm is what an admin says of a member's GitHub account.
type gitHubForm struct {
	Handle, Why string
	Wrong       string
	Taken       string // the member whose it is
	TakenPath   string
}

// says is what a plugin knows of them.
type says struct {
	Plugin string
	HTML   template.HTML // of what is Markdown
	Pairs  []pair        // of what is a flat JSON object
	Text   []page.Span   // of all else
}

type pair struct {
	Name  string
	Value []page.Span
}

type eventRow struct {
	Path   string
	At     *page.Stamp
	Kind   string
	What   []page.Span
	Plugin string
	Failed bool
}

type messageRow struct {
	At     *page.Stamp
	Plugin string
	Text   []page.Span
	Status string
}

func (p *pages) one(w http.ResponseWriter, r *page.Request) error {
	return p.show(w, r, http.StatusOK, "", nil)
}

// show shows a member's page; with a form of an admin's that was not right.
func (p *pages) show(w http.ResponseWriter, r *page.Request, status int, sorry string, form *gitHubForm) error {
	l := p.Texts(r)
	m, err := p.members.Member(r.Context(), id(r), string(r.Person.Role), l.String())
	if errors.Is(err, web.ErrNotFound) {
		return p.Sorry(http.StatusNotFound, "/members", "nobody")
	}
	if err != nil {
		return err
	}
	v := &oneView{row: row{m.Member, Path(m.ID), page.Maybe(m.Joined), page.Maybe(m.Left)}, Seen: page.Maybe(m.Seen), Since: page.Maybe(m.Since), Sorry: sorry}
	v.CanLink = p.link != nil
	if v.GitHubForm.Handle = m.Linked; m.Linked == "" {
		v.GitHubForm.Handle = m.GitHub
	}
	if form != nil {
		v.GitHubForm = *form
	}
	switch done := r.URL.Query().Get("done"); done {
	case "linked", "unlinked":
		v.Done = l.Say("done." + done)
	}
	v.Way = wayOf(l, m.Journey)
	v.Title = page.Printable(m.Name)
	if v.Title == "" {
		v.Title = page.Printable(m.ID)
	}
	for _, s := range m.Plugins {
		v.Says = append(v.Says, said(s))
	}
	for i := range m.Events {
		e := &m.Events[i]
		kind := l.Say("kind." + e.Kind)
		if !l.Has("kind." + e.Kind) {
			kind = e.Kind
		}
		v.Events = append(v.Events, eventRow{"/admin/events/" + e.Number, page.Maybe(&e.Time), kind, page.Visible(e.What), e.Plugin, e.Error != ""})
	}
	for i := range m.Messages {
		x := &m.Messages[i]
		v.Messages = append(v.Messages, messageRow{page.Maybe(&x.Made), x.Plugin, page.Visible(x.Text), x.Status})
	}
	return p.Show(w, r, status, "member", v)
}

// said is a plugin's view as a person reads it.
func said(s web.MemberView) says {
	out := says{Plugin: s.Plugin}
	if s.Type == "text/markdown" {
		out.HTML = page.Markdown(s.Body)
		return out
	}
	var flat map[string]json.RawMessage
	if json.Unmarshal([]byte(s.Body), &flat) != nil {
		out.Text = page.Visible(s.Body)
		return out
	}
	for _, name := range slices.Sorted(maps.Keys(flat)) {
		text := string(flat[name])
		var plain string
		if json.Unmarshal(flat[name], &plain) == nil {
			text = plain
		}
		out.Pairs = append(out.Pairs, pair{page.Printable(name), page.Visible(text)})
	}
	return out
}

// export hands out all that is kept of a member, a JSON object a line.
func (p *pages) export(w http.ResponseWriter, r *page.Request) error {
	if _, err := p.members.Member(r.Context(), id(r), string(r.Person.Role), r.T.String()); errors.Is(err, web.ErrNotFound) {
		return p.Sorry(http.StatusNotFound, "/members", "nobody")
	} else if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/jsonl; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="member.jsonl"`)
	if err := p.members.Export(r.Context(), id(r), &patient{w, r}); err != nil {
		if r.Context().Err() == nil {
			p.Log(r, "an export is not whole", "err", err)
		}
		panic(http.ErrAbortHandler) // what was written cannot be taken back; that it is not whole has to show
	}
	return nil
}

// patient moves the connection's deadline on with each write.
type patient struct {
	w http.ResponseWriter
	r *page.Request
}

func (p *patient) Write(b []byte) (int, error) {
	p.r.Patience(p.w, 0)
	return p.w.Write(b)
}

// goneView says what was erased.
type goneView struct {
	page.Head
	Kinds []kind
	Left  []string // settings of the config's file that still name them
	GoOn  bool     // it takes longer, and goes on
}

type kind struct {
	Name  string
	Count int
}

// forget erases a member. It asks for a tick, because nobody can take it back.
func (p *pages) forget(w http.ResponseWriter, r *page.Request) error {
	form, err := r.Fields(w, maxForm)
	if err != nil {
		return err
	}
	l := p.Texts(r)
	if form.Get("sure") != "yes" {
		return p.show(w, r, http.StatusUnprocessableEntity, l.Say("forget.unsure"), nil)
	}
	why := strings.TrimSpace(form.Get("why"))
	if len(why) > maxWhy {
		return p.show(w, r, http.StatusUnprocessableEntity, l.Say("forget.long"), nil)
	}
	r.Patience(w, forgetTime)
	ctx, cancel := context.WithTimeout(r.Context(), forgetTime)
	defer cancel()
	gone, err := p.members.Forget(ctx, r.Who(), id(r), why)
	erased := gone.Erased
	v := &goneView{Head: page.Head{Title: l.Say("gone"), Narrow: true}}
	if errors.Is(err, context.DeadlineExceeded) && r.Context().Err() == nil {
		v.GoOn = true
		return p.Show(w, r, http.StatusAccepted, "gone", v)
	}
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(erased)) {
		if erased[name] == 0 {
			continue
		}
		text := l.Say("erased." + name)
		if !l.Has("erased." + name) {
			text = name
		}
		v.Kinds = append(v.Kinds, kind{text, erased[name]})
	}
	for _, place := range gone.Left {
		v.Left = append(v.Left, page.Printable(place))
	}
	return p.Show(w, r, http.StatusOK, "gone", v)
}
