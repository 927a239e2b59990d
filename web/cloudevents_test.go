package web

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
)

func TestCloudEvents(t *testing.T) {
	const at = `"specversion":"1.0","id":"7","source":"https://ci.example.org/"`
	when := time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
	for name, c := range map[string]struct {
		body   string
		header []string
		want   []abi.Event
	}{
		"one": {`{` + at + `,"type":"build.done","time":"2026-01-02T15:04:05Z","subject":"slack:U1","data":{"ok":true,"n":3.50,"who":"Ada","deep":{"a":1}}}`,
			[]string{"Content-Type: " + oneEvent}, []abi.Event{{ID: "7", Source: "https://ci.example.org/", Kind: abi.CustomTracked, Time: when.UnixMilli(),
				Member: abi.Member{ID: "slack:U1"}, Custom: &abi.Custom{Name: "build.done", Data: []byte(`{"ok":true,"n":3.50,"who":"Ada","deep":{"a":1}}`),
					Props: []abi.Annotation{{Name: "n", Value: "3.50"}, {Name: "ok", Value: "true"}, {Name: "who", Value: "Ada"}}}}}},
		"a list": {`[{` + at + `,"type":"a"},{"specversion":"1.0","id":"8","source":"x","type":"b","data_base64":"aGk=","subject":"main"}]`,
			[]string{"Content-Type: " + manyEvents + "; charset=utf-8"}, []abi.Event{
				{ID: "7", Source: "https://ci.example.org/", Kind: abi.CustomTracked, Custom: &abi.Custom{Name: "a"}},
				{ID: "8", Source: "x", Kind: abi.CustomTracked, Custom: &abi.Custom{Name: "b", Data: []byte("hi"), Props: []abi.Annotation{{Name: "subject", Value: "main"}}}}}},
		"an empty list": {`[]`, []string{"Content-Type: " + manyEvents}, nil},
		"in headers": {`plain`, []string{"Content-Type: text/plain", "ce-specversion: 1.0", "ce-id: %E7%82%89", "ce-source: x", "ce-type: note"},
			[]abi.Event{{ID: "炉", Source: "x", Kind: abi.CustomTracked, Custom: &abi.Custom{Name: "note", Data: []byte("plain")}}}},
		"text": {`{` + at + `,"type":"a","datacontenttype":"text/plain","data":"hi"}`, []string{"Content-Type: " + oneEvent},
			[]abi.Event{{ID: "7", Source: "https://ci.example.org/", Kind: abi.CustomTracked, Custom: &abi.Custom{Name: "a", Data: []byte("hi")}}}},
	} {
		t.Run(name, func(t *testing.T) {
			s, m := server(t, Options{})
			for _, outcome := range []string{"accepted", "duplicate"} {
				w := do(s, http.MethodPost, "/api/v1/events", c.body, c.header...)
				if w.Code != http.StatusAccepted || strings.Count(w.Body.String(), outcome) != len(c.want) {
					t.Fatalf("%d %s, want %d × %s", w.Code, w.Body, len(c.want), outcome)
				}
			}
			if !reflect.DeepEqual(m.accepted, c.want) {
				t.Errorf("got  %+v\nwant %+v", dump(m.accepted), dump(c.want))
			}
		})
	}
}

func dump(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

func TestCloudEventsRefused(t *testing.T) {
	const ok = `"specversion":"1.0","id":"1","source":"x","type":"a"`
	many := "[" + strings.Repeat("{"+ok+"},", maxBatch) + "{" + ok + "}]"
	for name, c := range map[string]struct {
		body, media string
		code        int
		want        string
	}{
		"no JSON":           {`{`, oneEvent, 400, "the body is no CloudEvent"},
		"two":               {`{` + ok + `}{}`, oneEvent, 400, "something follows"},
		"no body":           {``, oneEvent, 400, "body is required"},
		"a list as one":     {`[]`, oneEvent, 400, "no CloudEvent"},
		"one as a list":     {`{` + ok + `}`, manyEvents, 400, "no list of CloudEvents"},
		"no media type":     {`{` + ok + `}`, "", 415, "Content-Type is " + oneEvent},
		"plain JSON":        {`{` + ok + `}`, "application/json", 415, "Content-Type is " + oneEvent},
		"malformed type":    {`{` + ok + `}`, "a/b; c", 400, "malformed"},
		"no id":             {`{"specversion":"1.0","source":"x","type":"a"}`, oneEvent, 400, "event 1: id is missing"},
		"no source":         {`{"specversion":"1.0","id":"1","type":"a"}`, oneEvent, 400, "source is missing"},
		"no type":           {`{"specversion":"1.0","id":"1","source":"x"}`, oneEvent, 400, "type is missing"},
		"another version":   {`{"specversion":"0.3","id":"1","source":"x","type":"a"}`, oneEvent, 400, "this is version 1.0"},
		"id too long":       {`{"specversion":"1.0","id":"` + strings.Repeat("1", 257) + `","source":"x","type":"a"}`, oneEvent, 400, "id has 257 bytes, at most 256"},
		"no time":           {`{` + ok + `,"time":"yesterday"}`, oneEvent, 400, "RFC 3339"},
		"a platform's":      {`{"specversion":"1.0","id":"1","source":"slack","type":"a"}`, oneEvent, 400, `source \"slack\" is hearth's own`},
		"a plugin's":        {`{"specversion":"1.0","id":"1","source":"plugin/welcome","type":"a"}`, oneEvent, 400, "hearth's own"},
		"a timer's":         {`{"specversion":"1.0","id":"1","source":"timer","type":"a"}`, oneEvent, 400, "hearth's own"},
		"both data":         {`{` + ok + `,"data":1,"data_base64":"aGk="}`, oneEvent, 400, "exclude each other"},
		"no base64":         {`{` + ok + `,"data_base64":"!"}`, oneEvent, 400, "no base64"},
		"text that is none": {`{` + ok + `,"datacontenttype":"text/plain","data":{}}`, oneEvent, 400, "is a string"},
		"the second of two": {`[{` + ok + `},{"id":"2"}]`, manyEvents, 400, "event 2: source is missing"},
		"too many":          {many, manyEvents, 400, "at most 500 events, this one has 501"},
		"too large":         {`{` + ok + `,"data":"` + strings.Repeat("x", maxBatchBytes) + `"}`, oneEvent, 413, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, m := server(t, Options{})
			w := do(s, http.MethodPost, "/api/v1/events", c.body, "Content-Type: "+c.media)
			if w.Code != c.code || !strings.Contains(w.Body.String(), c.want) {
				t.Errorf("%d %.300s\nwant %d %s", w.Code, w.Body, c.code, c.want)
			}
			if len(m.accepted) > 0 {
				t.Errorf("accepted %s all the same", dump(m.accepted))
			}
		})
	}
	s, m := server(t, Options{})
	m.err = chat.ErrBusy
	w := do(s, http.MethodPost, "/api/v1/events", `{`+ok+`}`, "Content-Type: "+oneEvent)
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("busy: %d %v", w.Code, w.Header())
	}
}

// FuzzCloudEvents: whatever the body, it is taken whole or refused, and what is
// taken has the bounds that the host relies on.
func FuzzCloudEvents(f *testing.F) {
	f.Add(oneEvent, []byte(`{"specversion":"1.0","id":"1","source":"x","type":"a","data":{"b":1,"c":"d"}}`))
	f.Add(manyEvents, []byte(`[{"specversion":"1.0","id":"1","source":"x","type":"a","data_base64":"aGk="}]`))
	f.Add("application/json", []byte(`{"a":[1,2,{"b":null}]}`))
	s, err := New(Options{Host: newMemory(), Access: keeper(f, func() string { return "" }, nil), Platforms: []string{"slack"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, media string, body []byte) {
		h := http.Header{"Content-Type": {media}, "Ce-Specversion": {"1.0"}, "Ce-Id": {"1"}, "Ce-Source": {"x"}, "Ce-Type": {"a"}}
		list, err := parseCloudEvents(h, body)
		if err != nil {
			return
		}
		for i := range list {
			ev, err := s.tracked(&list[i])
			if err != nil {
				continue
			}
			if ev.ID == "" || len(ev.ID) > maxAttribute || ev.Source == "" || ev.Source == "slack" || ev.Custom == nil || len(ev.Custom.Props) > maxProps+1 {
				t.Errorf("%s", dump(ev))
			}
		}
	})
}
