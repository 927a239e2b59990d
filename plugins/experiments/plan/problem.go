package plan

import (
	"fmt"
	"strings"

	"github.com/hearthbot/hearth/sdk/abi"
)

// Problem is something wrong with a definition.
type Problem struct {
	Field string // its path: "weights", "ramp[1].coverage"; "" for the whole
	Code  string // a word that stays

	// Line and Column are its place in the text that was parsed, from 1; 0 if none
	// was.
	Line, Column int

	// At is the column in the field's own text, from 1, for a target; else 0.
	At int

	args []any
}

func problem(field, code string, args ...any) Problem {
	return Problem{Field: field, Code: code, args: args}
}

// In says the problem to a reader of locale, in one line.
func (p Problem) In(locale string) string {
	w, ok := words[p.Code]
	if !ok {
		return p.Code
	}
	form := w[0]
	if abi.SameLanguage(locale, "zh-CN") {
		form = w[1]
	}
	args := make([]any, len(p.args))
	for i, a := range p.args {
		if args[i] = a; form == w[1] {
			args[i] = inChinese(a)
		}
	}
	return fmt.Sprintf(form, args...)
}

// phrase is a part of what is said that is another in Chinese.
type phrase struct{ en, zh string }

func (p phrase) String() string { return p.en }

func inChinese(a any) any {
	if p, ok := a.(phrase); ok {
		return p.zh
	}
	return a
}

// String says the problem in English, with its place.
func (p Problem) String() string {
	s := p.In("en")
	if p.Field != "" {
		s = p.Field + ": " + s
	}
	if p.Line > 0 {
		s = fmt.Sprintf("line %d, column %d: %s", p.Line, p.Column, s)
	}
	return s
}

// Problems are what is wrong with a definition.
type Problems []Problem

// Error says all of them, a line each.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// words say each problem in English and Chinese.
var words = map[string][2]string{
	"size":       {"it has %d KiB, at most %d", "有 %d KiB，最多 %d"},
	"syntax":     {"this is no JSON: %s", "不是 JSON：%s"},
	"end":        {"the text ends too early: a brace, a bracket or a quote is not closed", "文本提前结束：有括号或引号没有闭合"},
	"more":       {"something follows behind the definition", "定义后面还有多余的内容"},
	"type":       {"here stands a %s, where a %s belongs", "这里是 %s，应该是 %s"},
	"unknown":    {"there is no field %q", "没有 %q 这个字段"},
	"experiment": {"%s", "%s"},

	"key.none":     {"give it a key, such as bot-script", "请填写标识，例如 bot-script"},
	"key":          {"the key %q: small letters, digits and single hyphens, beginning with a letter; at most %d", "标识 %q：用小写字母、数字和单个连字符，以字母开头，最多 %d 个字符"},
	"key.reserved": {"the key %q means something else already; take another", "标识 %q 已有别的含义，请换一个"},
	"key.twice":    {"there is an experiment %q already", "已经有名为 %q 的实验"},
	"seed":         {"the seed has at most %d bytes", "种子最多 %d 字节"},
	"version":      {"there is no hash version %d; use 2", "没有第 %d 版哈希，请用 2"},

	"variations":      {"%d variations; there are 2 to %d", "有 %d 个版本，应为 2 到 %d 个"},
	"variation":       {"the variation %q: small letters and digits, with single dots, hyphens or underscores between; 1 to %d", "版本名 %q：用小写字母和数字，中间可用单个点、连字符或下划线，1 到 %d 个字符"},
	"variation.twice": {"there are two variations %q", "有两个版本都叫 %q"},
	"share":           {"%s is no share: it is from 0 to 1", "%s 不是比例：应在 0 到 1 之间"},
	"weights.count":   {"%d weights for %d variations", "%d 个权重，却有 %d 个版本"},
	"weights.sum":     {"the weights sum to %s, not to 1", "权重之和是 %s，应为 1"},

	"locale":    {"there is no language %q here; there are %s", "没有语言 %q，可用的有 %s"},
	"text":      {"at most %d characters", "最多 %d 个字符"},
	"name.none": {"give it a name", "请填写名称"},

	"namespace.id": {"the namespace needs a name of at most %d bytes", "互斥组需要名称，最多 %d 字节"},
	"namespace":    {"its part of the namespace is from %s to %s; it begins at 0 or later, ends at 1 or before, and has a width", "它在互斥组中占 %s 到 %s：起点不小于 0，终点不大于 1，且要有宽度"},
	"holdout.name": {"the holdout needs a name of at most %d bytes", "保留组需要名称，最多 %d 字节"},

	"forced.many": {"%d testers, at most %d", "有 %d 位测试者，最多 %d 位"},
	"forced.id":   {"%q is no member's id; it is like slack:U1", "%q 不是成员 ID，应像 slack:U1 这样"},
	"forced":      {"member %s tests %q, which is no variation", "成员 %s 测试的 %q 不是其中的版本"},

	"stop":      {"it stops before it starts", "结束时间早于开始时间"},
	"ramp.many": {"%d steps, at most %d", "有 %d 步，最多 %d 步"},
	"ramp":      {"step %d has a time, behind that of the step before it", "第 %d 步要有时间，且晚于上一步"},
	"ramp.down": {"step %d takes in fewer members than the one before it: those who leave would be neither in nor out", "第 %d 步的覆盖比上一步少：退出的成员既不算在内也不算在外"},

	"target":       {"it cannot be read: %s", "表达式有误：%s"},
	"target.long":  {"%d characters, at most %d", "有 %d 个字符，最多 %d 个"},
	"target.loop":  {"there are no loops and no ranges here: they could be of any length", "这里不能用循环和区间：长度没有上限"},
	"target.type":  {"it must say yes or no, such as guest == false", "结果要是“是”或“否”，例如 guest == false"},
	"target.nodes": {"it is too large; at most %d parts", "太大了，最多 %d 个部分"},

	"metrics.many": {"%d of them, at most %d", "有 %d 个，最多 %d 个"},
	"metrics.none": {"say what it is judged by before it runs, such as day7", "运行前请选择评判指标，例如 day7"},
	"metric":       {"%q is no name of a metric", "%q 不是指标名"},
	"metric.twice": {"%q stands there twice", "%q 出现了两次"},

	"status":      {"the status %q; there are draft, running, stopped and settled", "状态 %q：应为 draft、running、stopped 或 settled"},
	"winner":      {"the winner %q is no variation", "胜出者 %q 不是其中的版本"},
	"winner.none": {"only a settled experiment has a winner", "只有已定案的实验才有胜出者"},

	"all.many":    {"%d experiments, at most %d; delete old ones", "有 %d 个实验，最多 %d 个，请删除旧的"},
	"all.size":    {"all experiments together have %d KiB, at most %d; delete old ones or their testers", "所有实验共 %d KiB，最多 %d，请删除旧实验或其测试者"},
	"all.running": {"%d experiments run or are settled, at most %d; stop some", "有 %d 个实验在运行或已定案，最多 %d 个，请先停止一些"},

	"change.seed":      {"members who come in from now on are divided anew, by another seed or hash", "此后加入的成员会按新的种子或哈希重新划分"},
	"change.gone":      {"members of %q get no variation from now on", "此后 %q 的成员不再有版本"},
	"change.weights":   {"members keep their variations, so the groups no longer have the sizes of one set of weights: begin a new experiment for results that can be relied on", "成员会保留原来的版本，各组大小不再符合同一组权重；要得到可靠的结果，请新建实验"},
	"change.coverage":  {"fewer members come in from now on; those who are in it stay", "此后加入的成员会变少，已在其中的会保留"},
	"change.variation": {"%q has no members yet, and is behind the others in time: begin a new experiment for results that can be relied on", "%q 还没有成员，时间上落后于其他版本；要得到可靠的结果，请新建实验"},
	"change.control":   {"the others are compared with %q from now on, not with %q", "此后其他版本与 %q 比较，而不是 %q"},
}
