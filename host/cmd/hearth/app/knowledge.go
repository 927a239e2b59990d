package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host"
	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/audit"
	digesttext "github.com/hearthbot/hearth/plugins/digest/text"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/web"
)

// knowledge is what the plugin digest knows, as the web sees it.
type knowledge struct {
	engine *host.Engine
	audit  *audit.Log
	log    *slog.Logger
}

var (
	_ web.Answerer  = (*knowledge)(nil)
	_ web.Knowledge = (*knowledge)(nil)
)

const digestPlugin = "digest"

// Answer implements web.Answerer. The plugin sees the question as it is compared,
// so that all its wordings are one to the views that are kept, and nobody's own
// words come back to somebody else.
func (k *knowledge) Answer(ctx context.Context, q web.Question) ([]byte, error) {
	return k.ask(ctx, "/answers", q.Role, q.Locale, "q", sameQuestion(q.Text))
}

// sameQuestion is a question without what does not make it another one. Lines stay
// lines: by them a pasted error is told from what is asked about it. One of nothing
// but names and emoji stays as it is.
func sameQuestion(s string) string {
	var lines []string
	for line := range strings.Lines(s) {
		if n := digesttext.Normalise(line); n != "" {
			lines = append(lines, n)
		}
	}
	if len(lines) == 0 {
		return strings.TrimSpace(s)
	}
	return strings.Join(lines, "\n")
}

// ask asks the plugin; params are names and values, of which empty ones are left
// out.
func (k *knowledge) ask(ctx context.Context, path string, role access.Role, locale string, params ...string) ([]byte, error) {
	q := abi.Query{Path: path, Role: string(role), Locale: locale}
	for i := 0; i < len(params); i += 2 {
		if params[i+1] != "" {
			q.Params = append(q.Params, abi.Annotation{Name: params[i], Value: params[i+1]})
		}
	}
	v, err := k.engine.Query(ctx, digestPlugin, q)
	switch {
	case err != nil:
		return nil, shown(digestPlugin, known(err))
	case v.Status == http.StatusNotFound:
		return nil, fmt.Errorf("%w: %s", web.ErrNotFound, strings.TrimSpace(path+" "+strings.Join(params, " ")))
	case v.Status != 0 && v.Status != http.StatusOK:
		return nil, fmt.Errorf("the plugin digest answers %s with %d: %.200s", path, v.Status, v.Body)
	}
	return v.Body, nil
}

// asked is ask for what is JSON of a T.
func asked[T any](k *knowledge, ctx context.Context, path string, role access.Role, params ...string) (*T, error) {
	body, err := k.ask(ctx, path, role, "", params...)
	if err != nil {
		return nil, err
	}
	v := new(T)
	if err := json.Unmarshal(body, v); err != nil {
		return nil, fmt.Errorf("read the plugin digest's answer to %s: %w", path, err)
	}
	return v, nil
}

// Topics implements web.Knowledge.
func (k *knowledge) Topics(ctx context.Context, f web.KnowledgeFilter) (*web.KnowledgePage, error) {
	path, limit := "/knowledge", ""
	if f.Questions {
		path = "/export"
	}
	if f.Limit > 0 {
		limit = strconv.Itoa(f.Limit)
	}
	v, err := asked[web.KnowledgePage](k, ctx, path, f.Role, "q", strings.TrimSpace(f.Text), "order", f.Order, "after", f.After, "limit", limit)
	if err == nil && v.Topics == nil {
		v.Topics = []web.KnownTopic{}
	}
	return v, err
}

// Topic implements web.Knowledge.
func (k *knowledge) Topic(ctx context.Context, id uint32, role access.Role) (*web.KnownTopic, error) {
	return asked[web.KnownTopic](k, ctx, "/topic", role, "id", strconv.FormatUint(uint64(id), 10))
}

// Queue implements web.Knowledge.
func (k *knowledge) Queue(ctx context.Context, after string) (*web.KnowledgeQueue, error) {
	v, err := asked[web.KnowledgeQueue](k, ctx, "/queue", access.Manager, "after", after)
	if err == nil && v.Items == nil {
		v.Items = []web.KnowledgeItem{}
	}
	return v, err
}

// Editions implements web.Knowledge.
func (k *knowledge) Editions(ctx context.Context, after string, role access.Role) (*web.KnowledgeEditions, error) {
	v, err := asked[web.KnowledgeEditions](k, ctx, "/editions", role, "after", after)
	if err == nil && v.Editions == nil {
		v.Editions = []web.KnowledgeEdition{}
	}
	return v, err
}

// ChangeKnowledge implements web.Knowledge. The plugin's own lane carries it out;
// its record comes beside it.
func (k *knowledge) ChangeKnowledge(ctx context.Context, who audit.Who, c *web.KnowledgeChange) error {
	e := audit.Entry{Who: who, Did: "knowledge." + c.Op, On: "knowledge/" + cmp.Or(c.Suggestion, strconv.FormatUint(uint64(c.Topic), 10)), Why: c.Why}
	for _, id := range []uint32{c.Topic, c.With} {
		if id == 0 {
			continue
		}
		t, err := k.Topic(ctx, id, access.Manager)
		if err != nil {
			return err
		}
		if id == c.Topic && c.Op == "rename" {
			e.Before, e.After = t.Title, c.Name
		}
	}
	switch c.Op {
	case "answer":
		e.After = c.Text
	case "merge":
		e.After = strconv.FormatUint(uint64(c.With), 10)
	}
	props := []abi.Annotation{{Name: "op", Value: c.Op}, {Name: "by", Value: who.Name}}
	more := c.Props()
	for _, name := range slices.Sorted(maps.Keys(more)) {
		props = append(props, abi.Annotation{Name: name, Value: more[name]})
	}
	slices.SortFunc(props, func(a, b abi.Annotation) int { return strings.Compare(a.Name, b.Name) })
	// Who asked may go away: what is begun is brought to its end all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if err := k.engine.Tell(ctx, "knowledge-"+rand.Text(), "knowledge", props); err != nil {
		return known(fmt.Errorf("change the knowledge: %w", err))
	}
	if err := k.audit.Add(ctx, e); err != nil {
		k.log.Error("a change of the knowledge is not on record", "op", c.Op, "by", who.Name, "err", err)
	}
	return nil
}

func (a *App) knowledge() *knowledge { return &knowledge{a.engine, a.audit, a.log} }

// archive says whether everybody may read what was asked in public.
func (a *App) archive() bool { return a.conf().Knowledge.Public }
