package app

import (
	"strings"
	"testing"

	"github.com/hearthbot/hearth/host"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/sdk/abi"
)

// What a plugin's schema objects to is said in the reader's language, with where
// in the setting it is.
func TestMisfits(t *testing.T) {
	m := &abi.Manifest{Name: "p", Schema: []byte(`{"type": "object", "additionalProperties": false, "properties": {
		"crowd": {"type": "integer", "minimum": 1, "maximum": 30}, "where": {"enum": ["direct", "channel"]}, "word": {"type": "string", "minLength": 2, "pattern": "^[a-z]+$"},
		"rules": {"type": "array", "maxItems": 2, "items": {"type": "object", "required": ["word"], "additionalProperties": false, "properties": {"word": {"type": "string"}, "limit": {"type": "integer"}}}},
		"odd": {"not": {"const": 3}}}}`)}
	for text, want := range map[string][2]string{
		`{"crowd": 50}`:        {"it is 50, at most 30", "现在是 50，最大 30"},
		`{"crowd": 0}`:         {"it is 0, at least 1", "现在是 0，最小 1"},
		`{"crowd": "many"}`:    {"it is a text, and has to be a whole number", "现在是文本，应该是整数"},
		`{"where": "nowhere"}`: {"it is nowhere; there are direct, channel", "现在是 nowhere；可以用 direct, channel"},
		`{"word": "x"}`:        {"it has 1 characters, at least 2", "现在有 1 个字符，至少 2 个"},
		`{"word": "XY"}`:       {"XY is not of the form ^[a-z]+$", "XY 不符合格式 ^[a-z]+$"},
		`{"rules": [{"word": "a"}, {"word": "b", "limit": "x"}]}`: {"[1].limit: it is a text, and has to be a whole number", "[1].limit：现在是文本，应该是整数"},
		`{"rules": [{}]}`:                                          {"[0]: word is missing", "[0]：缺少 word"},
		`{"rules": [{"word": "a", "wrod": "b"}]}`:                  {"[0]: there is no wrod", "[0]：没有 wrod"},
		`{"rules": [{"word": "a"}, {"word": "b"}, {"word": "c"}]}`: {"it has 3 entries, at most 2", "现在有 3 项，最多 2 项"},
		`{"odd": 3}`: {"not", "校验的原话是"},
	} {
		err := host.CheckConfig(m, []byte(text))
		if err == nil {
			t.Errorf("%s is taken", text)
			continue
		}
		said := config.Explain(schemaSays(err))
		if en := said["en"]; !strings.HasPrefix(en, "the plugin does not take it: ") || !strings.Contains(en, want[0]) {
			t.Errorf("%s: %s", text, en)
		}
		if zh := said["zh-CN"]; !strings.HasPrefix(zh, "插件不接受这个值：") || !strings.Contains(zh, want[1]) {
			t.Errorf("%s: %s", text, zh)
		}
	}
}
