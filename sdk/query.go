package sdk

import (
	"encoding/json"
	"fmt"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/sdk/internal/guest"
)

// view is a registered query.
type view struct {
	path   string
	answer func(*Base, *Request) error
}

// Request is what a query was asked, and its answer so far.
type Request struct {
	q    *abi.Query
	view abi.View
}

// Param is the request's parameter of that name, "" if there is none.
func (r *Request) Param(name string) string {
	for i := range r.q.Params {
		if r.q.Params[i].Name == name {
			return r.q.Params[i].Value
		}
	}
	return ""
}

// Role is the role of who asks: "", "viewer", "manager" or "admin".
func (r *Request) Role() string { return r.q.Role }

// Status sets the HTTP status of the answer; without it, it is 200.
func (r *Request) Status(code int) { r.view.Status = code }

// JSON answers with v.
func (r *Request) JSON(v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("query %s: %w", r.q.Path, err)
	}
	r.view.Type, r.view.Body = "application/json", body
	return nil
}

// Markdown answers with a text.
func (r *Request) Markdown(m Markup) {
	r.view.Type, r.view.Body = "text/markdown", []byte(m)
}

// Query answers a request for a view.
func (p *plugin) Query(q *abi.Query, host guest.Host) (answer abi.View) {
	fail := func(status int, why string) abi.View {
		body, _ := json.Marshal(map[string]string{"error": why})
		return abi.View{Status: status, Type: "application/json", Body: body}
	}
	defer func() {
		if r := recover(); r != nil {
			answer = fail(500, failure(r))
		}
	}()
	if err := p.prepared(host); err != nil {
		return fail(500, err.Error())
	}
	for i := range p.queries {
		if p.queries[i].path != q.Path {
			continue
		}
		r := &Request{q: q}
		if err := p.queries[i].answer(&Base{p: p, host: host, now: q.Now, locale: q.Locale}, r); err != nil {
			return fail(500, err.Error())
		}
		return r.view
	}
	return fail(404, fmt.Sprintf("%s has no view %q", p.manifest.Name, q.Path))
}
