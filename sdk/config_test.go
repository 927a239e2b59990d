package sdk

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

type settingsUnderTest struct {
	Path   string        `default:"https://go.dev/" help:"where to begin" max:"200"`
	Every  time.Duration `default:"36h" min:"1m" max:"7d"`
	Count  int           `default:"5" min:"1" max:"10"`
	Small  uint8         `default:"3"`
	Share  float64       `default:"0.5"`
	On     bool          `default:"true"`
	Mode   string        `default:"dm" enum:"dm,channel"`
	Tags   []string      `default:"go, wasm"`
	Nested struct {
		Deep time.Duration `default:"90s"`
	}
	Rules   []rule
	ByAim   map[string]string
	HTTPUrl string // no default
	hidden  int
}

type rule struct {
	Word  string
	Limit int `default:"7"`
}

func TestConfigDefaults(t *testing.T) {
	c := configOf[settingsUnderTest]()
	v, err := c.decode(nil)
	if err != nil {
		t.Fatal(err)
	}
	got := v.(*settingsUnderTest)
	want := &settingsUnderTest{Path: "https://go.dev/", Every: 36 * time.Hour, Count: 5, Small: 3, Share: 0.5, On: true, Mode: "dm", Tags: []string{"go", "wasm"}}
	want.Nested.Deep = 90 * time.Second
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got.hidden != 0 {
		t.Error("an unexported field was set")
	}

	// The defaults as JSON are the config that they decode to.
	text, err := c.defaults()
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.decode(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	got = again.(*settingsUnderTest)
	got.Rules, got.ByAim = nil, nil // [] and {} in JSON
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s\ngot  %+v\nwant %+v", text, got, want)
	}
	if !strings.Contains(string(text), `"every":"36h"`) || !strings.Contains(string(text), `"http_url":""`) {
		t.Errorf("defaults: %s", text)
	}
}

func TestConfigDecode(t *testing.T) {
	v, err := configOf[settingsUnderTest]().decode([]byte(`{"every": "1d12h", "count": 2, "tags": [], "nested": {"deep": "5m"},
		"rules": [{"word": "a"}, {"word": "b", "limit": 1}], "by_aim": {"learn": "x"}, "on": false}`))
	if err != nil {
		t.Fatal(err)
	}
	c := v.(*settingsUnderTest)
	if c.Every != 36*time.Hour || c.Count != 2 || len(c.Tags) != 0 || c.Nested.Deep != 5*time.Minute || c.On || c.Path != "https://go.dev/" {
		t.Errorf("%+v", c)
	}
	if want := []rule{{"a", 7}, {"b", 1}}; !reflect.DeepEqual(c.Rules, want) || c.ByAim["learn"] != "x" {
		t.Errorf("%+v", c)
	}
}

func TestConfigErrorsSayWhere(t *testing.T) {
	for text, want := range map[string]string{
		`{"rules": [{"word": "a"}, {"limit": "x"}]}`: `config.rules[1].limit: "x" is not a whole number in range`,
		`{"nested": {"deep": 5}}`:                    `config.nested.deep: 5 is not a duration such as "90s"`,
		`{"every": "soon"}`:                          `config.every: "soon" is not a duration`,
		`{"pth": "x"}`:                               `config: there is no setting "pth"`,
		`{"small": 300}`:                             `config.small: 300 is not a whole number in range`,
		`{"count": 1.5}`:                             `config.count: 1.5 is not a whole number in range`,
		`{"by_aim": {"a": 1}}`:                       `config.by_aim.a: 1 is not a text`,
		`[]`:                                         `config: [] is not an object`,
		`{"on": 1}`:                                  `config.on: 1 is not true or false`,
		`{} {}`:                                      `something follows`,
		`{`:                                          `unexpected EOF`,
	} {
		if _, err := configOf[settingsUnderTest]().decode([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	type bad struct {
		N int `default:"many"`
	}
	if _, err := configOf[bad]().decode(nil); err == nil || !strings.Contains(err.Error(), "config.n") || !strings.Contains(err.Error(), "default tag") {
		t.Errorf("a bad default: %v", err)
	}
	type worse struct{ C chan int }
	if _, err := configOf[worse]().schema(&catalogue{}); err == nil || !strings.Contains(err.Error(), "config.c: a config cannot have a chan int") {
		t.Errorf("a channel: %v", err)
	}
}

func TestSchema(t *testing.T) {
	texts, err := loadTexts(fstest.MapFS{
		"messages/en.json":    {Data: []byte(`{"config.count": "How many"}`)},
		"messages/zh-CN.json": {Data: []byte(`{"config.count": "多少"}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := configOf[settingsUnderTest]().schema(texts)
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		Schema     string `json:"$schema"`
		Type       string
		Properties map[string]map[string]any
		Additional any      `json:"additionalProperties"`
		Order      []string `json:"x-order"`
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	if s.Schema != "https://json-schema.org/draft/2020-12/schema" || s.Type != "object" || s.Additional != false || s.Order[0] != "path" || len(s.Order) != 12 {
		t.Errorf("%s", raw)
	}
	for _, c := range []struct {
		property, keyword string
		want              any
	}{
		{"path", "type", "string"}, {"path", "description", "where to begin"}, {"path", "default", "https://go.dev/"}, {"path", "maxLength", 200.0},
		{"every", "format", "go-duration"}, {"every", "x-minimum", "1m"}, {"every", "x-maximum", "7d"}, {"every", "default", "36h"},
		{"count", "type", "integer"}, {"count", "minimum", 1.0}, {"count", "maximum", 10.0}, {"count", "description", "How many"},
		{"small", "minimum", 0.0}, {"small", "maximum", 255.0},
		{"mode", "enum", []any{"dm", "channel"}},
		{"tags", "default", []any{"go", "wasm"}},
		{"count", "x-help", map[string]any{"en": "How many", "zh-CN": "多少"}},
	} {
		if got := s.Properties[c.property][c.keyword]; !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s.%s is %v, want %v", c.property, c.keyword, got, c.want)
		}
	}
}

func TestSettingName(t *testing.T) {
	for name, want := range map[string]string{"Path": "path", "DeleteAfter": "delete_after", "HTTPUrl": "http_url", "URL": "url", "MaxURLs2": "max_ur_ls2", "UserID": "user_id"} {
		if got := settingName(reflect.StructField{Name: name}); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(`{"every": "1d12h", "rules": [{"word": "a"}], "by_aim": {"learn": "x"}}`))
	f.Add([]byte(`{"count": 1e400, "nested": null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := configOf[settingsUnderTest]().decode(text)
		if err != nil || v == nil {
			return
		}
		raw, err := json.Marshal(plainValue(reflect.ValueOf(v).Elem()))
		if err != nil {
			t.Fatal(err)
		}
		again, err := configOf[settingsUnderTest]().decode(raw)
		if err != nil {
			t.Fatalf("%s was accepted, but not %s: %v", text, raw, err)
		}
		_ = again
	})
}
