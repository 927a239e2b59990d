package webchat

import "strings"

// text is what the page says, in its two languages.
type text struct{ en, zh string }

// texts are by key; what is filled in is in the same order in both languages.
var texts = map[string]text{
	"skip":         {"Skip to the messages", "跳到消息"},
	"unread":       {"unread", "条未读"},
	"list.comma":   {", ", "、"},
	"lost":         {"Connection lost. Trying again…", "连接断开，正在重试…"},
	"sorry.back":   {"Back to the chat", "回到聊天"},
	"theme.toggle": {"Light or dark", "浅色或深色"},

	"join.title":     {"Welcome to %s", "欢迎来到 %s"},
	"join.forgotten": {"You are forgotten: nothing of you is kept here.", "这里已经忘掉你了：没有保存你的任何数据。"},
	"join.lead":      {"Pull up a chair by the fire. Tell us what to call you, and you are in.", "来炉边坐坐。告诉我们怎么称呼你，就可以进来了。"},
	"join.name":      {"Your name", "你的名字"},
	"join.hint":      {"Up to 32 characters. Others see it beside what you write.", "最多 32 个字。别人会在你的消息旁看到它。"},
	"join.go":        {"Come in", "进来"},
	"join.fine":      {"No password, no e-mail: a signed cookie in this browser remembers you.", "不需要密码和邮箱：这个浏览器里的一个签名 Cookie 会记住你。"},
	"join.back":      {"Back to %s", "回到 %s"},

	"nav.label":    {"Conversations", "会话"},
	"nav.open":     {"Open the list of conversations", "打开会话列表"},
	"nav.close":    {"Close the list", "关闭列表"},
	"nav.channels": {"Channels", "频道"},
	"nav.browse":   {"Browse channels", "浏览频道"},
	"nav.direct":   {"Direct messages", "私信"},
	"nav.people":   {"Write to someone", "给人发消息"},
	"nav.you":      {"You and settings", "你和设置"},

	"bot.tag":   {"bot", "机器人"},
	"bot.here":  {"is here", "在线"},
	"bot.about": {"Your bot by the fire", "炉边的机器人"},
	"dm.about":  {"Just the two of you", "只有你们两个人"},

	"day.today":     {"Today", "今天"},
	"day.yesterday": {"Yesterday", "昨天"},

	"list.label":   {"Messages in %s", "%s 的消息"},
	"list.earlier": {"Show earlier messages", "显示更早的消息"},
	"list.new":     {"New", "新消息"},
	"list.jump":    {"New messages ↓", "有新消息 ↓"},
	"table.label":  {"Table", "表格"},

	"begin.channel": {"This is where #%s begins.", "#%s 从这里开始。"},
	"begin.bot":     {"Type / to see what hearth can do. Here, a command works without the slash too.", "输入 / 看看 hearth 能做什么。在这里，命令前不加斜杠也行。"},
	"begin.pair":    {"This is the beginning of your messages with %s.", "你和 %s 的私信从这里开始。"},
	"general.topic": {"Everyone is here", "大家都在这里"},
	"joined":        {"joined", "来了"},

	"channels.title":  {"Channels", "频道"},
	"channels.lead":   {"Join what interests you, or start a channel of your own.", "加入你感兴趣的频道，或者自己建一个。"},
	"channel.member":  {"1 member", "1 位成员"},
	"channel.members": {"%d members", "%d 位成员"},
	"channel.new":     {"Start a channel", "新建频道"},
	"channel.name":    {"Name", "名称"},
	"channel.hint":    {"Letters, digits, - and _, such as go-help.", "文字、数字、- 和 _，例如 go-求助。"},
	"channel.topic":   {"What it is about", "聊些什么"},
	"channel.make":    {"Start it", "建好它"},
	"channel.chars":   {"A channel's name has letters, digits, - and _ only.", "频道名只能用文字、数字、- 和 _。"},
	"channel.empty":   {"The channel needs a name.", "频道需要一个名称。"},
	"channel.long":    {"That name is too long: 32 characters at most.", "名称太长了：最多 32 个字。"},
	"channel.taken":   {"There is a channel #%s already.", "已经有 #%s 频道了。"},
	"channel.many":    {"There are as many channels as there can be.", "频道已经满了。"},
	"channel.general": {"Everyone is in #general. You can leave the community under your settings.", "#general 里总有大家。要离开社区，请到你的设置里。"},
	"topic.long":      {"Please say it in %d characters at most.", "请最多用 %d 个字来说。"},
	"places.many":     {"You are in %d conversations already. Leave one first.", "你已经在 %d 个会话里了。请先离开一个。"},
	"dm.full":         {"They have too many conversations at present.", "对方现在的会话太多了。"},
	"dm.left":         {"They have left the community.", "对方已经离开了社区。"},
	"dm.gone":         {"%s has left the community. What you two wrote stays here.", "%s 已经离开了社区。你们写过的内容还在这里。"},

	"outside":     {"You are looking at #%s. Join it to say something.", "你正在看 #%s。加入后就能发言。"},
	"enter.do":    {"Join", "加入"},
	"enter.named": {"Join #%s", "加入 #%s"},
	"leave.do":    {"Leave", "离开"},
	"leave.named": {"Leave #%s", "离开 #%s"},
	"leave.ask":   {"Leave #%s?", "要离开 #%s 吗？"},

	"people.title":    {"People", "成员"},
	"people.lead":     {"Find someone and write to them.", "找到想聊的人，给对方发消息。"},
	"people.search":   {"Name", "名字"},
	"people.find":     {"Find", "查找"},
	"people.you":      {"you", "你"},
	"people.write":    {"Write", "发消息"},
	"people.write.to": {"Write to %s", "给 %s 发消息"},
	"people.none":     {"Nobody by that name.", "没有叫这个名字的人。"},

	"me.title":     {"You", "你"},
	"me.lead":      {"What you are called, and in which language.", "你的名字和语言。"},
	"me.language":  {"Language", "语言"},
	"me.save":      {"Save", "保存"},
	"me.saved":     {"Saved.", "已保存。"},
	"seats.title":  {"In this browser", "在这个浏览器里"},
	"seats.lead":   {"To try things out you can be several members at once, each in a tab of their own.", "为了试用，你可以同时扮演几位成员，每人一个标签页。"},
	"seats.switch": {"Switch", "切换"},
	"seats.add":    {"Come in as someone else", "以另一个人进来"},
	"depart.title": {"Leave the community", "离开社区"},
	"depart.lead":  {"What you wrote stays; your name becomes free again.", "你写的内容会保留，名字会重新空出来。"},
	"depart.do":    {"Leave", "离开"},
	"depart.ask":   {"Really leave the community?", "真的要离开社区吗？"},

	"name.empty": {"Please tell us your name.", "请告诉我们你的名字。"},
	"name.long":  {"That name is too long: 32 characters at most.", "名字太长了：最多 32 个字。"},
	"name.chars": {"Please use letters, digits, emoji, spaces, dots and hyphens.", "请用文字、数字、表情、空格、点和连字符。"},
	"name.taken": {"Somebody is called that already, or the name is reserved. Please choose another.", "这个名字已被使用或保留了，请换一个。"},

	"send.do":          {"Send", "发送"},
	"send.keys":        {"Enter sends · Shift+Enter for a new line · / for commands · @ for people", "Enter 发送 · Shift+Enter 换行 · / 命令 · @ 成员"},
	"write.channel":    {"Write to #%s", "在 #%s 说点什么"},
	"write.person":     {"Write to %s", "给 %s 发消息"},
	"write.bot":        {"A command, or / to see them all", "写命令，或输入 / 查看全部"},
	"hints.label":      {"Suggestions", "建议"},
	"file.attach":      {"Attach files", "添加文件"},
	"file.large":       {"A file may have at most %d MB.", "一个文件最多 %d MB。"},
	"file.many":        {"At most %d files at once.", "一次最多 %d 个文件。"},
	"file.rest.one":    {"… and 1 more line", "……还有 1 行"},
	"file.rest":        {"… and %d more lines", "……还有 %d 行"},
	"file.full":        {"There is no room for more files. Please tell an admin.", "没有空间存放更多文件了，请告诉管理员。"},
	"post.empty":       {"There is nothing to send yet.", "还没有可发送的内容。"},
	"post.long":        {"That is too long: a message has %d KB at most. A file can have more.", "太长了：一条消息最多 %d KB。文件可以更大。"},
	"post.chars":       {"There are characters in it that cannot be sent.", "里面有无法发送的字符。"},
	"post.join":        {"Join #%s first.", "请先加入 #%s。"},
	"command.unknown":  {"There is no command %s. Type / to see what there is, or // to begin a message with a slash.", "没有 %s 这个命令。输入 / 查看有哪些，或用 // 发送以斜杠开头的消息。"},
	"command.unwanted": {"Nobody answers to that at present.", "目前没有谁回应这个命令。"},

	"command.elsewhere": {"hearth answers in your messages with it, not here between you two.", "hearth 会在你和它的私信里回答，不在你们两人之间。"},
	"pair.deaf":         {"hearth does not hear what you two say. Write to it in your messages with it.", "hearth 听不到你们两人说的话。请在你和它的私信里写给它。"},

	"thread.title": {"Thread", "话题"},
	"thread.close": {"Close the thread", "关闭话题"},
	"thread.reply": {"Reply in thread", "在话题中回复"},
	"thread.write": {"Reply…", "回复…"},
	"thread.none":  {"That cannot be answered in a thread.", "这条消息不能在话题中回复。"},
	"thread.full":  {"This thread is full. Please start another.", "这个话题已经满了，请另开一个。"},
	"replies.one":  {"1 reply", "1 条回复"},
	"replies.many": {"%d replies", "%d 条回复"},
	"replies.you":  {"you are mentioned", "提到了你"},

	"message.edited":  {"edited", "已编辑"},
	"message.only":    {"Only you can see this", "只有你能看到"},
	"message.nobody":  {"somebody", "某人"},
	"message.removed": {"This message was deleted.", "这条消息已被删除。"},
	"message.dismiss": {"Dismiss", "移除"},
	"message.more":    {"React, edit, more", "回应、编辑等"},
	"message.others":  {"You can change only what you wrote.", "你只能更改自己写的内容。"},
	"message.echo":    {"A command cannot be edited. Send it again.", "命令不能编辑，请重新发送。"},
	"edit.do":         {"Edit", "编辑"},
	"edit.label":      {"Edit your message", "编辑你的消息"},
	"edit.save":       {"Save", "保存"},
	"edit.cancel":     {"Cancel", "取消"},
	"delete.do":       {"Delete", "删除"},
	"delete.ask":      {"Delete this message?", "要删除这条消息吗？"},
	"react.with":      {"React with %s", "用 %s 回应"},
	"react.unknown":   {"That reaction is not known here.", "这里没有这个表情。"},
	"react.many":      {"There is no room for more reactions here.", "这里放不下更多表情了。"},

	"press.done":     {"Got it.", "收到。"},
	"press.sent":     {"Sent.", "已提交。"},
	"press.used":     {"You have used this already. It counted the first time.", "这个已经用过了，第一次就算数。"},
	"press.gone":     {"This button has had its day. Ask again for a new one.", "这个按钮已经过期了，请重新要一个。"},
	"press.unwanted": {"Nobody listens for that at present.", "目前没有谁处理这个。"},
	"form.optional":  {"optional", "可不填"},
	"form.choose":    {"Choose…", "请选择…"},
	"form.send":      {"Send", "提交"},
	"form.missing":   {"“%s” still needs an answer.", "“%s”还没有填。"},
	"form.long":      {"“%s” is too long: %d characters at most.", "“%s”太长了：最多 %d 个字。"},
	"form.choice":    {"Please choose one of the answers for “%s”.", "请为“%s”选择一个选项。"},
	"form.chars":     {"There are characters in “%s” that cannot be sent.", "“%s”里有无法发送的字符。"},

	"error.unknown": {"We do not know you in this browser (any more). Please come in again.", "这个浏览器里（已经）不认识你了，请重新进来。"},
	"error.cross":   {"That request came from another site and was not carried out.", "这个请求来自另一个网站，没有执行。"},
	"error.slow":    {"A little slower, please. Try again in a moment.", "请慢一点，稍后再试。"},
	"error.crowd":   {"Many people are coming in just now. Please try again in a minute.", "现在进来的人很多，请一分钟后再试。"},
	"error.tabs":    {"You have many tabs open. Close one to have this one live.", "你打开的标签页太多了。关闭一个，这里才能实时更新。"},
	"error.large":   {"That is more than can be sent at once.", "一次发送的内容太多了。"},
	"error.gone":    {"That is not here (any more).", "这里（已经）没有它了。"},
	"error.busy":    {"There is much to do just now. Please try again in a moment.", "现在有点忙，请稍后再试。"},
	"error.own":     {"Something went wrong on our side. It is in the log.", "我们这边出了点问题，已记入日志。"},
	"error.nowhere": {"There is nothing to see at this address.", "这个地址没有内容。"},
	"error.form":    {"The request could not be read.", "无法读取这个请求。"},

	"js.unreached":  {"The server cannot be reached just now. What you wrote is still here.", "现在连不上服务器，你写的内容还在。"},
	"js.tooLong":    {"Too long by {n} characters: send it as a file.", "超出 {n} 个字，请作为文件发送。"},
	"js.tooLongBy":  {"Too long by {n} characters.", "超出 {n} 个字。"},
	"js.asFile":     {"Make it a file", "转成文件"},
	"js.failed":     {"That did not get through. Your text is still here.", "没有发送成功，你的文字还在。"},
	"js.says":       {"{who}: {what}", "{who}：{what}"},
	"js.copied":     {"Copied.", "已复制。"},
	"js.copy":       {"Copy", "复制"},
	"js.fileLarge":  {"{name} is larger than 4 MB.", "{name} 超过了 4 MB。"},
	"js.filesMany":  {"At most 4 files at once.", "一次最多 4 个文件。"},
	"js.fileRemove": {"Remove {name}", "移除 {name}"},
}

// sayable are the texts that a page without script can be told to show.
var sayable = map[string]bool{
	"me.saved": true, "command.unwanted": true, "command.elsewhere": true, "pair.deaf": true, "press.done": true, "press.sent": true, "press.used": true, "press.gone": true, "press.unwanted": true,
}

// scriptTexts are the texts that the page's script needs.
func scriptTexts(u *ui) map[string]string {
	out := map[string]string{}
	for k := range texts {
		if name, ok := strings.CutPrefix(k, "js."); ok {
			out[name] = u.T(k)
		}
	}
	for _, k := range []string{"day.today", "day.yesterday", "list.new"} {
		out[k] = u.T(k)
	}
	return out
}
