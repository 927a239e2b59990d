package host

import (
	"testing"

	"github.com/hearthbot/hearth/sdk/abi"
)

// TestHouseTexts gives the house other words while it runs, and takes them away
// again.
func TestHouseTexts(t *testing.T) {
	in(t, func(t *testing.T) {
		b := newBot(t, Options{House: true})
		b.start()
		ask := func(words []abi.TextDef, want string) {
			t.Helper()
			if err := b.Reconfigure(t.Context(), Tuning{HouseTexts: words}); err != nil {
				t.Fatal(err)
			}
			b.orders("fake:ada", "en", "privacy")
			b.says(want)
		}
		ask([]abi.TextDef{{Key: "privacy.title", Text: abi.Localized{{Locale: "en", Text: "My notes on you"}}}}, "My notes on you")
		ask(nil, "What I keep of you")
	})
}
