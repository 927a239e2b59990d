package admin

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/web/page"
)

// Bounds of the page /admin/audit.
const (
	auditPage = 50
	auditLook = 3000    // entries that one page looks at
	shownSide = 4 << 10 // bytes of what stood before, and of what stands now
)

// auditView is the page /admin/audit.
type auditView struct {
	page.Head
	On, Who, Did string
	Filtered     bool
	Kinds        []choice
	Entries      []entryView
	Older        string
	Newest       string
	Looked       *page.Stamp
	CSV, Lines   string // addresses of the export
}

type entryView struct {
	audit.Entry
	At     page.Stamp
	Did    string // in words
	Name   []page.Span
	Role   string
	Via    string
	Object []page.Span
	OfOn   string // addresses of the page for this object alone, this person, this verb
	OfWho  string
	OfDid  string
	Diff   []page.DiffLine
	Cut    bool
	Reason []page.Span
}

// choose is what a request wants to see of the record. A person is looked for by
// id or in the name, because the name is what people know; "=ID" is that id alone.
type choose struct{ on, who, did string }

func chosen(r *page.Request) choose {
	q := r.URL.Query()
	return choose{cutTo(q.Get("on"), maxField), cutTo(q.Get("who"), maxField), cutTo(q.Get("did"), 64)}
}

func (c choose) query(more ...string) string {
	return page.Query(append([]string{"on", c.on, "who", c.who, "did", c.did}, more...)...)
}

func (c choose) has(e *audit.Entry) bool {
	id, exact := strings.CutPrefix(c.who, "=")
	who := c.who == "" || e.Who.ID == id || !exact && strings.Contains(strings.ToLower(e.Who.Name), strings.ToLower(c.who))
	return who && (c.did == "" || e.Did == c.did || strings.HasPrefix(e.Did, c.did+"."))
}

// read calls f with entries below a number, the newest first, until it returns
// false or so many were looked at (0: all). It returns the last number that was,
// and whether there may be more. It holds no snapshot while f runs.
func (p *pages) read(ctx context.Context, c choose, below uint64, look int, f func(*audit.Entry) (bool, error)) (last uint64, more bool, err error) {
	const step = 500
	looked := 0
	last = below
	for {
		list, err := p.o.Audit.List(ctx, audit.Filter{On: c.on, Before: last, Limit: step})
		if err != nil {
			return last, false, err
		}
		for i := range list {
			last = list[i].Number
			looked++
			if c.has(&list[i]) {
				on, err := f(&list[i])
				if err != nil || !on {
					return last, i+1 < len(list) || len(list) == step, err
				}
			}
			if looked == look {
				return last, true, nil
			}
		}
		if len(list) < step {
			return last, false, nil
		}
	}
}

func (p *pages) audit(w http.ResponseWriter, r *page.Request) error {
	c, t := chosen(r), p.Texts(r)
	v := &auditView{Head: page.Head{Title: t.Say("audit"), Wide: true}, On: c.on, Who: c.who, Did: c.did, Filtered: c != choose{}}
	var below uint64
	if s := r.URL.Query().Get("before"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil || n == 0 {
			return p.Sorry(http.StatusBadRequest, "/admin/audit", "error.number")
		}
		below, v.Newest = n, "/admin/audit?"+c.query()
	}
	last, more, err := p.read(r.Context(), c, below, auditLook, func(e *audit.Entry) (bool, error) {
		v.Entries = append(v.Entries, entry(t, e))
		return len(v.Entries) < auditPage, nil
	})
	if err != nil {
		return err
	}
	if more {
		v.Older = "/admin/audit?" + c.query("before", strconv.FormatUint(last, 10))
		if len(v.Entries) < auditPage {
			s := page.At(arrived(strconv.FormatUint(last, 16)))
			v.Looked = &s
		}
	}
	for _, k := range auditKinds {
		v.Kinds = append(v.Kinds, choice{k, t.Say("did." + k)})
	}
	v.CSV, v.Lines = "/admin/audit/export.csv?"+c.query(), "/admin/audit/export.jsonl?"+c.query()
	return p.Show(w, r, http.StatusOK, "audit", v)
}

// auditKinds are the kinds of change that the filter offers.
var auditKinds = []string{"setting", "text", "task", "experiment", "knowledge", "analytics", "message", "member", "plugin", "event", "host", "token", "link", "session"}

func entry(t page.Texts, e *audit.Entry) entryView {
	v := entryView{Entry: *e, At: page.At(e.At), Did: e.Did, Name: page.Visible(e.Who.Name), Via: e.Who.Via, Object: page.Visible(e.On), Reason: page.Visible(e.Why),
		OfOn: "/admin/audit?" + choose{on: e.On}.query(), OfWho: "/admin/audit?" + choose{who: "=" + e.Who.ID}.query(), OfDid: "/admin/audit?" + choose{did: e.Did}.query()}
	if e.Who.Name == "" {
		v.Name = page.Visible(e.Who.ID)
	}
	if key := "did." + e.Did; t.Has(key) {
		v.Did = t.Say(key)
	}
	if key := "role." + e.Who.Role; t.Has(key) {
		v.Role = t.Say(key)
	}
	if key := "via." + e.Who.Via; t.Has(key) {
		v.Via = t.Say(key)
	}
	before, after := e.Before, e.After
	if v.Cut = len(before) > shownSide || len(after) > shownSide; v.Cut {
		before, after = short(before), short(after)
	}
	v.Diff = page.Diff(before, after)
	return v
}

func short(s string) string { return strings.ToValidUTF8(s[:min(len(s), shownSide)], "") }
