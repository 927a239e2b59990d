package admin

import (
	"strings"

	"github.com/hearthbot/hearth/web/page"
)

// advices are what to do about an error, by words that it has. The first that
// fits is said.
var advices = []struct{ has, key string }{
	{"out of fuel", "advice.fuel"},
	{"past its deadline", "advice.deadline"},
	{"sleeps too long", "advice.deadline"},
	{"out of memory", "advice.memory"},
	{"crashed", "advice.crash"},
	{"exited", "advice.crash"},
	{"returned too much", "advice.much"},
	{"was not granted", "advice.grant"},
	{"were not granted", "advice.grant"},
	{"pass its quota", "advice.quota"},
	{"wait for", "advice.queue"},
	{"plugin was failing", "advice.failing"},
	{"chain of causes", "advice.chain"},
	{"plugin ABI", "advice.abi"},
}

// advice says what to do about why a plugin failed.
func advice(t page.Texts, err string) string {
	for _, a := range advices {
		if strings.Contains(err, a.has) {
			return t.Say(a.key)
		}
	}
	return t.Say("advice.plugin")
}

// deliveries are what to do about a platform's refusal, likewise.
var deliveries = []struct{ has, key string }{
	{"not_in_channel", "advice.invite"},
	{"channel_not_found", "advice.invite"},
	{"is_archived", "advice.archived"},
	{"restricted_action", "advice.restricted"},
	{"missing_scope", "advice.scope"},
	{"no_permission", "advice.scope"},
	{"token", "advice.token"},
	{"invalid_auth", "advice.token"},
	{"account_inactive", "advice.token"},
	{"user_", "advice.nodm"},
	{"messages_tab_disabled", "advice.tab"},
	{"unreachable", "advice.network"},
	{"no_answer", "advice.network"},
}

// deliveryAdvice says what to do about why a message did not arrive, "" if only
// the platform knows.
func deliveryAdvice(t page.Texts, why string) string {
	for _, a := range deliveries {
		if strings.Contains(why, a.has) {
			return t.Say(a.key)
		}
	}
	return ""
}
