package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/hearthbot/hearth/web"
)

// Knowledge is a page of what was asked and answered, with the wordings, in the
// order of the topics' numbers; after is Next of the page before.
func (c *Client) Knowledge(ctx context.Context, after string) (p web.KnowledgePage, err error) {
	q := url.Values{"questions": {"true"}}
	if after != "" {
		q.Set("after", after)
	}
	return p, c.ask(ctx, http.MethodGet, "/api/v1/knowledge?"+q.Encode(), &p)
}
