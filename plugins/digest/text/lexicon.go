package text

import (
	"strings"
	"unicode/utf8"
)

// What a word does in a question, beside saying what it is about.
const (
	roleLight  = 1 << iota // it says little: in a community of Go, go is understood
	roleFiller             // it says nothing: politeness, how one asks, whose it is
	roleUndoes             // it turns what is done into its opposite: cancel, uninstall
	roleLeads              // it stands between where something comes from and where it goes
	roleSame               // there are others that say the same
)

// entry is what a gist makes of a word: another that says the same, and its role.
type entry struct {
	as   string
	role uint8
}

// lexicon is words of both languages with their entries.
type lexicon struct {
	entries map[string]entry
	longest [longestOf]uint8 // bytes, of those that begin with a character, or one like it
	maybe   [maybeOf]bool    // by hash: most words are not in it, and need no map
}

const (
	longestOf = 1 << 10 // groups of characters
	maybeOf   = 1 << 13
)

// general is general words; none is there for the sake of one community. Han words
// are looked for as the longest that begins at a character, Latin ones as they stand
// and stemmed.
var general = newLexicon()

// look looks a word up.
func (l *lexicon) look(w string) (e entry, ok bool) {
	if !l.maybe[hash(begun(0), w)%maybeOf] {
		return entry{}, false
	}
	e, ok = l.entries[w]
	return e, ok
}

// reach is how many bytes a word that begins with r has at most.
func (l *lexicon) reach(r rune) int { return int(l.longest[r%longestOf]) }

func (l *lexicon) add(w string, e entry) {
	l.entries[w] = e
	l.maybe[hash(begun(0), w)%maybeOf] = true
	if r, _ := utf8.DecodeRuneInString(w); r >= utf8.RuneSelf {
		l.longest[r%longestOf] = max(l.longest[r%longestOf], uint8(len(w)))
	}
}

func newLexicon() *lexicon {
	l := &lexicon{entries: map[string]entry{}}
	for _, w := range strings.Fields(fillers) {
		l.add(w, entry{w, roleFiller})
	}
	for line := range strings.Lines(sames) {
		words := strings.Fields(line)
		for _, w := range words {
			l.add(w, entry{words[0], roleSame})
			if plain(w) {
				root := stem(w)
				if _, there := l.entries[root]; !there {
					l.add(root, entry{words[0], roleSame})
				}
			}
		}
	}
	for _, more := range []struct {
		role  uint8
		words string
	}{{roleLight, lights}, {roleUndoes, undoing}, {roleLeads, leading}} {
		for _, w := range strings.Fields(more.words) {
			e, there := l.entries[w]
			if !there {
				e.as = w
				l.add(w, e)
			}
			for other, of := range l.entries {
				if of.as == e.as {
					of.role |= more.role
					l.entries[other] = of
				}
			}
		}
	}
	return l
}

const lights = `go golang make new`

// undoing are what turns the rest of a question into its opposite, leading what
// tells from where to where.
const (
	undoing = `关 删 卸 退 注销 解绑 解除 撤 停 uninstall disable cancel stop undo revert remove delete close logout`
	leading = `转 成 到 变 to from into`
)

const fillers = `
	怎么办 怎么样 怎么回事 怎么弄 怎么搞 怎么做 怎么处理 怎么解决 怎么才能 怎么能 怎么会 怎么 怎样 如何 咋办 咋整 咋弄 咋回事 咋 为什么 为啥 为何
	什么原因 啥原因 原因 什么情况 啥情况 是什么 是啥 什么 啥 请问 请教 求助 求教 求解 求救 救命 帮忙 帮我 帮看 帮帮 指点 解答 分享 大家好 大家 各位 大佬们
	大佬 大神 老师 群友 兄弟们 兄弟 朋友们 朋友 同学 你好 您好 早上好 晚上好 下午好 谢谢 感谢 多谢 谢了 麻烦 打扰 新手 小白 萌新 刚入门 初学者
	有没有人 有人 有没有 有什么 有啥 有无 办法 方法 方式 法子 可不可以 能不能 会不会 是不是 要不要 可以 能够 能否 是否 应该 需要 想要 想问下 想问 想知道
	想请教 想 问下 问一下 问个 一下 问题 知道 了解 现在 目前 最近 今天 昨天 明天 刚才 刚刚 刚 突然 忽然 总是 老是 老 一直 经常 每次 每天 有时候 有时
	时候 之后 以后 之前 以前 然后 后来 已经 还是 还 又 就 都 也 才 再 只 很 太 特别 非常 有点 好像 似乎 感觉 觉得 到底 究竟 其实 直接 明明 死活 怎么都
	怀疑 我的 我们 我家 我 你 您 他 她 它 们 自己 别人 家里 家的 里面 里 上面 上 下面 下 中 的话 的 地 得 了 着 过 吗 呢 啊 吧 呀 嘛 么 哦 呗 啦 哈 诶
	哎 是 有 在 和 与 跟 把 被 让 给 对 为 从 用 会 能 要 到 去 来 这个 那个 这种 那种 这些 那些 这样 那样 这边 那边 这 那 个 些 种 次 以 可 但是 但 因为
	所以 如果 要是 或者 或 而且 不过 比较 一个 一些 一点 一种 几个 哪个 哪些 哪里 哪儿 在哪 去哪 哪 谁 比如 例如 进行 实现 出现 遇到 发现 提示 显示 报错 报 情况 东西
	地方 啥意思 什么意思 意思 推荐 建议 好用 最好 比较好 完全 根本 又是 就是 还有 以及 等等 看到 看见 出来 起来 下来 下去 不知道 不懂 不会 不太 没法
	谁知道 求 急 在线等 啥办法 怎么写 怎么用 用什么 用啥 使用

	a about after again all also am an and any anybody anyone anything are arent as at be because been before being but by can cannot cant could couldnt did didnt
	do does doesnt doing done dont for from get gets getting give gives gave gonna got had has hasnt have havent having he hello help her here hey hi him his how
	i id if ill im in into is isnt it its ive just kindly know let lets like may me might mine more most much must my myself need needed needs no not now of ok okay
	on one only or other our out over please pls plz really right same seem seems she should so some somebody someone something still such sure tell than thank
	thanks that thats the their them then there theres these they thing things think this those to too try tried trying u up ur us use used uses using very via
	want wanted wants was way ways we well were what whats when where which while who whos why will wish with within without would wouldnt yes yet you your youre
	morning evening afternoon guys folks everyone everybody yall newbie newbies noob beginner beginners question questions quick dumb stupid silly wondering
	curious best proper properly correct correctly recommended recommend idea ideas suggestion suggestions advice explain understand mean means meaning possible
	possibly able supposed exactly actually basically simply always never ever every each keep keeps kept happen happens happening happened suddenly today
	yesterday currently between during since until both off per whether though although however instead project code program application app works work working worked makes making made say says said show shows see put call called pick
	prefer deal good better nice great weird own bit lot whole fix solve solved issue issues problem problems trouble wrong cheers q lately recently`

// sames are words that say the same, a line each.
const sames = `
	忘 忘记 忘了 忘掉 想不起来 不记得 记不得 记不起来 forget forgot forgotten
	丢 丢失 丢了 弄丢了 弄丢 不见了 找不到了 找不着 遗失 lost lose
	关 关闭 关掉 关了 关上 取消 停用 停掉 禁用 disable disabled cancel cancelled canceled close closed
	打开 开启 启用 开通 激活 enable enabled activate
	删 删除 删掉 删了 去掉 去除 清除 清掉 清理 清空 除掉 移除 delete deleted remove removed
	改 修改 更改 改成 更换 换成 换 变更 change modify edit
	提高 提升 提额 增加 增强 加大 increase raise improve
	降 降低 减少 减小 缩小 降下来 降下去 reduce decrease smaller
	装 安装 装上 装好 install installed installing
	卸 卸载 卸掉 uninstall
	升级 更新 升到 更到 upgrade update updating upgrading
	最新 最新版 latest newest
	设 设置 配置 设定 配 设成 调成 set setup configure config configuration settings
	连 连接 连上 接上 connect connecting connection
	连不上 连接不上 没网 上不了网 连不了 接不上 断网
	失败 不成功 没成功 fail fails failed failing failure
	解决 修复 修好
	查 查看 查询 查到 看看 check
	找 查找 定位 排查 找到 找出 find locate detect debug
	区别 不同 不一样 差别 差异 差在 差在哪 difference differences different differ diff vs versus
	孩子 宝宝 小孩 娃 小朋友 儿童 婴儿 kid child baby
	狗 狗狗 狗子 小狗 dog
	猫 猫咪 小猫 cat
	老人 老年人 长辈
	电脑 计算机 笔记本电脑 笔记本 computer laptop pc
	手机 移动电话 phone mobile
	离职 辞职 辞掉工作
	办 办理 申请 申办 apply
	补 补办 补领 补发
	转 转换 转成 转为 变成 convert
	导入 导到 传到 拷到 import
	兑换 换取
	快 迅速 快速 fast quickly faster
	慢 缓慢 很慢 太慢 slow slowly
	发黄 变黄 黄了 泛黄
	影响 后果
	多少 几 many
	价格 多少钱 费用 收费 价钱 price cost
	什么时候 几点 何时 哪天
	多久 几天 多长时间 多少天
	坏 破损 损坏 坏了 弄坏 broken damaged
	恢复 找回 还原 找回来 recover restore
	疼 痛 疼痛 pain
	异味 怪味 臭味 味道
	失眠 睡不着
	拉肚子 腹泻 拉稀
	划算 合适 值得 值不值
	支付 付款 付钱 pay payment
	买 购买 buy purchase
	卖 出售 卖掉 sell
	登录 登陆 登入 login signin
	注册 register signup
	退款 退钱 refund
	快递 包裹 快件 parcel
	商品 货物 货
	账号 帐号 账户 帐户 account
	照片 图片 相片 photo picture
	视频 录像 video
	汽车 车子 car
	卡 卡顿 卡住 卡死 hang hangs stuck freeze freezes
	崩溃 崩了 闪退 崩 crash crashes crashed crashing
	重启 重新启动 restart reboot
	截图 截屏 screenshot
	首行 第一行
	西红柿 番茄 tomato
	土豆 马铃薯 potato
	单车 自行车 bike
	无线网 wifi wlan
	领 领取 领到 领走
	绑 绑定 改绑 bind
	取 提取 取出来 取出
	材料 资料 文件材料
	打字 输入法
	协程 goroutine goroutines
	切片 slice slices
	数组 array arrays
	接口 interface interfaces
	指针 pointer pointers ptr
	结构体 struct structs
	泛型 generics generic
	超时 timeout timeouts
	代理 proxy
	编译 build compile compiling compiler
	返回 return returns returned
	循环 loop loops
	闭包 closure closures
	通道 管道 channel channels chan
	锁 加锁 互斥锁 lock locks mutex
	死锁 deadlock
	变量 variable variables
	函数 function functions func
	依赖 dependency dependencies
	字符串 string strings
	错误 error errors err
	测试 test tests testing
	遍历 迭代 iterate iteration iterating
	顺序 次序 order
	并发 concurrent concurrently concurrency
	仓库 repo repository repos
	私有 private
	部署 deploy deployment
	容器 container containers
	镜像 image images
	日志 log logs logging
	数据库 database db
	服务器 服务 服务端 server servers
	客户端 client clients
	请求 request requests
	内存 memory
	泄漏 泄露 漏了 leak leaks leaking leaked
	断点 breakpoint breakpoints
	框架 framework frameworks
	目录 文件夹 folder folders directory directories dir
	嵌 嵌入 嵌进去 打包进 embed embedding embedded
	二进制 可执行文件 binary executable
	版本 version versions
	退出 关停 exit exits quit
	优雅 graceful gracefully cleanly shutdown
	值 value values
	接收者 receiver receivers
	增长 在涨 变多 上涨 grow grows growing
	学 学习 入门 learn learning tutorial study
	开始 start begin starting started
	环境变量 environment env
	参数 parameter parameters param params argument arguments args
	文档 documentation docs doc
	选 选择 choose
	打印 print prints printed output
	排序 sort sorted sorting
`
