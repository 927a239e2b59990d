package app

import (
	"fmt"
	"slices"

	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/host/house"
	"github.com/hearthbot/hearth/sdk/abi"
)

// ours is what hearth's own plugin says of itself. It runs always, and nothing of
// it can be set but its texts.
var ours = house.Manifest()

// errOurs says that something else than a text of it was to be set.
var errOurs = config.Say("of hearth's own plugin nothing can be set but its texts", "炉边自带的插件只能改文案")

// ourTexts are the community's own wordings in place of its. What is wrong with
// one in the file is checkOurs's to say.
func ourTexts(c *config.Config) []abi.TextDef {
	texts, _ := wordings(c, &ours)
	return texts
}

// ourSettings are its texts, each in its languages.
func ourSettings(c *config.Config) []config.Setting {
	return slices.DeleteFunc(c.PluginSettings(&ours), func(s config.Setting) bool { return s.Kind != config.WordingKind })
}

// checkOurs says what is wrong with its table in the config.
func checkOurs(c *config.Config) error {
	p, at := c.Plugin(ours.Name), "plugins."+ours.Name
	if !p.Enabled || len(p.Config) > 0 || len(p.Secrets) > 0 {
		return fmt.Errorf("%w: %s: %s: %w", config.ErrConfig, c.Where(at), at, errOurs)
	}
	_, err := wordings(c, &ours)
	return err
}
