package plan

import (
	"strings"
	"testing"
	"unicode"
)

// What is wrong with a target is said in the reader's language, with the place
// and the part that is wrong.
func TestTargetExplained(t *testing.T) {
	for target, want := range map[string][2]string{
		`shoe_size > 40`:        {"it cannot be read: at character 1, shoe_size: there is no shoe_size; there are id, platform, locale,", "表达式有误：第 1 个字符，shoe_size：没有 shoe_size；可用的有 id、platform、"},
		`guest = 1`:             {"two values are compared by ==", "比较两个值要用 =="},
		`guest == `:             {"it ends too early", "表达式没有写完"},
		`locale == "zh`:         {"a quote is opened and never closed", "引号没有闭合"},
		`joined_days > "three"`: {"> does not go between a number and a text", "> 不能用在数字和文本之间"},
		`not joined_days`:       {"not does not go before a number", "not 不能用在数字前面"},
		`guest) and direct`:     {") is in no place here", "这里不该出现 )"},
		`guest & direct`:        {"& is in no place here", "这里不该出现 &"},
		`len(did, did) > 1`:     {"it cannot be read: ", "表达式有误：第 "},
	} {
		_, p := compile(target)
		if p == nil {
			t.Errorf("%s is taken", target)
			continue
		}
		en, zh := p.In("en"), p.In("zh-CN")
		if p.Code != "target" || !strings.Contains(en, want[0]) || !strings.Contains(zh, want[1]) {
			t.Errorf("%s: %q, %q", target, en, zh)
		}
		if strings.ContainsFunc(en, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
			t.Errorf("%s: English has %q", target, en)
		}
	}
}
