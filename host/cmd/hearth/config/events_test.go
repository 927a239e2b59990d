package config

import (
	"strings"
	"testing"
)

func TestEventNames(t *testing.T) {
	c, err := Parse("hearth.toml", []byte(`[analytics]
events = { user_signup = "joined", "org.example.step 1" = "engaged", first_payment = "paid" }
`), env(nil))
	if err != nil {
		t.Fatal(err)
	}
	for event, want := range map[string]string{"user_signup": "member.joined", "org.example.step 1": "message.posted", "first_payment": "paid", "other": "other", "paid": "paid"} {
		if got := c.Analytics.EventName(event); got != want {
			t.Errorf("%s is %q, want %q", event, got, want)
		}
	}
	for text, want := range map[string]string{
		`events = "joined"`:     "hearth.toml:2: analytics.events: wants a table such as",
		`events = { a = 1 }`:    `hearth.toml:2: analytics.events: "a" leads to no name`,
		`events = { a = "" }`:   `"a" leads to no name`,
		`events = { "" = "a" }`: `"" leads to no name`,
		`event = { a = "b" }`:   "did you mean events?",
		`events = { a = "` + strings.Repeat("x", 200) + `" }`: `"a" leads to no name`,
	} {
		if _, err := Parse("hearth.toml", []byte("[analytics]\n"+text), env(nil)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", text, err, want)
		}
	}
}
