package app

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/web"
)

// TestOurTexts sets a text of hearth's own plugin, which then says it.
func TestOurTexts(t *testing.T) {
	b, a := opened(t, nil)
	const key = "plugins.house.texts.privacy.title.en"
	s := b.shown(b.now.Load(), key)
	if s.Kind != "wording" || s.Text == "" || s.Plugin != "house" {
		t.Fatalf("%+v", s)
	}
	set := func(key, value string) error {
		return b.Change(t.Context(), benManager, "", []web.SettingChange{{Key: key, Text: &value, Base: b.shown(b.now.Load(), key).Base}})
	}
	if err := set(key, "What we know of you"); err != nil {
		t.Fatal(err)
	}
	if texts := tuning(a.conf()).HouseTexts; len(texts) != 1 || texts[0].Text.In("en") != "What we know of you" {
		t.Errorf("it would say %+v", texts)
	}
	var refused *web.SettingsRefused
	for key, value := range map[string]string{key: "{oops}", "plugins.house.texts.nothing.en": "x", "plugins.house.path": "x"} {
		if err := set(key, value); !errors.As(err, &refused) {
			t.Errorf("%s = %s: %v", key, value, err)
		}
	}
	list, err := b.Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		if s.Key == "plugins.house.enabled" {
			t.Error("hearth's own plugin looks as if it could be left out")
		}
	}
}

func TestOursInTheFile(t *testing.T) {
	for file, want := range map[string]string{
		`[plugins.house.texts]` + "\n" + `"privacy.title" = { en = "Yours" }`:  "",
		`[plugins.house.texts]` + "\n" + `"privacy.title" = { en = "{oops}" }`: "hearth.toml:2",
		`[plugins.house]` + "\n" + `enabled = false`:                           "nothing can be set but its texts",
	} {
		c, err := config.Parse("hearth.toml", []byte(file), config.Env{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = enabledPlugins(fstest.MapFS{"welcome.wasm": {}}, c)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", file, err)
		}
	}
}
