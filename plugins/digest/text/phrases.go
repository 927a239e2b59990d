package text

import "strings"

// leads are words behind which a clause begins.
var leads = set(`and but so then hi hello hey all guys folks everyone there pls please ok also question wondering wonder curious know
	sure out understand explain me again still idea ideas`)

// tags are questions that want no answer.
var tags = set(`really right ok okay so huh what why sorry seriously 对吧 是吧 好吗 行吗 真的吗 真的假的 是吗 嗯 啊 你呢 你好吗 在吗`)

var enAsks = parse(`
	^ how do|does|did|can|could|should|would|to|come|long|many|much|often|is|are|i|we|you|about
	^ what is|are|does|do|did|was|would|should|can|could|kind|version|happens|happened|causes|exactly|if|to
	^ what * should|do|does|is|are|can|to
	^ whats|hows|wheres
	^ why is|are|do|does|did|doesnt|isnt|cant|wont|wouldnt|would|my|the|am|i|it|go|a|an|we|not|use
	^ where do|does|is|are|can|should|to|did
	^ which should|is|are|do|does|one|to|version|would|package|library
	^ which * should|is|are|do|does|to|would
	^ which * * should|is|are|do|does|to|would
	^ who can|is|knows|should|has
	^ when should|do|does|is|are|will|can|would i|we|you|it|the|a|go|this|someone|to
	^ is|are|was|does|do|did|can|could|should|would|will|has|have i|we|you|it|there|this|that|the|these|those|my|your|a|an|go|golang|anyone|anybody|someone|somebody|any|people|they
	^ isnt|doesnt|dont|arent|cant there|it|go|you|we|this *
	how to
	how do|can|should|could i|you|we
	what is|are the best|right|proper|difference|idiomatic|correct
	any|anyone|anybody idea|ideas|know|knows|have|has|clue|clues|suggestion|suggestions|advice|tip|tips|pointer|pointers|hint|hints|tried|seen|using|got|else
	any way to
	any good|recommended *
	what am i doing|missing
	best way|practice|practices to|for
	need|want|require|requires some|a|your help|advice|suggestions|pointers|hand
	need|want|looking help|advice|suggestions|for
	help me|with|please|pls|needed|wanted
	cant|cannot|couldnt get|seem|figure|find|make|understand|build|compile|install|run|connect|import|use|access|see|log|open|resolve|download|load
	can|could not get|seem|figure|find|make|understand|build|compile|install|run|connect|import|use|access|see|log|open|resolve|download|load
	not|isnt|doesnt|wont|didnt|stopped work|working|compile|compiling|build|building|start|starting|run|running
	im|am|been|got|getting|still stuck
	^ stuck with|on|at
	having trouble|problem|problems|issue|issues|difficulty
	having a|an|some|the problem|issue|trouble|issues|error
	i|we|keep|keeps|always|im|still|just get|got|gets|getting|see|seeing|hit|hitting ** error|errors|panic|exception|failure|warning|undefined|deadlock
	i|we|keep|keeps ran|run|running into
	i|we|im wonder|wondering|confused|struggling|curious|unsure
	i|we dont get|understand|know
	i|im|am not sure
	i|we am|was|are|were wondering|confused|struggling|curious|unsure
	is there a|an|any|some
	difference between
	fails|failed|failing ** help
`)

var enTells = parse(`
	heres|thats|thiss how|why|what
	here|this|that|which is how|why
	i know how|why|what
	ill show
	let me show
	wrote|published|released|made a|an|up|the|some
	release notes
	shows|explains|describes how|why|what
	shows|explains you|us how|why
	figured it|out
	fixed it
	i fixed
	solved
	works now
	worked for me
	never mind
	nevermind|nvm
	what a
	how nice|cool|great|funny
	you can|should
	you can|could just
	you need|have to
	dont forget
	make sure
	have a look
	cant wait
`)

var enSolved = parse(`
	solved|nevermind|nvm
	fixed it
	i fixed
	works now
	figured it|out
	never mind
`)

var (
	zhAsks = strings.Fields(`怎么 怎样 怎麼 怎办 如何 为什么 為什麼 为啥 为何 什么 甚么 啥 咋 哪里 哪儿 哪个 哪些 哪种 哪款 哪一 哪位 是否 能不能 能否 可否
		可不可以 有没有 有无 会不会 是不是 要不要 该不该 行不行 好不好 对不对 需不需要 多少 多久 多大 多长 几个 几种 几次 第几 吗呢 请问 请教 求助 求教 求解 求问 跪求
		求推荐 求大佬 求帮 问一下 问下 问个 想问 想知道 不明白 不懂 搞不懂 不理解 没看懂 看不懂 想不通 帮忙看 帮我看 帮看 有人知道 谁知道 谁能 谁有 有人遇到 有遇到 有谁
		报错 出错 不生效 没生效 没反应 没效果 不起作用 不工作 跑不起来 跑不通 起不来 装不上 装不了 连不上 打不开 用不了 编译不过 编译失败 下载失败 安装失败 启动失败 运行失败
		失败了 卡住 卡死 找不到 无法 没办法 怪了 推荐`)
	zhEnds  = strings.Fields(`吗 呢 么 嘛`)
	zhTells = strings.Fields(`解决了 搞定 已解决 弄好了 明白了 知道了 学到了 原来是 原来如此 没什么 无论如何 不管怎 怎么说呢 怎么都行 什么都行 不用谢 你可以 你试试 试试
		建议你 可以用 可以试 分享一下 分享一篇 写了一篇 写了个 发布了 知道怎么 告诉你 教你 这就是为什么 所以才 推荐大家 推荐你 推荐一 推荐看 推荐用 推荐给 欢迎 今天天气 怎么样都
		多少有点 多少会 没多少 不多久`)
)
