package plan

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"github.com/hearthbot/hearth/sdk/abi"
)

// Known is what is known of a member, as targets speak of it. [Of] makes it.
type Known struct {
	ID         string   `expr:"id"`
	Platform   string   `expr:"platform"`
	Locale     string   `expr:"locale"`
	Language   string   `expr:"language"`
	TimeZone   string   `expr:"time_zone"`
	Guest      bool     `expr:"guest"`
	DirectOK   bool     `expr:"direct"`
	JoinedDays float64  `expr:"joined_days"`
	SeenDays   float64  `expr:"seen_days"`
	GitHub     bool     `expr:"github"`
	Did        []string `expr:"did"`
}

// Attribute is one of what is known of a member, for those who write targets.
type Attribute struct {
	Name    string // in a target
	Type    string // "text", "number", "yes or no" or "list of texts"
	About   Text
	Example string // a target
}

// Attributes lists what a target may speak of.
func Attributes() []Attribute {
	return []Attribute{
		{"platform", "text", Text{"en": "where the member is", "zh-CN": "成员所在的平台"}, `platform == "slack"`},
		{"language", "text", Text{"en": "their language without its region; the community's if they have none", "zh-CN": "成员的语言，不带地区；没有则为社区的语言"}, `language == "zh"`},
		{"locale", "text", Text{"en": "their language with its region; the community's if they have none", "zh-CN": "成员的语言和地区；没有则为社区的"}, `locale in ["zh-CN", "zh-TW"]`},
		{"time_zone", "text", Text{"en": "their time zone; the community's if it is not known", "zh-CN": "成员的时区；未知则为社区的"}, `time_zone startsWith "Asia/"`},
		{"joined_days", "number", Text{"en": "days since they joined, with fractions; -1 if they were there before hearth", "zh-CN": "加入以来的天数，可带小数；早于 hearth 加入的为 -1"}, `joined_days >= 0 && joined_days < 3`},
		{"seen_days", "number", Text{"en": "days since experiments first saw something of them", "zh-CN": "实验首次见到该成员以来的天数"}, `seen_days < 1`},
		{"guest", "yes or no", Text{"en": "they are a guest, restricted to some channels", "zh-CN": "是否为访客，只能进入部分频道"}, `not guest`},
		{"direct", "yes or no", Text{"en": "the bot can write to them directly", "zh-CN": "机器人能否私信该成员"}, `direct`},
		{"github", "yes or no", Text{"en": "their GitHub name is linked, or a pull request of theirs was seen", "zh-CN": "已关联 GitHub，或见过其拉取请求"}, `github`},
		{"did", "list of texts", Text{"en": "what was tracked of them so far: at most 32 names, such as path.first_task or pr.opened", "zh-CN": "至今记录过的事，最多 32 个名字，例如 path.first_task 或 pr.opened"}, `"path.first_task" in did`},
		{"id", "text", Text{"en": "the member's id", "zh-CN": "成员 ID"}, `id endsWith "7"`},
	}
}

// Linked is the tracked name by which it is known that a member's GitHub name
// was confirmed.
const Linked = "github.linked"

// Of is what a member and what was noted of them come to. Seen is when they were
// first seen and did what was tracked of them; the community's locale and time
// zone stand in where they have none.
func Of(m *abi.Member, locale, zone string, seen time.Time, did []string, now time.Time) Known {
	k := Known{ID: m.ID, Platform: abi.Platform(m.ID), Locale: m.Locale, TimeZone: m.TimeZone,
		Guest: m.Guest, DirectOK: !m.NoDM, JoinedDays: -1, Did: did}
	if k.Locale == "" {
		k.Locale = locale
	}
	if k.TimeZone == "" {
		k.TimeZone = zone
	}
	k.Language, _, _ = strings.Cut(strings.ReplaceAll(strings.ToLower(k.Locale), "_", "-"), "-")
	if m.JoinedAt > 0 {
		k.JoinedDays = math.Max(0, now.Sub(time.UnixMilli(m.JoinedAt)).Hours()/24)
	}
	if !seen.IsZero() {
		k.SeenDays = math.Max(0, now.Sub(seen).Hours()/24)
	}
	k.GitHub = slices.ContainsFunc(did, func(s string) bool {
		return s == Linked || s == string(abi.PROpened) || s == string(abi.PRMerged)
	})
	return k
}

// target is a compiled expression; the zero target is of everybody.
type target struct{ program *vm.Program }

// compile makes a target of an expression, or says where it is wrong.
func compile(text string) (target, *Problem) {
	if strings.TrimSpace(text) == "" {
		return target{}, nil
	}
	refuse := func(code string, at int, args ...any) (target, *Problem) {
		p := problem("target", code, args...)
		p.At = at
		return target{}, &p
	}
	if n := utf8.RuneCountInString(text); n > MaxTarget {
		return refuse("target.long", 0, n, MaxTarget)
	}
	loops := &loopFinder{}
	p, err := expr.Compile(text, expr.Env(Known{}), expr.AsBool(), expr.MaxNodes(MaxNodes), expr.DisableAllBuiltins(),
		expr.EnableBuiltin("lower"), expr.EnableBuiltin("upper"), expr.EnableBuiltin("trim"), expr.EnableBuiltin("len"),
		expr.Patch(loops), expr.Optimize(false)) // which would make a range in advance
	switch {
	case err == nil && loops.found != nil:
		return refuse("target.loop", loops.found.Location().From+1)
	case err == nil:
		return target{p}, nil
	}
	what, _, _ := strings.Cut(err.Error(), "\n")
	at := 0
	var fe *file.Error
	if errors.As(err, &fe) {
		what, _, _ = strings.Cut(fe.Message, "\n")
		at = fe.From + 1
	}
	switch {
	case strings.HasPrefix(what, "expected bool"):
		return refuse("target.type", 0)
	case strings.Contains(what, "maximum allowed nodes"):
		return refuse("target.nodes", 0, MaxNodes)
	}
	said := explain(what)
	if part := fragment(text, fe); part != "" {
		said = phrase{fmt.Sprintf("at character %d, %s: %s", at, part, said.en), fmt.Sprintf("第 %d 个字符，%s：%s", at, part, said.zh)}
	}
	return refuse("target", at, said)
}

// loopFinder finds what could take longer than the expression is large: loops,
// ranges, and patterns.
type loopFinder struct{ found ast.Node }

// Visit implements ast.Visitor.
func (f *loopFinder) Visit(n *ast.Node) {
	switch n := (*n).(type) {
	case *ast.BinaryNode:
		if n.Operator == ".." {
			f.found = n
		}
	case *ast.PredicateNode:
		f.found = n
	}
}

// takes says whether the target takes a member. An expression that fails, as
// by a division by zero, takes nobody.
func (t target) takes(k *Known) bool {
	if t.program == nil {
		return true
	}
	out, err := expr.Run(t.program, k)
	if err != nil {
		return false
	}
	yes, _ := out.(bool)
	return yes
}
