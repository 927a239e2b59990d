package web

import (
	"fmt"

	"github.com/hearthbot/hearth/web/page"
)

// runTexts are the texts of /run in a language: "en" or "zh-CN".
type runTexts string

// Lang is the language as HTML has it.
func (l runTexts) Lang() string { return string(l) }

// Other is the language one can change to.
func (l runTexts) Other() string {
	if l == "zh-CN" {
		return "en"
	}
	return "zh-CN"
}

// Say is the text of key.
func (l runTexts) Say(key string, args ...any) string {
	return say(runText, string(l), key, args...)
}

// say is the text of key in a language, and key itself where there is none.
func say(texts map[string]struct{ en, zh string }, lang, key string, args ...any) string {
	t, ok := texts[key]
	if !ok {
		return key
	}
	s := t.en
	if lang == "zh-CN" {
		s = t.zh
	}
	if len(args) == 0 {
		return s
	}
	return fmt.Sprintf(s, args...)
}

// Spans is the text of key, with code where it has backquotes.
func (l runTexts) Spans(key string) []page.Span { return page.Quoted(l.Say(key)) }

// Step is a step of the compiler's preparation.
func (l runTexts) Step(step string) string { return l.Say("step." + step) }

// Found says how much there is to read.
func (l runTexts) Found(all, places int) string {
	switch {
	case all == 0:
		return ""
	case all == 1 && l == "en":
		return l.Say("found.one")
	}
	return l.Say("found.many", all)
}

// Tests says how many passed.
func (l runTexts) Tests(tests []TestResult) string {
	passed := 0
	for _, t := range tests {
		if t.Passed {
			passed++
		}
	}
	return l.Say("tests.count", passed, len(tests))
}

// runText is all that the page says.
var runText = map[string]struct{ en, zh string }{
	"title":          {"Run Go", "运行 Go"},
	"lead":           {"Write Go, run it, and hear at once what happened. Nothing to install, no account.", "写 Go，运行，马上知道结果。不用安装，不用注册。"},
	"skip":           {"To the program", "跳到程序"},
	"chat":           {"Chat", "聊天"},
	"language.other": {"中文", "English"},
	"theme":          {"Light or dark", "浅色或深色"},
	"examples":       {"Examples", "示例"},
	"examples.label": {"Examples of the path, from the first program on", "学习路径上的示例，从第一个程序开始"},
	"mine":           {"Back to my program", "回到我的程序"},

	"code":       {"Your Go program", "你的 Go 程序"},
	"code.keys":  {"%s+Enter runs it. Tab indents; to leave the editor with the keyboard press Escape, then Tab.", "%s+Enter 运行。Tab 缩进；要用键盘离开编辑器，先按 Escape 再按 Tab。"},
	"code.leave": {"Tab leaves the editor now.", "现在按 Tab 会离开编辑器。"},
	"code.files": {"Several files: write a line such as `-- name.go --` before each. Files that end in `_test.go` are run as tests.", "多个文件：在每个文件前写一行，例如 `-- name.go --`。以 `_test.go` 结尾的文件会当作测试运行。"},
	"input":      {"Input and arguments", "输入和参数"},
	"stdin":      {"Standard input", "标准输入"},
	"stdin.hint": {"What the program reads from os.Stdin.", "程序从 os.Stdin 读到的内容。"},
	"args":       {"Arguments", "命令行参数"},
	"args.hint":  {"As in a shell: words apart by spaces, quotes keep them together.", "和命令行一样：用空格分开，引号里的算一个。"},
	"do.run":     {"Run", "运行"},
	"do.cancel":  {"Cancel", "取消"},
	"do.format":  {"Format", "格式化"},
	"do.share":   {"Share", "分享"},
	"do.copy":    {"Copy link", "复制链接"},

	"result":         {"Result", "结果"},
	"result.empty":   {"What the program does will stand here.", "程序运行的结果会显示在这里。"},
	"run.running":    {"Compiling and running", "正在编译并运行"},
	"run.position":   {"Waiting for a turn: number %d in the queue", "正在排队：第 %d 位"},
	"run.preparing":  {"The compiler is being prepared (%s). Your program runs as soon as it is ready.", "正在准备编译器（%s）。准备好后马上运行你的程序。"},
	"run.sent":       {"Sending", "正在发送"},
	"run.cancelled":  {"Cancelled. Nothing runs any more.", "已取消，程序不再运行。"},
	"run.unreached":  {"hearth cannot be reached. Your program is still here: try again in a moment.", "连不上炉边。你的程序还在，请稍后再试。"},
	"run.again":      {"hearth cannot be reached just now. Trying again; your program is still here", "暂时连不上炉边，正在重试；你的程序还在"},
	"run.formatted":  {"Formatted, as gofmt does it.", "已按 gofmt 的规则格式化。"},
	"run.unchanged":  {"It is formatted already.", "格式已经是对的。"},
	"run.copied":     {"The link is copied.", "链接已复制。"},
	"step.waiting":   {"waiting for its files", "等待文件"},
	"step.compile":   {"1 of 3, the compiler", "第 1 步，共 3 步：编译器"},
	"step.link":      {"2 of 3, the linker", "第 2 步，共 3 步：链接器"},
	"step.library":   {"3 of 3, the library", "第 3 步，共 3 步：标准库"},
	"step.ready":     {"ready", "就绪"},
	"script.without": {"Without JavaScript the page loads again with the result.", "没有 JavaScript 时，页面会带着结果重新加载。"},

	"verdict.accepted":                   {"It works.", "运行成功。"},
	"verdict.accepted.more":              {"The program ran to its end.", "程序正常运行到结束。"},
	"verdict.wrong_answer":               {"Not the expected answer.", "结果和预期不同。"},
	"verdict.wrong_answer.more":          {"It ran, but what came out is another.", "程序运行了，但输出不一样。"},
	"verdict.compile_error":              {"It does not compile yet.", "还不能编译。"},
	"verdict.compile_error.more":         {"The compiler found something to mend first. Nothing was run.", "编译器发现了需要先改的地方，程序没有运行。"},
	"verdict.vet_error":                  {"It compiles, but there is a mistake in it.", "能编译，但里面有错误。"},
	"verdict.vet_error.more":             {"go vet found something that is surely not meant so. Nothing was run.", "go vet 发现了肯定不对的地方，程序没有运行。"},
	"verdict.runtime_error":              {"It started, and then failed.", "程序运行后出错了。"},
	"verdict.runtime_error.more":         {"It compiled well, and stopped on the way.", "编译没有问题，运行到一半停了。"},
	"verdict.deadlock":                   {"It waits for ever.", "程序永远在等待。"},
	"verdict.deadlock.more":              {"All goroutines wait, and none is left that could wake another: a deadlock.", "所有 goroutine 都在等待，没有谁能唤醒别人：这就是死锁。"},
	"verdict.goroutine_leak":             {"It ran, and left a goroutine behind.", "运行结束了，但有 goroutine 泄漏。"},
	"verdict.goroutine_leak.more":        {"At the end a goroutine still waited for something that can never come.", "结束时还有 goroutine 在等永远不会来的东西。"},
	"verdict.time_limit_exceeded":        {"It takes too long.", "运行时间太长。"},
	"verdict.time_limit_exceeded.more":   {"It was stopped; perhaps a loop does not end.", "程序被停止了；也许有循环没有结束。"},
	"verdict.memory_limit_exceeded":      {"It needs too much memory.", "内存用得太多。"},
	"verdict.memory_limit_exceeded.more": {"It was stopped; perhaps something grows without an end.", "程序被停止了；也许有东西一直在变大。"},
	"verdict.output_limit_exceeded":      {"It prints too much.", "输出太多。"},
	"verdict.output_limit_exceeded.more": {"It was stopped; perhaps a loop does not end.", "程序被停止了；也许有循环没有结束。"},
	"verdict.rejected":                   {"This cannot be run here.", "这段程序不能在这里运行。"},
	"verdict.rejected.more":              {"It was not compiled; below stands why.", "没有编译，原因如下。"},
	"verdict.internal_error":             {"That was our mistake.", "这是我们的错误。"},
	"verdict.internal_error.more":        {"hearth could not bring this to an end. Running it again may help.", "炉边没能完成。再运行一次也许可以。"},
	"severity.error":                     {"Error", "错误"},
	"severity.warning":                   {"Warning", "警告"},
	"severity.note":                      {"Note", "说明"},
	"found.one":                          {"There is 1 thing to read.", "有 1 条说明。"},
	"found.many":                         {"There are %d things to read.", "有 %d 条说明。"},
	"tests":                              {"Tests", "测试"},
	"tests.passed":                       {"passed", "通过"},
	"tests.failed":                       {"failed", "未通过"},
	"tests.accepted":                     {"All tests passed.", "测试全部通过。"},
	"tests.wrong_answer":                 {"A test failed.", "有测试没有通过。"},
	"tests.count":                        {"%d of %d passed.", "共 %[2]d 个，通过 %[1]d 个。"},
	"stdout":                             {"Output", "输出"},
	"stderr":                             {"Error output", "错误输出"},
	"silent":                             {"It printed nothing.", "程序没有输出。"},
	"cut":                                {"Cut here: the program printed more. Kept are %s bytes of its output and %s of its error output.", "在此截断：程序还输出了更多。保留了输出 %s 字节，错误输出 %s 字节。"},
	"exit":                               {"Exit code %d", "退出码 %d"},
	"figures":                            {"Figures", "数据"},
	"figure.fuel":                        {"Steps, about one an instruction", "步数（约每条指令一步）"},
	"figure.memory":                      {"Memory at most", "最多内存"},
	"figure.virtual":                     {"Time on the program's clock", "程序自己的时间"},
	"figure.real":                        {"Time in truth, all in all", "实际总用时"},
	"figure.go":                          {"Go", "Go 版本"},
	"figure.cached":                      {"Known from before", "用了之前的结果"},
	"figure.cached.yes":                  {"yes: the same program has the same result", "是：同样的程序有同样的结果"},
	"figure.cached.no":                   {"no", "否"},

	"share.made":   {"Anybody with this link can open the program.", "有这个链接的人都能打开这个程序。"},
	"share.until":  {"It works until %s.", "链接有效期到 %s。"},
	"share.link":   {"Link to the program", "程序的链接"},
	"share.opened": {"A shared program. The link works until %s.", "这是别人分享的程序。链接有效期到 %s。"},
	"share.read":   {"Somebody else may have written it: it runs when you press Run.", "它可能是别人写的：按“运行”才会运行。"},
	"share.gone":   {"This link leads nowhere any more.", "这个链接已经失效。"},
	"share.why":    {"Shared programs are deleted after 30 days. Here is an example in its place.", "分享的程序 30 天后会删除。这里先放一个示例。"},

	"error.cross":   {"This came from another site, so nothing was done. Open this page itself and try again.", "这个请求来自别的网站，所以没有执行。请直接打开本页再试。"},
	"error.many":    {"Too much comes from your address at once. Wait a second, then try again.", "你的地址同时发来的请求太多。请等一秒再试。"},
	"error.form":    {"What came in could not be read. Load the page again and try once more.", "收到的内容读不出来。请重新加载页面再试。"},
	"error.large":   {"This is too much: a program has at most 64 KiB, and so has its input.", "内容太大：程序最多 64 KiB，输入也是。"},
	"error.args":    {"In the arguments a quote is opened and never closed.", "参数里有引号没有闭合。"},
	"error.fast":    {"That was many runs in a short time. The next can begin in %d s.", "短时间内运行太多次。%d 秒后可以再运行。"},
	"error.full":    {"Many programs wait to be run just now. Try again in a few seconds.", "现在排队的程序太多。请过几秒再试。"},
	"error.unready": {"The compiler is being prepared; that takes half a minute after a start. Try again in a moment.", "正在准备编译器，启动后需要半分钟左右。请稍后再试。"},
	"error.off":     {"There is no compiler here yet. Who runs this hearth can add it with make toolchain.", "这里还没有编译器。管理员可以用 make toolchain 添加。"},
	"error.failed":  {"The compiler could not be prepared. Who runs this hearth finds the reason in its log.", "编译器没能准备好。管理员可以在日志里看到原因。"},
	"error.late":    {"Its turn did not come in time. Try again in a moment.", "等了太久还没有轮到。请稍后再试。"},
	"error.stopped": {"It was stopped before it came to an end. Try again in a moment.", "没有运行完就停止了。请稍后再试。"},
	"error.own":     {"hearth made a mistake; its log says more. Your program is still here.", "炉边出了错，日志里有原因。你的程序还在。"},
	"error.format":  {"It cannot be formatted yet: %s", "还不能格式化：%s"},
	"error.grown":   {"Formatted it would have more than 64 KiB.", "格式化后会超过 64 KiB。"},
	"error.often":   {"That was often. Try again in %d s.", "太频繁了。请 %d 秒后再试。"},
	"error.keep":    {"A program that is shared has at most 64 KiB, its input and arguments included.", "分享的程序连同输入和参数最多 64 KiB。"},
	"error.empty":   {"There is nothing to share yet.", "还没有可以分享的内容。"},
	"error.shares":  {"So many programs were shared in the last day that there is no room now. Try again tomorrow.", "最近一天分享的程序太多，已经没有空间。请明天再试。"},
}
