package text

import "strings"

// common are English words that a question has whatever it is about.
var common = set(`a about after again all also am an and any anybody anyone are arent as at be because been before
	being but by can cannot cant could couldnt did didnt do does doesnt doing done dont for from get gets getting give
	go goes going gonna got had has hasnt have havent having he hello help her here hey hi him his how i id if ill im in
	into is isnt it its ive just kindly know let lets like may me might mine more most much must my myself need needed
	needs no not now of ok okay on one only or other our out over please pls plz really right same seem seems she should
	so some somebody someone something still such sure tell than thank thanks that thats the their them then there
	theres these they thing things think this those to too try tried trying u up ur us use very via want wanted wants
	was way we well were what whats when where which while who why will wish with without would wouldnt yes yet you your
	youre`)

// commonHan are characters, and commonTwo two that stand together, that a
// Chinese question has whatever it is about.
var (
	commonHan = set(`的 了 吗 呢 啊 吧 呀 嘛 么 我 你 您 他 她 它 们 是 有 在 和 与 就 都 也 还 很 请 问 怎 如 何 什 哪 谁 个 这 那 要 想
	会 能 可 以 得 着 过 给 把 被 让 对 为 啥 咋`)
	commonTwo = set(`怎么 如何 什么 请问 可以 为什 为何 哪里 哪个 哪些 怎样 么样 么办 办法 是不 不是 有没 没有 一下 一个 知道 大家 大佬 求助
	请教 帮忙 谢谢 有人 的话 的时 时候 应该 需要 问题 现在 我的 我想 想问 有什 是什 能不 不能 会不 多少 多久 几个 这个 那个 到底`)
)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}
