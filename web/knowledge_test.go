package web

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/audit"
)

// shelves is a Knowledge that keeps what it is asked.
type shelves struct {
	filter KnowledgeFilter
	after  string
	who    audit.Who
	done   []KnowledgeChange
	err    error
}

func (k *shelves) Topics(_ context.Context, f KnowledgeFilter) (*KnowledgePage, error) {
	k.filter = f
	return &KnowledgePage{Topics: []KnownTopic{{ID: 1, Title: "maps"}}, Next: "n"}, k.err
}

func (k *shelves) Topic(_ context.Context, id uint32, _ access.Role) (*KnownTopic, error) {
	if id == 9 {
		return nil, fmt.Errorf("%w: topic 9", ErrNotFound)
	}
	return &KnownTopic{ID: id}, k.err
}

func (k *shelves) Queue(_ context.Context, after string) (*KnowledgeQueue, error) {
	k.after = after
	return &KnowledgeQueue{Items: []KnowledgeItem{}}, k.err
}

func (k *shelves) Editions(_ context.Context, after string, _ access.Role) (*KnowledgeEditions, error) {
	k.after = after
	return &KnowledgeEditions{Editions: []KnowledgeEdition{}}, k.err
}

func (k *shelves) ChangeKnowledge(_ context.Context, who audit.Who, c *KnowledgeChange) error {
	k.who, k.done = who, append(k.done, *c)
	return k.err
}

func TestKnowledge(t *testing.T) {
	k := new(shelves)
	s, _ := server(t, Options{Knowledge: k})
	const at = "/api/v1/knowledge"
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", at, "", 200, `{"topics":[{"id":1,"title":"maps"`},
		{"GET", at + "?q=maps&order=asked&after=x&limit=5&questions=true", "", 200, `"next":"n"`},
		{"GET", at + "?limit=41", "", 422, "limit"},
		{"GET", at + "?order=size", "", 422, "order"},
		{"GET", at + "/topics/7", "", 200, `{"id":7`},
		{"GET", at + "/topics/9", "", 404, "topic 9"},
		{"GET", at + "/topics/x", "", 422, "id"},
		{"GET", at + "/editions?after=x", "", 200, `{"editions":[]}`},
		{"GET", at + "/queue?after=x", "", 200, `{"items":[],"total":0}`},
		{"POST", at + "/changes", `{"op":"hide","topic":7}`, 204, ""},
		{"POST", at + "/changes", `{"op":"merge","topic":7,"with":7}`, 422, "merge needs with: the number of another topic"},
		{"POST", at + "/changes", `{"op":"drop","topic":7}`, 422, "op"},
		{"POST", at + "/changes", `{"op":"split","topic":7}`, 422, "split needs items"},
		{"POST", at + "/changes", `{"op":"hide"}`, 422, "hide needs topic"},
		{"POST", at + "/changes", `{"op":"choose","topic":7,"place":"slack:C1"}`, 422, "choose needs place and message"},
		{"POST", at + "/changes", `{"op":"approve"}`, 422, "approve needs suggestion"},
		{"POST", at + "/changes", `{"op":"answer","topic":7,"url":"http://x"}`, 422, "does not begin with https://"},
		{"POST", at + "/changes", `{"op":"rename","topic":7,"name":"` + strings.Repeat("x", MaxKnownName+1) + `"}`, 422, "name has 201 bytes, at most 200"},
	} {
		if w := do(s, c.method, c.path, c.body, "Content-Type: application/json"); w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s %s %s: %d %s, want %d %s", c.method, c.path, c.body, w.Code, w.Body, c.status, c.want)
		}
	}
	if want := (KnowledgeFilter{Text: "maps", Order: "asked", After: "x", Limit: 5, Questions: true, Role: access.Admin}); k.filter != want {
		t.Errorf("asked for %+v, want %+v", k.filter, want)
	}
	if want := []KnowledgeChange{{Op: "hide", Topic: 7}}; !reflect.DeepEqual(k.done, want) || k.who.Via != "api" || k.after != "x" {
		t.Errorf("did %+v by %+v, want %+v; after %q", k.done, k.who, want, k.after)
	}
	k.err = fmt.Errorf("%w: plugin digest", ErrNotFound)
	for _, path := range []string{at, at + "/topics/1", at + "/queue", at + "/editions"} {
		if w := do(s, "GET", path, ""); w.Code != 404 {
			t.Errorf("%s without the plugin: %d %s", path, w.Code, w.Body)
		}
	}
}

// What a plugin is told of a change is what it needs, and no more.
func TestKnowledgeProps(t *testing.T) {
	full := KnowledgeChange{Topic: 7, With: 8, Items: []uint32{5, 4, 5}, Name: "n", Text: "t", URL: "https://u", Place: "p", Message: "m", Suggestion: "s"}
	for op, want := range map[string]string{"merge": "map[topic:7 with:8]", "split": "map[items:4,5 topic:7]", "rename": "map[name:n topic:7]",
		"answer": "map[text:t topic:7 url:https://u]", "choose": "map[message:m place:p topic:7]", "hide": "map[topic:7]", "show": "map[topic:7]",
		"approve": "map[suggestion:s]", "dismiss": "map[suggestion:s]"} {
		full.Op = op
		if got := fmt.Sprint(full.Props()); got != want || full.Check() != nil {
			t.Errorf("%s: %s, %v, want %s", op, got, full.Check(), want)
		}
	}
}
