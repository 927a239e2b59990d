package slack

import "github.com/hearthbot/hearth/sdk/abi"

// What the adapter says to members on its own account. Everything else is a
// plugin's.
var (
	sayUnknown = abi.Localized{ // %s is the command that was typed, %s one that lists all
		{Locale: "en", Text: "I don't know %s. %s shows everything I can do."},
		{Locale: "zh-CN", Text: "我还不会 %s。发送 %s 可以看到我会做的事。"},
	}
	sayRefused = abi.Localized{
		{Locale: "en", Text: "That was too much for me to take in. Could you make it shorter?"},
		{Locale: "zh-CN", Text: "内容太长了，我处理不了，可以缩短一些吗？"},
	}
	sayUsed = abi.Localized{
		{Locale: "en", Text: "You have already done this one. Thank you!"},
		{Locale: "zh-CN", Text: "这个你已经做过了，谢谢！"},
	}
	sayGone = abi.Localized{
		{Locale: "en", Text: "This doesn't work any more; it has been a while."},
		{Locale: "zh-CN", Text: "时间有点久了，这个已经失效。"},
	}
	sayLate = abi.Localized{
		{Locale: "en", Text: "I was too slow to open that. Please press it once more."},
		{Locale: "zh-CN", Text: "刚才没能及时打开，请再点一次。"},
	}
	wordSend   = abi.Localized{{Locale: "en", Text: "Send"}, {Locale: "zh-CN", Text: "提交"}}
	wordCancel = abi.Localized{{Locale: "en", Text: "Cancel"}, {Locale: "zh-CN", Text: "取消"}}
	wordClose  = abi.Localized{{Locale: "en", Text: "Close"}, {Locale: "zh-CN", Text: "关闭"}}
)
