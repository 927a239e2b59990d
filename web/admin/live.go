package admin

import (
	"context"
	"net/http"
	"time"

	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// liveEvery is how often the list is sent at most, however many events come.
const liveEvery = 500 * time.Millisecond

// live streams the first page of the list: all of its rows, whenever one has
// come or changed. The browser keeps what is the same.
func (p *pages) live(w http.ResponseWriter, r *page.Request) error {
	f, fv := p.filter(r)
	return r.Stream(w, func(ctx context.Context) (<-chan string, error) {
		// First listened, then read: nothing is missed between.
		handled, err := p.o.Host.Follow(ctx, f)
		if err != nil {
			return nil, err
		}
		pg, err := p.o.Host.Browse(ctx, f, "")
		if err != nil {
			return nil, err
		}
		out := make(chan string)
		t := p.Texts(r)
		go p.follow(ctx, eventsView{Head: page.Head{T: t, Person: r.Person}, Empty: empty(t, fv)}, pg.Events, handled, out)
		return out, nil
	})
}

// follow makes texts of what comes, until handled or ctx ends: v with other rows.
func (p *pages) follow(ctx context.Context, v eventsView, rows []web.Event, handled <-chan web.Event, out chan<- string) {
	defer close(out)
	wait := time.NewTimer(0) // the list as it is now comes first
	defer wait.Stop()
	due := true
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-handled:
			if !ok {
				return
			}
			rows = merge(rows, e)
			if !due {
				due = true
				wait.Reset(liveEvery)
			}
		case <-wait.C:
			due = false
			v.Rows = p.rows(v.T, rows, p.people(v.Person.Role))
			text, err := p.Render("events.rows", &v)
			if err != nil {
				return
			}
			select {
			case out <- text:
			case <-ctx.Done():
				return
			}
		}
	}
}

// merge puts what came into the list, the newest first: a later attempt in the
// place of the one before.
func merge(rows []web.Event, e web.Event) []web.Event {
	i := 0
	for i < len(rows) && (rows[i].Number > e.Number || rows[i].Number == e.Number && rows[i].Plugin > e.Plugin) {
		i++
	}
	if i < len(rows) && rows[i].Number == e.Number && rows[i].Plugin == e.Plugin {
		rows[i] = e
		return rows
	}
	if i >= perPage {
		return rows
	}
	rows = append(rows, web.Event{})
	copy(rows[i+1:], rows[i:])
	rows[i] = e
	return rows[:min(len(rows), perPage)]
}
