package config

func both(en, zh string) Text { return Text{"en": en, "zh-CN": zh} }

// help is what a page says of each key, one line in each language.
var help = map[string]Text{
	"server.listen":     both("Address and port that hearth listens on", "hearth 监听的地址和端口"),
	"server.data":       both("Directory in which hearth keeps everything", "hearth 存放全部数据的目录"),
	"server.public_url": both("How browsers and platforms reach hearth, such as https://hearth.example.org", "浏览器和聊天平台访问 hearth 的网址，例如 https://hearth.example.org"),
	"server.proxies":    both("Addresses of proxies that are believed when they say of whom a request is", "受信任的代理地址：采信它们转告的访问者来源"),
	"server.grace":      both("How long a stop waits for what is under way", "停止时等待未完成工作的最长时间"),

	"log.level":  both("How much the log says", "日志的详细程度"),
	"log.format": both("How the log is written", "日志的格式"),

	"community.name":      both("The community's name, in greetings and at the top of the chat", "社区的名字，出现在欢迎语和聊天页顶部"),
	"community.time_zone": both("Time zone of schedules, and of members who have none", "定时任务的时区，也用于没有设置时区的成员"),
	"community.locale":    both("Language of members who have chosen none", "没有选择语言的成员所用的语言"),
	"community.managers":  both("Members who may use the managers' commands in chat, such as slack:U012AB3CD", "可以在聊天里使用管理命令的成员，例如 slack:U012AB3CD"),

	"policy.quiet_hours": both("Hours of a member's own day in which no unasked message comes, such as 22:00-08:00", "成员当地时间里不主动打扰的时段，例如 22:00-08:00"),
	"policy.daily_cap":   both("Unasked direct messages a member gets in a day at most; -1 is no bound", "每位成员每天最多收到多少条主动私信；-1 表示不限"),
	"policy.expiry":      both("After how long an unsent message is not sent any more", "消息多久没能发出就不再发送"),

	"journal.max_rows": both("How many handled events are kept on record", "最多保留多少条事件记录"),
	"journal.max_age":  both("How long handled events are kept on record", "事件记录保留多久"),

	"retries.delays":     both("Pauses between a plugin's attempts at an event, one a line; then a person decides", "插件处理事件失败后每次重试前的等待时间，每行一个；之后由人决定"),
	"retries.deliveries": both("How often sending a message is tried", "发送一条消息最多尝试几次"),

	"limits.sandboxes": both("Events one plugin handles at once; 0 is the number of processors", "一个插件同时处理多少事件；0 表示与处理器数量相同"),
	"limits.backlog":   both("How many events may wait before platforms are asked to deliver again later", "最多允许多少事件排队，超过后请平台稍后重发"),
	"limits.outbox":    both("How many messages may wait for one platform", "每个平台最多允许多少消息排队"),
	"limits.timers":    both("How many timers one plugin may have", "一个插件最多可以有多少定时器"),

	"access.session":       both("How long a sign-in lasts", "一次登录的有效时间"),
	"access.issuer":        both("Address of the identity provider for sign-in by OpenID Connect", "用 OpenID Connect 登录时身份提供方的网址"),
	"access.client_id":     both("Name by which the identity provider knows hearth", "hearth 在身份提供方登记的客户端标识"),
	"access.client_secret": both("Secret that the identity provider gave hearth", "身份提供方发给 hearth 的密钥"),
	"access.groups_claim":  both("Claim of the identity token that names a person's groups", "身份令牌里表示用户组的字段"),
	"access.admins":        both("E-mail addresses and groups of admins, one a line", "管理员的邮箱地址或用户组，每行一个"),
	"access.managers":      both("E-mail addresses and groups of managers, one a line", "社区经理的邮箱地址或用户组，每行一个"),
	"access.viewers":       both("E-mail addresses and groups that may look, one a line", "只能查看的人的邮箱地址或用户组，每行一个"),

	"privacy.audit":   both("How long it is kept who changed what", "“谁改了什么”的记录保留多久"),
	"privacy.sent":    both("How long it is kept what was sent to whom; 0s is as long as the journal", "“给谁发过什么”的记录保留多久；0s 表示与事件记录相同"),
	"privacy.seen":    both("How long events are remembered, so that each is handled once", "事件编号记住多久，用来避免重复处理"),
	"privacy.buttons": both("How long buttons work, and messages can be changed", "按钮多久内有效、消息多久内可以修改"),
	"privacy.track":   both("How long the daily counts of plugins are kept", "插件的每日计数保留多久"),

	"verify.enabled":         both("Run the Go code that members post", "运行成员发来的 Go 代码"),
	"verify.fuel":            both("Work that one run may take, about an instruction each", "一次运行最多执行的工作量，单位约为一条指令"),
	"verify.wall":            both("Time that one run may take on a slow machine", "在较慢的机器上一次运行最长的时间"),
	"verify.memory":          both("Memory of one run", "一次运行最多使用的内存"),
	"verify.output":          both("Output of one run that is kept; the rest is cut", "一次运行保留的输出；超出的部分会被截去"),
	"verify.sleep":           both("How long a run may sleep in all, on its own clock", "一次运行按自己的时钟总共可以休眠多久"),
	"verify.workers":         both("Submissions under way at once; 0 is half of the processors", "同时处理多少份提交；0 表示处理器数量的一半"),
	"verify.queue":           both("Submissions that may wait for their turn", "最多允许多少份提交排队"),
	"verify.per_member":      both("How fast one member may submit", "每位成员提交的频率限制"),
	"verify.community_share": both("Places of the queue that one platform may have; 0 is half", "每个平台最多占用队列的多少位置；0 表示一半"),
	"verify.toolchain":       both("Directory with a pack of Go's compiler", "存放 Go 编译器包的目录"),
	"verify.compiler":        both("Where code is compiled: in the sandbox, or by the Go of this machine", "在哪里编译代码：沙箱里，或用本机的 Go"),
	"verify.cache":           both("Results that are kept, as the same code has the same result", "保留多少运行结果，相同的代码不必重跑"),
	"verify.run":             both("The page /run, where anybody can write Go and run it", "开放 /run 页面，任何人都可以编写并运行 Go"),
	"verify.imports":         both("Packages beside the standard library that code may import, one a line", "除标准库外允许导入的包，每行一个"),

	"registry.signatures": both("What signature an upload needs: required is a trusted one, warn is no wrong one, off is any", "允许上传谁的插件：required 只接受已签名的；warn 除签名错误的以外都接受；off 不检查签名"),
	"registry.keys":       both("Public keys of minisign whose signatures are trusted, one a line", "受信任的 minisign 公钥，每行一个"),
	"registry.keep":       both("Versions of each plugin that are kept beside the one that runs", "每个插件除正在运行的版本外保留多少个版本"),

	"analytics.active":  both("Kinds of event that count as being active, one a line", "哪些事件算作活跃，每行一个"),
	"analytics.funnel":  both("Steps that newcomers take, by kinds of event and tracked names; a change counts everybody anew", "新成员经过的步骤，每步由事件类型或插件记录的名字构成；修改后会重新统计所有成员"),
	"analytics.window":  both("How long newcomers have for the steps, from their join", "新成员从加入起有多长时间走完这些步骤"),
	"analytics.metrics": both("What experiments are judged by beside the funnel: activity on a day, or a name within a time", "除漏斗步骤外，实验用什么来评判：某一天是否活跃，或在多长时间内做到某件事"),
	"analytics.events":  both("What events from outside count as: a step of the funnel or a tracked name, by their own", "外部事件算作什么：事件名对应漏斗的步骤，或一个记录的名字"),

	"webchat.enabled":  both("The chat at /chat, with no account anywhere", "开放 /chat 网页聊天，无需任何账号"),
	"webchat.secret":   both("Signs the cookies of the web chat; without one hearth makes its own", "网页聊天的签名密钥；不设置时由 hearth 自己生成"),
	"webchat.channels": both("Channels of the web chat beside #general, one a line", "网页聊天里除 #general 外的频道，每行一个"),

	"knowledge.public": both("Anybody may read the archive at /knowledge without signing in: what public channels asked", "任何人无需登录即可阅读 /knowledge：公开频道里问过的问题"),

	"slack.signing_secret": both("Signing Secret, on the app's page under Basic Information", "Signing Secret，在 Slack 应用页面的 Basic Information 里"),
	"slack.bot_token":      both("Bot token (xoxb-…), under OAuth & Permissions", "机器人令牌（xoxb-…），在 OAuth & Permissions 里"),
	"slack.app_token":      both("App-level token (xapp-…) for Socket Mode, under Basic Information", "Socket Mode 用的应用令牌（xapp-…），在 Basic Information 里"),
	"slack.api_url":        both("Where Slack's Web API is, if not at Slack", "Slack Web API 的网址，仅当不在 Slack 官方地址时填写"),

	"github.webhook_secret": both("Secret of the webhook that tells hearth of pull requests, at /github/webhook", "GitHub Webhook 的密钥；Webhook 把拉取请求告诉 hearth，地址是 /github/webhook"),
	"github.token":          both("Token by which older pull requests and members' accounts are read; public data is enough", "用于读取以前的拉取请求、确认成员账号的令牌；只需要读取公开数据的权限"),
	"github.api_url":        both("Where GitHub's API is, if not at api.github.com", "GitHub API 的网址，仅当不是 api.github.com 时填写"),
}

// fileOnly says of the keys that can be set in the file alone why that is so.
var fileOnly = map[string]Text{
	"server.data":         both("What is set on this page is kept in that directory.", "在此页设置的内容就保存在这个目录里。"),
	"log.level":           both("The log begins before anything that is stored can be read.", "日志在读取已保存的设置之前就开始了。"),
	"log.format":          both("The log begins before anything that is stored can be read.", "日志在读取已保存的设置之前就开始了。"),
	"verify.toolchain":    both("It names a place on the machine, which is for those to choose who run it.", "它指向机器上的目录，应由管理机器的人选择。"),
	"verify.compiler":     both("It decides what guards the machine, which is for those to choose who run it.", "它决定用什么保护机器，应由管理机器的人选择。"),
	"registry.signatures": both("It decides whose code may run, which is for those to choose who run the machine.", "它决定谁的代码可以运行，应由管理机器的人选择。"),
	"registry.keys":       both("It decides whose code may run, which is for those to choose who run the machine.", "它决定谁的代码可以运行，应由管理机器的人选择。"),
	"slack.api_url":       both("hearth's tokens are sent there, so whoever could change it here could read them.", "hearth 的令牌会发往该地址，能在此处修改的人就能读到令牌。"),
	"github.api_url":      both("hearth's token is sent there, so whoever could change it here could read it.", "hearth 的令牌会发往该地址，能在此处修改的人就能读到令牌。"),
}

// Help of what plugins have beside their own settings.
var (
	enabledHelp = both("Use this plugin", "启用这个插件")
	secretHelp  = both("Secret for the headers of the plugin's requests, which the plugin names and never sees", "用于插件请求头的密钥；插件只引用它的名字，看不到内容")
)
