package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/audit"
)

// Knowledge is what the community has asked and answered. It is safe for
// concurrent use. Each method is [ErrNotFound] where nothing is collected.
type Knowledge interface {
	Topics(ctx context.Context, f KnowledgeFilter) (*KnowledgePage, error)

	// Topic returns one, with its questions; ErrNotFound if there is none that the
	// role may see. One that was joined with another is that other.
	Topic(ctx context.Context, id uint32, role access.Role) (*KnownTopic, error)

	// Queue is what a maintainer should look at. It is for managers.
	Queue(ctx context.Context, after string) (*KnowledgeQueue, error)

	// Editions are the digests that were posted, newest first.
	Editions(ctx context.Context, after string, role access.Role) (*KnowledgeEditions, error)

	// ChangeKnowledge carries a change out, on record: within some seconds. It is
	// ErrNotFound if what it names is not there.
	ChangeKnowledge(ctx context.Context, who audit.Who, c *KnowledgeChange) error
}

// KnowledgeFilter chooses topics.
type KnowledgeFilter struct {
	Text      string // words that are in them; "" for all
	Order     string // "" the newest change first, "asked" the most asked first, "waiting" only those of the last week without an answer
	After     string // Next of the page before
	Limit     int    // 1 to 40; 0 is 40
	Questions bool   // with the questions of each, and in the order of their numbers
	Role      access.Role
}

// KnowledgePage is a page of topics.
type KnowledgePage struct {
	Topics []KnownTopic `json:"topics" nullable:"false"`
	Next   string       `json:"next,omitempty" doc:"after of the next page; not there on the last"`
	Total  int          `json:"total" doc:"topics that you may see, on all pages"`
	Asked  int          `json:"asked" doc:"questions in them"`
}

// KnownTopic is a question that was asked before, in however many wordings.
// Times are Unix milliseconds.
type KnownTopic struct {
	ID       uint32       `json:"id" doc:"the topic’s number"`
	Title    string       `json:"title" doc:"as its author wrote it: to be made harmless by whoever shows it, like all texts here"`
	Named    bool         `json:"named,omitempty" doc:"the title is a maintainer's"`
	Lang     string       `json:"lang" doc:"en or zh: of most of its questions"`
	Asked    int          `json:"asked" doc:"how often"`
	First    int64        `json:"first,omitempty" doc:"when it was asked first, in Unix milliseconds as all times here"`
	Last     int64        `json:"last,omitempty" doc:"when it was asked last"`
	Updated  int64        `json:"updated" doc:"when it was asked last, or its answer changed"`
	Public   bool         `json:"public" doc:"asked in a channel that is public"`
	Hidden   bool         `json:"hidden,omitempty"`
	Pinned   bool         `json:"pinned,omitempty" doc:"a maintainer joined it or split it off"`
	Answer   *KnownAnswer `json:"answer,omitempty"`
	Helped   int          `json:"helped,omitempty" doc:"how many said so of its automatic answers"`
	Unhelped int          `json:"unhelped,omitempty" doc:"how many said that they did not help"`

	Questions []KnownQuestion `json:"questions,omitempty"`
}

// KnownAnswer is the best answer to a topic.
type KnownAnswer struct {
	Text       string      `json:"text"`
	Author     string      `json:"author" doc:"their name; empty if they were forgotten"`
	Why        string      `json:"why" doc:"accepted, thanked, liked, maintainer or overlap: how it was found; chosen or written by a maintainer"`
	By         string      `json:"by,omitempty" doc:"that maintainer"`
	Confidence float64     `json:"confidence" minimum:"0" maximum:"1" doc:"how sure it is that this is the answer, by how it was found"`
	Updated    int64       `json:"updated" doc:"when it became the best answer, or changed"`
	Source     KnownSource `json:"source"`
}

// KnownSource is where something was said.
type KnownSource struct {
	Place   string `json:"place,omitempty" doc:"conversation id"`
	Channel string `json:"channel,omitempty"`
	Message string `json:"message,omitempty"`
	Thread  string `json:"thread,omitempty"`
	URL     string `json:"url,omitempty"`
	At      int64  `json:"at,omitempty" doc:"when it was said"`
}

// KnownQuestion is one wording, and where it was asked last.
type KnownQuestion struct {
	Item   uint32      `json:"item" doc:"its number, for split"`
	Text   string      `json:"text"`
	Asked  int         `json:"asked" doc:"how often in this wording"`
	Source KnownSource `json:"source"`
}

// KnowledgeQueue is a page of what a maintainer should look at.
type KnowledgeQueue struct {
	Items []KnowledgeItem `json:"items" nullable:"false"`
	Next  string          `json:"next,omitempty"`
	Total int             `json:"total" doc:"items on all pages"`
}

// KnowledgeItem is one of them.
type KnowledgeItem struct {
	Kind       string      `json:"kind" doc:"suggested: an answer waits to be approved; unhelpful; unanswered; unsure"`
	Topic      KnownTopic  `json:"topic"`
	Suggestion string      `json:"suggestion,omitempty" doc:"of suggested: its key"`
	Question   string      `json:"question,omitempty"`
	Source     KnownSource `json:"source,omitzero"`
}

// KnowledgeEditions is a page of digests that were posted.
type KnowledgeEditions struct {
	Editions []KnowledgeEdition `json:"editions" nullable:"false"`
	Next     string             `json:"next,omitempty"`
}

// KnowledgeEdition is one digest.
type KnowledgeEdition struct {
	Key       string         `json:"key" doc:"day:2026-11-26 or week:2026-11-23"`
	From      int64          `json:"from" doc:"the beginning of the time it is about"`
	To        int64          `json:"to" doc:"its end"`
	Posted    int64          `json:"posted" doc:"when it was posted"`
	Questions int            `json:"questions" doc:"questions that were asked in that time"`
	Rows      []KnowledgeRow `json:"rows" nullable:"false"`
}

// KnowledgeRow is a line of a digest, as it is now.
type KnowledgeRow struct {
	Topic  uint32       `json:"topic" doc:"the topic’s number"`
	Title  string       `json:"title"`
	Asked  int          `json:"asked" doc:"within the edition's time"`
	Answer *KnownAnswer `json:"answer,omitempty"`
}

// KnowledgeChange is what a maintainer does. Which fields are used follows from
// Op.
type KnowledgeChange struct {
	Op         string   `json:"op" enum:"merge,split,rename,answer,choose,hide,show,approve,dismiss"`
	Topic      uint32   `json:"topic,omitempty" doc:"of all but approve and dismiss"`
	With       uint32   `json:"with,omitempty" doc:"of merge: whose questions become the topic's"`
	Items      []uint32 `json:"items,omitempty" maxItems:"40" doc:"of split: the wordings that become a topic of their own"`
	Name       string   `json:"name,omitempty" doc:"of rename; empty takes the name away"`
	Text       string   `json:"text,omitempty" doc:"of answer: in place of the one that was found; empty takes it back"`
	URL        string   `json:"url,omitempty" doc:"of answer: its source, https"`
	Place      string   `json:"place,omitempty" doc:"of choose: the conversation"`
	Message    string   `json:"message,omitempty" doc:"of choose: the message that is the answer"`
	Suggestion string   `json:"suggestion,omitempty" doc:"of approve and dismiss"`
	Why        string   `json:"why,omitempty" maxLength:"500" doc:"for the record"`
}

// Bounds of a change, in bytes.
const (
	MaxKnownName   = 200
	MaxKnownAnswer = 3000
	maxKnownURL    = 500
	maxKnownID     = 256
	maxKnownItems  = 40
)

// ErrKnowledge is wrapped by what is wrong with a change: its text says what, and
// what to do.
var ErrKnowledge = errors.New("web: the change cannot be made")

// Check says what is wrong with a change: an [ErrKnowledge].
func (c *KnowledgeChange) Check() error {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrKnowledge}, args...)...)
	}
	for _, f := range []struct {
		name, v string
		most    int
	}{{"name", c.Name, MaxKnownName}, {"text", c.Text, MaxKnownAnswer}, {"url", c.URL, maxKnownURL}, {"place", c.Place, maxKnownID},
		{"message", c.Message, maxKnownID}, {"suggestion", c.Suggestion, maxKnownID}} {
		switch {
		case len(f.v) > f.most:
			return wrong("%s has %d bytes, at most %d", f.name, len(f.v), f.most)
		case !utf8.ValidString(f.v):
			return wrong("%s is not UTF-8", f.name)
		}
	}
	if c.URL != "" && !strings.HasPrefix(c.URL, "https://") {
		return wrong("url %q does not begin with https://", c.URL)
	}
	switch c.Op {
	case "approve", "dismiss":
		if c.Suggestion == "" {
			return wrong("%s needs suggestion", c.Op)
		}
		return nil
	case "merge":
		if c.With == 0 || c.With == c.Topic {
			return wrong("merge needs with: the number of another topic")
		}
	case "split":
		if len(c.Items) == 0 || len(c.Items) > maxKnownItems {
			return wrong("split needs items: the numbers of 1 to %d wordings", maxKnownItems)
		}
	case "choose":
		if c.Place == "" || c.Message == "" {
			return wrong("choose needs place and message")
		}
	case "rename", "answer", "hide", "show":
	default:
		return wrong("op %q is unknown", c.Op)
	}
	if c.Topic == 0 {
		return wrong("%s needs topic", c.Op)
	}
	return nil
}

// Props are the change's parts for the plugin that carries it out, by name.
func (c *KnowledgeChange) Props() map[string]string {
	items := make([]string, 0, len(c.Items))
	for _, i := range slices.Compact(slices.Sorted(slices.Values(c.Items))) {
		items = append(items, strconv.FormatUint(uint64(i), 10))
	}
	number := func(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
	switch c.Op {
	case "merge":
		return map[string]string{"topic": number(c.Topic), "with": number(c.With)}
	case "split":
		return map[string]string{"topic": number(c.Topic), "items": strings.Join(items, ",")}
	case "rename":
		return map[string]string{"topic": number(c.Topic), "name": c.Name}
	case "answer":
		return map[string]string{"topic": number(c.Topic), "text": c.Text, "url": c.URL}
	case "choose":
		return map[string]string{"topic": number(c.Topic), "place": c.Place, "message": c.Message}
	case "approve", "dismiss":
		return map[string]string{"suggestion": c.Suggestion}
	}
	return map[string]string{"topic": number(c.Topic)}
}

func (s *Server) knowledgeRoutes(api huma.API) {
	huma.Register(api, op("list-knowledge", http.MethodGet, "/api/v1/knowledge", "What was asked and answered, a page at a time"),
		func(ctx context.Context, in *struct {
			Query     string `query:"q" maxLength:"200" doc:"words that are in it"`
			Order     string `query:"order" enum:"asked,waiting" doc:"asked: the most asked first, instead of the newest change; waiting: only what was asked in the last seven days and has no answer"`
			After     string `query:"after" maxLength:"256" doc:"next of the page before"`
			Limit     int    `query:"limit" minimum:"1" maximum:"40" default:"40"`
			Questions bool   `query:"questions" doc:"with the wordings of each, in the order of their numbers: for an export"`
		}) (*answerBody[*KnowledgePage], error) {
			v, err := s.o.Knowledge.Topics(ctx, KnowledgeFilter{Text: in.Query, Order: in.Order, After: in.After,
				Limit: in.Limit, Questions: in.Questions, Role: role(ctx)})
			return known(s, ctx, "listing the knowledge", v, err)
		})
	huma.Register(api, op("get-knowledge", http.MethodGet, "/api/v1/knowledge/topics/{id}", "One topic, with its wordings"),
		func(ctx context.Context, in *struct {
			ID uint32 `path:"id"`
		}) (*answerBody[*KnownTopic], error) {
			v, err := s.o.Knowledge.Topic(ctx, in.ID, role(ctx))
			return known(s, ctx, "reading a topic", v, err)
		})
	huma.Register(api, op("list-editions", http.MethodGet, "/api/v1/knowledge/editions", "The digests that were posted, newest first"),
		func(ctx context.Context, in *after) (*answerBody[*KnowledgeEditions], error) {
			v, err := s.o.Knowledge.Editions(ctx, in.After, role(ctx))
			return known(s, ctx, "listing the digests", v, err)
		})
	huma.Register(api, needs(access.Manager, op("list-knowledge-queue", http.MethodGet, "/api/v1/knowledge/queue", "What a maintainer should look at")),
		func(ctx context.Context, in *after) (*answerBody[*KnowledgeQueue], error) {
			v, err := s.o.Knowledge.Queue(ctx, in.After)
			return known(s, ctx, "listing the queue", v, err)
		})
	change := op("change-knowledge", http.MethodPost, "/api/v1/knowledge/changes", "Join, split, name, answer or hide topics")
	change.Description = "It is carried out within some seconds."
	change.DefaultStatus = http.StatusNoContent
	huma.Register(api, change, func(ctx context.Context, in *struct{ Body KnowledgeChange }) (*struct{}, error) {
		err := in.Body.Check()
		if err == nil {
			err = s.o.Knowledge.ChangeKnowledge(ctx, by(ctx), &in.Body)
		}
		if errors.Is(err, ErrKnowledge) {
			return nil, huma.Error422UnprocessableEntity(strings.TrimPrefix(err.Error(), ErrKnowledge.Error()+": "))
		}
		if err != nil {
			return nil, s.failed(ctx, "changing the knowledge", err)
		}
		return nil, nil
	})
}

type after struct {
	After string `query:"after" maxLength:"256" doc:"next of the page before"`
}

type answerBody[T any] struct{ Body T }

// known makes the answer of what was read.
func known[T any](s *Server, ctx context.Context, doing string, v T, err error) (*answerBody[T], error) {
	if err != nil {
		return nil, s.failed(ctx, doing, err)
	}
	return &answerBody[T]{v}, nil
}
