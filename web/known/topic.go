package known

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

type topicView struct {
	page.Head
	Tabs   []tab
	Done   string
	Sorry  string // what is wrong with the form that was sent
	At     string // its op
	Form   url.Values
	ID     uint32
	Path   string
	Topic  card
	Named  bool
	Says   []string
	First  *page.Stamp
	Last   *page.Stamp
	Hidden bool
	Own    bool // the answer is a maintainer's
	Rows   []wording
}

type wording struct {
	Item    uint32
	Text    []page.Span
	Asked   string
	Source  string
	At      *page.Stamp
	Checked bool
}

func (p *pages) topic(w http.ResponseWriter, r *page.Request) error {
	return p.showTopic(w, r, http.StatusOK, &topicView{Form: url.Values{}, Done: p.Done(r)})
}

func (p *pages) showTopic(w http.ResponseWriter, r *page.Request, status int, v *topicView) error {
	l := p.Texts(r)
	id, err := strconv.ParseUint(r.PathValue("id"), 10, 32)
	if err != nil {
		return p.Sorry(http.StatusNotFound, "/knowledge", "none")
	}
	t, err := p.o.Knowledge.Topic(r.Context(), uint32(id), r.Person.Role)
	if err != nil {
		return p.none(w, r, err)
	}
	if t.ID != uint32(id) && status == http.StatusOK { // it was joined with another
		http.Redirect(w, r.Request, path(t.ID), http.StatusSeeOther)
		return nil
	}
	v.ID, v.Path, v.Topic, v.Named, v.Hidden, v.Tabs = t.ID, path(t.ID), p.card(l, t), t.Named, t.Hidden, p.tabs(r, "topics")
	v.First, v.Last = moment(t.First), moment(t.Last)
	v.Own = t.Answer != nil && (t.Answer.Why == "written" || t.Answer.Why == "chosen")
	if n := t.Helped + t.Unhelped; n > 0 {
		v.Says = append(v.Says, l.Say("helped", t.Helped, n))
	}
	v.Title = page.Printable(t.Title)
	if len(v.Title) > 120 {
		v.Title = strings.ToValidUTF8(v.Title[:117], "") + "…"
	}
	checked := map[string]bool{}
	for _, i := range v.Form["item"] {
		checked[i] = true
	}
	for i := range t.Questions {
		q := &t.Questions[i]
		v.Rows = append(v.Rows, wording{q.Item, page.Visible(q.Text), l.Count("asked", q.Asked), safeURL(q.Source.URL), moment(q.Source.At),
			checked[strconv.FormatUint(uint64(q.Item), 10)]})
	}
	if !v.Form.Has("name") && t.Named {
		v.Form.Set("name", t.Title)
	}
	if !v.Form.Has("text") && t.Answer != nil && t.Answer.Why == "written" {
		v.Form.Set("text", t.Answer.Text)
		v.Form.Set("url", t.Answer.Source.URL)
	}
	return p.Show(w, r, status, "topic", v)
}

// change carries out what a manager does to a topic.
func (p *pages) change(w http.ResponseWriter, r *page.Request) error {
	form, err := r.Fields(w, maxForm)
	if err != nil {
		return err
	}
	l := p.Texts(r)
	v := &topicView{Form: form, At: form.Get("op")}
	id, err := strconv.ParseUint(r.PathValue("id"), 10, 32)
	if err != nil {
		return p.Sorry(http.StatusNotFound, "/knowledge", "none")
	}
	c := &web.KnowledgeChange{Op: v.At, Topic: uint32(id), Name: strings.TrimSpace(form.Get("name")), Text: strings.TrimSpace(strings.ReplaceAll(form.Get("text"), "\r\n", "\n")),
		URL: strings.TrimSpace(form.Get("url"))}
	wrong := ""
	switch c.Op {
	case "merge":
		with, ok := number(form.Get("with"))
		if c.With = with; !ok || with == c.Topic {
			wrong = "wrong.with"
		}
	case "split":
		for _, i := range form["item"] {
			if n, ok := number(i); ok {
				c.Items = append(c.Items, n)
			}
		}
		if len(c.Items) == 0 {
			wrong = "wrong.items"
		}
	case "rename":
		if len(c.Name) > web.MaxKnownName {
			wrong = "wrong.name"
		}
	case "answer":
		switch {
		case len(c.Text) > web.MaxKnownAnswer:
			wrong = "wrong.text"
		case c.URL != "" && safeURL(c.URL) == "":
			wrong = "wrong.url"
		}
	case "hide", "show":
	default:
		return page.Sorry(http.StatusBadRequest, "error.form")
	}
	if wrong == "" {
		if err := c.Check(); err != nil {
			wrong = "wrong.any"
		}
	}
	if wrong == "" {
		err := p.o.Knowledge.ChangeKnowledge(r.Context(), r.Who(), c)
		switch {
		case err == nil:
			http.Redirect(w, r.Request, path(c.Topic)+"?"+page.Query("done", c.Op), http.StatusSeeOther)
			return nil
		case errors.Is(err, web.ErrNotFound) && c.Op == "merge":
			wrong = "wrong.with"
		case errors.Is(err, web.ErrNotFound):
			return p.none(w, r, err)
		case errors.Is(err, web.ErrKnowledge):
			wrong = "wrong.any"
		default:
			return err
		}
	}
	v.Sorry = l.Say(wrong)
	return p.showTopic(w, r, http.StatusUnprocessableEntity, v)
}

// number reads a topic's number, or its address.
func number(s string) (uint32, bool) {
	s = strings.TrimPrefix(strings.TrimSpace(s), "#")
	if i := strings.LastIndex(s, "/knowledge/"); i >= 0 {
		s, _, _ = strings.Cut(s[i+len("/knowledge/"):], "?")
	}
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil && n > 0
}

type queueView struct {
	page.Head
	Tabs        []tab
	Done        string
	Says        string
	Items       []item
	First, Next string
}

type item struct {
	Kind, Says string
	Badge      string
	Card       card
	Suggestion string
	Question   []page.Span
	Where      []page.Span
}

func (p *pages) queue(w http.ResponseWriter, r *page.Request) error {
	l, q := p.Texts(r), r.URL.Query()
	v := &queueView{Head: page.Head{Title: l.Say("queue")}, Tabs: p.tabs(r, "queue"), Done: p.Done(r)}
	got, err := p.o.Knowledge.Queue(r.Context(), q.Get("after"))
	if err != nil && !errors.Is(err, web.ErrNotFound) {
		return err
	}
	if err == nil {
		for i := range got.Items {
			x := &got.Items[i]
			out := item{Kind: x.Kind, Says: x.Kind, Badge: "wait", Card: p.card(l, &x.Topic), Suggestion: x.Suggestion, Question: page.Visible(x.Question)}
			if l.Has("kind." + x.Kind) {
				out.Says = l.Say("kind." + x.Kind)
			}
			if x.Kind == "unhelpful" {
				out.Badge = "bad"
			}
			if x.Source.Channel != "" {
				out.Where = page.Visible("#" + x.Source.Channel)
			}
			v.Items = append(v.Items, out)
		}
		v.Says = l.Count("items", got.Total)
		if got.Next != "" {
			v.Next = "/knowledge/queue?" + page.Query("after", got.Next)
		}
	}
	if q.Get("after") != "" {
		v.First = "/knowledge/queue"
	}
	return p.Show(w, r, http.StatusOK, "queue", v)
}

// decide approves or dismisses a suggested answer.
func (p *pages) decide(w http.ResponseWriter, r *page.Request) error {
	form, err := r.Fields(w, maxForm)
	if err != nil {
		return err
	}
	c := &web.KnowledgeChange{Op: form.Get("op"), Suggestion: form.Get("suggestion")}
	if c.Op != "approve" && c.Op != "dismiss" || c.Check() != nil {
		return page.Sorry(http.StatusBadRequest, "error.form")
	}
	if err := p.o.Knowledge.ChangeKnowledge(r.Context(), r.Who(), c); err != nil {
		if errors.Is(err, web.ErrNotFound) {
			return p.Sorry(http.StatusNotFound, "/knowledge/queue", "none")
		}
		return err
	}
	http.Redirect(w, r.Request, "/knowledge/queue?"+page.Query("done", c.Op), http.StatusSeeOther)
	return nil
}
