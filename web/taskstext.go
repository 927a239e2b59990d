package web

// pageTexts are the texts of the pages behind the sign-in, in a language: "en"
// or "zh-CN".
type pageTexts string

// Other is the language one can change to.
func (l pageTexts) Other() string { return runTexts(l).Other() }

// Say is the text of key.
func (l pageTexts) Say(key string, args ...any) string {
	return say(pageText, string(l), key, args...)
}

// Spans is the text of key, with code where it has backquotes.
func (l pageTexts) Spans(key string, args ...any) []span { return quoted(l.Say(key, args...)) }

// In is a text that is there by language, in this one if it can be.
func (l pageTexts) In(t map[string]string) string {
	if s := t[string(l)]; s != "" {
		return s
	}
	return t["en"]
}

// Count says how many of something there are.
func (l pageTexts) Count(key string, n int) string {
	if n == 1 {
		return l.Say(key+".one", n)
	}
	return l.Say(key+".many", n)
}

// pageText is all that the pages say.
var pageText = map[string]struct{ en, zh string }{
	"skip":           {"To the content", "跳到内容"},
	"language.other": {"中文", "English"},
	"leave":          {"Sign out", "退出登录"},

	"login":       {"Sign in", "登录"},
	"login.lead":  {"For those who run this community. Members need no account: they just chat.", "这里给管理社区的人使用。成员不需要账号，直接聊天就行。"},
	"login.token": {"Admin token", "管理员令牌"},
	"login.where": {"It is in the file `admin.token` in the data directory, or in `HEARTH_ADMIN_TOKEN`.", "在数据目录的 `admin.token` 文件里，或者在 `HEARTH_ADMIN_TOKEN` 里。"},
	"login.reset": {"Lost? `hearth admin token reset` makes a new one.", "丢了？`hearth admin token reset` 会生成新的。"},
	"login.wrong": {"This is not the admin token.", "这不是管理员令牌。"},
	"login.often": {"That was too often. Try again in %d s.", "尝试太频繁。请 %d 秒后再试。"},
	"login.ended": {"You are signed out; nothing was changed yet.", "登录已失效，还没有做任何修改。"},
	"login.again": {"Sign in in a new tab. Then load this page again: your browser sends what you wrote once more, and nothing is lost.", "请在新标签页里登录，然后刷新本页：浏览器会把你写的内容再发一次，什么都不会丢。"},
	"login.new":   {"Sign in in a new tab", "在新标签页里登录"},

	"error.cross": {"This came from another site, so nothing was done. Open the page itself and try again.", "这个请求来自别的网站，所以没有执行。请直接打开页面再试。"},
	"error.form":  {"What came in could not be read, or is too much. Go back and try once more.", "收到的内容读不出来，或者太大。请返回再试。"},
	"error.own":   {"hearth could not do this; its log says why. Nothing is lost: go back, and try again.", "炉边没能完成，日志里有原因。内容没有丢：请返回再试。"},
	"error.none":  {"There is no learning path here: the plugin tasks is not installed.", "这里没有学习路径：没有安装 tasks 插件。"},
	"error.task":  {"There is no such task.", "没有这个任务。"},
	"error.back":  {"To the tasks", "回到任务"},
	"error.retry": {"hearth is starting or stopping, or has too much to do. Load the page again in a moment.", "炉边正在启动、停止，或者太忙。请稍后刷新页面。"},

	"tasks":             {"Tasks", "任务"},
	"tasks.lead":        {"The path that newcomers walk, in this order. Passed means: of the members who were shown a task, how many solved it.", "新人按这个顺序学习。通过率：看到任务的成员里，有多少人做出来了。"},
	"tasks.count.one":   {"%d task", "%d 个任务"},
	"tasks.count.many":  {"%d tasks", "%d 个任务"},
	"task.passed":       {"Passed", "通过"},
	"kind.program":      {"program", "程序"},
	"kind.test":         {"hidden tests", "隐藏测试"},
	"kind.paste":        {"pasted text", "粘贴的内容"},
	"minutes":           {"%d min", "%d 分钟"},
	"from.builtin":      {"built-in", "内置"},
	"from.own":          {"the community’s", "社区自己的"},
	"from.both":         {"changed by the community", "社区修改过"},
	"rate.of":           {"%d of %d", "%d / %d"},
	"rate.aloud":        {"%d percent of %d members", "%d%%，共 %d 人"},
	"rate.none":         {"Nobody has started yet.", "还没有人开始。"},
	"move.up":           {"Move “%s” up", "上移“%s”"},
	"move.down":         {"Move “%s” down", "下移“%s”"},
	"spare":             {"Not in the path", "不在路径里"},
	"spare.lead":        {"Members do not meet these. Open one to put it into a stage.", "成员看不到这些任务。打开后可以放进某个阶段。"},
	"new":               {"Add a task", "添加任务"},
	"new.id":            {"Short name", "短名称"},
	"new.id.hint":       {"Small letters, digits and hyphens, such as `hello-json`. It cannot be changed later.", "小写字母、数字和连字符，例如 `hello-json`。之后不能改。"},
	"new.stage":         {"Stage", "阶段"},
	"new.do":            {"Write it", "开始写"},
	"new.bad":           {"A short name has up to 40 small letters, digits and hyphens, a letter first.", "短名称最多 40 个字符，用小写字母、数字和连字符，以字母开头。"},
	"new.there":         {"There is a task of this name already: here it is.", "已经有同名的任务，就是这个。"},
	"stages":            {"Stages and order", "阶段和顺序"},
	"stages.edit":       {"Edit stages and order as text", "以文本编辑阶段和顺序"},
	"stages.lead":       {"A stage begins with `# its-name`; below it stand its tasks, one a line. The stages’ titles are in the two other files.", "阶段以 `# 名称` 开头，下面每行一个任务。阶段的标题在另外两个文件里。"},
	"problems":          {"The community’s tasks are left out", "社区自己的任务没有生效"},
	"problems.lead":     {"Something is wrong with the community’s files, so members see hearth’s own path. Put these right:", "社区的文件有问题，所以成员看到的是内置路径。请修改："},
	"problems.load":     {"This cannot be done yet. Nothing was changed.", "还不能这样做，什么都没有修改。"},
	"problems.save":     {"This cannot be saved yet. What you wrote is still below.", "还不能保存。你写的内容还在下面。"},
	"problem.solution":  {"The solution is not accepted: %s", "参考答案没有通过：%s"},
	"problem.starter":   {"The starter is accepted as it stands, so there would be nothing to do.", "起始代码不用改就能通过，那就没有要做的事了。"},
	"problem.late":      {"There was no time to run this. Change fewer tasks at once.", "时间不够，没有运行。请一次少改几个任务。"},
	"problem.base":      {"Somebody else has changed this meanwhile. Keep a copy of your text, and load the page again.", "期间有别人改过。请先复制你的内容，再刷新页面。"},
	"problem.large":     {"Too long: %s", "太长：%s"},
	"problem.name":      {"There is no such file in a pack.", "任务包里没有这样的文件。"},
	"problem.english":   {"There is no Chinese; the English stands in for it.", "没有中文，用英文代替。"},
	"problem.ignored":   {"No part of a pack; it is left out.", "不属于任务包，已忽略。"},
	"problem.unready":   {"The compiler is not ready, so no solution was run.", "编译器还没有准备好，所以没有运行参考答案。"},
	"done.saved":        {"Saved. Members see it from now on.", "已保存，成员现在看到的就是新内容。"},
	"done.moved":        {"Moved.", "已移动。"},
	"done.out":          {"Taken out of the path. Its texts are kept.", "已移出路径，内容还保留着。"},
	"done.in":           {"It is in the path now.", "已放进路径。"},
	"done.restored":     {"hearth’s own text is back.", "已恢复内置内容。"},
	"done.deleted":      {"Deleted.", "已删除。"},
	"done.pack":         {"The pack is loaded. Members walk it from now on.", "任务包已加载，成员现在学习的就是它。"},
	"done.unready":      {"Saved. The compiler was not ready, so no solution was run: look at it again later.", "已保存。编译器还没有准备好，没有运行参考答案，请稍后再检查。"},
	"done.same":         {"Nothing was different, so nothing was changed.", "没有不同之处，什么都没改。"},
	"one.preview":       {"As a member sees it", "成员看到的样子"},
	"one.starter":       {"Starter: what a member begins with", "起始代码：成员从这里开始"},
	"one.hints":         {"Hints", "提示"},
	"one.hint":          {"Hint %d", "提示 %d"},
	"one.check":         {"How an answer is checked", "怎样检查答案"},
	"one.tests":         {"Hidden tests", "隐藏测试"},
	"one.want":          {"What it has to print", "应该打印的内容"},
	"one.stdin":         {"What it reads", "程序的输入"},
	"one.solution":      {"Solution", "参考答案"},
	"one.rules":         {"The rules are in accept.json, at the end of code.txtar below.", "规则在下面 code.txtar 末尾的 accept.json 里。"},
	"one.edit":          {"Edit", "编辑"},
	"one.edit.lead":     {"Before anything is saved the whole path is checked: the solution has to be accepted, the starter must not be. An empty text brings hearth’s own back.", "保存前会检查整个路径：参考答案必须通过，起始代码必须不通过。留空则恢复内置内容。"},
	"one.save":          {"Check and save", "检查并保存"},
	"one.place":         {"Its place", "位置"},
	"one.up":            {"Up", "上移"},
	"one.down":          {"Down", "下移"},
	"one.to":            {"To the end of the stage", "移到这个阶段的末尾"},
	"one.put":           {"Put it there", "移过去"},
	"one.out":           {"Take out of the path", "移出路径"},
	"one.restore":       {"Bring hearth’s own back", "恢复内置内容"},
	"one.delete":        {"Delete for good", "彻底删除"},
	"one.stage":         {"Put it into the stage", "放进阶段"},
	"one.nowhere":       {"none yet", "暂不放入"},
	"one.all":           {"All tasks", "全部任务"},
	"file.task.md":      {"English", "英文"},
	"file.task.zh-CN":   {"Chinese", "中文"},
	"file.code":         {"Starter, solution and check", "起始代码、参考答案和检查"},
	"file.path":         {"Order", "顺序"},
	"file.stages":       {"Stages’ titles, English", "阶段标题（英文）"},
	"file.stages.zh-CN": {"Stages’ titles, Chinese", "阶段标题（中文）"},
	"pack":              {"A whole pack", "整个任务包"},
	"pack.lead":         {"Load a path that was written elsewhere, or keep a copy of this one. You see what would change before anything does.", "加载在别处写好的路径，或者保存一份现在的。加载前会先列出会改变什么。"},
	"pack.file":         {"Zip of a pack, at most 2 MiB", "任务包 zip，最多 2 MiB"},
	"pack.look":         {"See what would change", "看看会改变什么"},
	"pack.download":     {"Download this path", "下载现在的路径"},
	"pack.none":         {"Choose a zip first.", "请先选择 zip 文件。"},
	"pack.bad":          {"This zip cannot be loaded: %s", "这个 zip 无法加载：%s"},
	"pack.gone":         {"The uploaded pack is not there any more: upload it again.", "上传的任务包已经不在了，请重新上传。"},
	"pack.review":       {"What would change", "会改变什么"},
	"pack.same":         {"Nothing: this is the path as it is.", "没有改变：和现在的路径一样。"},
	"pack.added":        {"Added", "新增"},
	"pack.changed":      {"Changed", "修改"},
	"pack.removed":      {"Removed from the path", "移出路径"},
	"pack.root":         {"The order or the stages’ titles change.", "顺序或阶段标题会改变。"},
	"pack.notes":        {"Worth knowing", "请注意"},
	"pack.more":         {"and %d more", "还有 %d 条"},
	"pack.apply":        {"Apply", "应用"},
	"pack.apply.hint":   {"Each new or changed solution is run first; that takes a second or two for each.", "会先运行每个新的或改过的参考答案，每个需要一两秒。"},
	"pack.cancel":       {"Leave it as it is", "保持不变"},
}
