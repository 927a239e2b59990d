package sdk

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/hearthbot/hearth/sdk/abi"
)

// rowsHost answers reads from a map; logs are dropped.
type rowsHost map[string][]byte

func (h rowsHost) Log(int, string) {}

func (h rowsHost) Get(key string) ([]byte, bool, error) {
	v, ok := h[key]
	return v, ok, nil
}

func (h rowsHost) Scan(s abi.Scan) (rows abi.Rows, err error) {
	for k, v := range h {
		if inRange(&s, k) {
			rows.Rows = append(rows.Rows, abi.Pair{Key: k, Value: v})
		}
	}
	order(rows.Rows, s.Reverse)
	limit := s.Limit
	if limit == 0 {
		limit = abi.MaxScan
	}
	if len(rows.Rows) > limit {
		rows.Rows, rows.More = rows.Rows[:limit], true
	}
	return rows, nil
}

func (h rowsHost) apply(e abi.Effects) {
	for _, w := range e.Writes {
		if w.Delete {
			delete(h, w.Key)
		} else {
			h[w.Key] = w.Value
		}
	}
}

type testConfig struct {
	Path string `default:"https://go.dev/"`
}

var testTexts = fstest.MapFS{
	"messages/en.json":    {Data: []byte(`{"about": "A test", "hello": "Hi {name}, see [this]({path})", "command.ping": "Answers"}`)},
	"messages/zh-CN.json": {Data: []byte(`{"about": "测试", "hello": "看[这里]({path})，{name}", "command.ping": "回答"}`)},
}

func join(id, name, locale string) *abi.Call {
	return &abi.Call{Now: 1_700_000_000_000, Seed: 7, Event: abi.Event{ID: "1", Source: "test", Kind: abi.MemberJoined,
		Conversation: abi.Conversation{ID: "web:general", Kind: abi.Channel}, Member: abi.Member{ID: id, Name: name, Locale: locale}}}
}

func TestHandlerGreetsOnceInTheMembersLanguage(t *testing.T) {
	p := New[testConfig]("test", "1.0.0", Texts(testTexts)).OnJoin(func(c *Ctx[testConfig]) error {
		if c.Once("greeted") {
			c.DM(c.T("hello", c.Name(), c.Config.Path)).Key("hello")
		}
		return nil
	})
	rows := rowsHost{}
	e := p.p.Handle(join("web:1", "*Ann*", "zh-CN"), rows)
	if e.Error != "" {
		t.Fatal(e.Error)
	}
	if got, want := e.Out[0].Send.Content.Blocks[0].Text, `看[这里](https://go.dev/)，\*Ann\*`; got != want {
		t.Errorf("said %q, want %q", got, want)
	}
	rows.apply(e)
	if e := p.p.Handle(join("web:1", "Ann", "zh-CN"), rows); len(e.Out) != 0 || e.Error != "" {
		t.Errorf("the second join had effects: %+v", e)
	}
}

func TestPanicBecomesAnErrorAndNothingElse(t *testing.T) {
	p := New[testConfig]("test", "1.0.0").OnJoin(func(c *Ctx[testConfig]) error {
		c.DM("never sent")
		panic("boom")
	})
	e := p.p.Handle(join("web:1", "Ann", ""), rowsHost{})
	if len(e.Out) != 0 || !strings.Contains(e.Error, "panic: boom") {
		t.Fatalf("effects of a panic: %+v", e)
	}
}

// Of what is said of one timer in one event the last word counts: the host takes
// one change of each.
func TestOneTimerIsSetOnce(t *testing.T) {
	p := New[testConfig]("test", "1.0.0").OnJoin(func(c *Ctx[testConfig]) error {
		c.After(1, "a")
		c.DM("between")
		c.After(2, "a").In("web:general") // the event's own conversation
		c.After(3, "a").Key("")
		c.Cancel("b")
		c.After(4, "b")
		c.After(5, "c")
		c.Cancel("c")
		return nil
	})
	var got []string
	for _, o := range p.p.Handle(join("web:1", "Ann", ""), rowsHost{}).Out {
		switch {
		case o.Timer != nil:
			got = append(got, "set "+o.Timer.Name+" for "+o.Timer.Key)
		case o.Cancel != nil:
			got = append(got, "cancel "+o.Cancel.Name)
		case o.Send != nil:
			got = append(got, "send")
		}
	}
	if want := "send, set a for web:1, set a for , set b for web:1, cancel c"; strings.Join(got, ", ") != want {
		t.Errorf("effects: %s, want %s", strings.Join(got, ", "), want)
	}
}
